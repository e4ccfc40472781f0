"""Code in a separate process, where `import bot` imports the sample bot."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORT_PATH = os.pathsep.join((f"{ROOT}/tests/sample", f"{ROOT}/handler"))


def run_python(code: str, *, stdin: str = "", **environ: str) -> str:
    """Run code with the given settings only; return its standard output."""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        input=stdin,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": IMPORT_PATH, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout
