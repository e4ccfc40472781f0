"""The command line as a whole: its start, its help, and its output."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import Result

from infra.cli.console import Printer

PROJECT_ROOT = Path(__file__).parents[3]


def test_starts_without_the_libraries_that_only_some_commands_need() -> None:
    code = "import sys, infra.cli; print({'boto3', 'botocore', 'httpx'} & sys.modules.keys())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ([], ["run", "demo", "parked", "hook"]),
        (["parked"], ["list", "show", "replay", "drop"]),
        (["hook"], ["resend"]),
        (["parked", "drop"], ["--all", "--yes", "--json"]),
        (["hook", "resend"], ["--group", "--dry-run", "--keep-going", "--json"]),
    ],
)
def test_help_names_commands_and_flags(
    invoke: Callable[..., Result], command: list[str], names: list[str]
) -> None:
    lines = invoke(*command, "--help").stdout.splitlines()
    for name in names:
        (line,) = (line for line in lines if line.lstrip("│ ").startswith(name + " "))
        assert "<bool>" not in line


def test_lines_are_not_wrapped() -> None:
    screen = io.StringIO()
    printer = Printer(Console(file=screen, width=40, force_terminal=False))
    printer.say("word " * 50)
    printer.quote("word " * 50)
    assert len(screen.getvalue().splitlines()) == 2
