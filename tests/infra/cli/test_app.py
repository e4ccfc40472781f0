"""The command line as a whole: its start and its help."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

PROJECT_ROOT = Path(__file__).parents[3]


def test_starts_without_the_libraries_of_single_commands() -> None:
    code = "import sys, infra.cli; print({'boto3', 'httpx', 'uvicorn'} & sys.modules.keys())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ([], ["run", "demo", "sandbox", "deploy", "parked", "hook"]),
        (["demo"], []),
        (["deploy"], ["--yes"]),
        (["hook"], ["resend"]),
        (["hook", "resend"], ["--group", "--dry-run", "--keep-going", "--json"]),
        (["parked"], ["list", "show", "replay", "drop"]),
        (["parked", "drop"], ["--all", "--yes", "--json"]),
    ],
)
def test_help_lists_commands_and_flags_without_types(
    invoke: Callable[..., Result], command: list[str], names: list[str]
) -> None:
    text = invoke(*command, "--help").stdout
    first_words = {line.lstrip("│ ").partition(" ")[0] for line in text.splitlines()}
    assert first_words >= {*names, "--help"}
    assert "<bool>" not in text
    assert "completion" not in text
