"""The command line starts without what only some commands need."""

import subprocess
import sys
from pathlib import Path

PROJECT_ROOT = Path(__file__).parents[3]


def test_the_other_commands_start_without_boto3_and_httpx() -> None:
    imported = "import sys, infra.cli; print({'boto3', 'botocore', 'httpx'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", imported],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"
