"""A copy of the project, in which the tests run commands and change the bot."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
WAIT_SECONDS = 60.0


class BackgroundCommand:
    """A command that runs in the background; its output goes to a file."""

    def __init__(
        self, checkout: Path, arguments: tuple[str, ...], settings: dict[str, str]
    ) -> None:
        environment = {name: v for name, v in os.environ.items() if not name.startswith("GL_")}
        self._file = checkout / "output.txt"
        with self._file.open("w") as stdout:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.cli", *arguments],
                cwd=checkout,
                env=environment | settings | {"PYTHONUNBUFFERED": "1"},
                stdout=stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._file.read_text()

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Wait until the output contains `text` at least that many times."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.output.count(text) < times:
            assert time.monotonic() < deadline, f"{text!r} is missing:\n{self.output}"
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal as a terminal or `kill` does, and return the exit code."""
        from_terminal = number in (signal.SIGINT, signal.SIGHUP)
        (os.killpg if from_terminal else os.kill)(self.process.pid, number)
        return self.process.wait(WAIT_SECONDS)

    def url(self, label: str) -> str:
        found = re.search(rf"^ *{label}\s+(http://\S+)$", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]


Start = Callable[..., BackgroundCommand]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a copy of the project with the sample bot."""
    for name in ("handler", "infra"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "sample" / "bot.py", tmp_path / "handler" / "bot.py")
    return tmp_path


@pytest.fixture
def start(checkout: Path) -> Iterator[Start]:
    """Start a command in the copy, with arguments and environment variables."""
    with contextlib.ExitStack() as stack:

        def start_command(*arguments: str, **settings: str) -> BackgroundCommand:
            command = BackgroundCommand(checkout, arguments, settings)
            stack.enter_context(command.process)
            stack.callback(command.process.kill)
            return command

        yield start_command
