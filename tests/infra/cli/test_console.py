"""What the commands print, as a terminal gets it."""

import io

import pytest
from rich.console import Console

from infra.cli.console import Printer


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def printer(screen: io.StringIO) -> Printer:
    return Printer(Console(file=screen, width=40, force_terminal=False))


def test_lines_are_not_wrapped(printer: Printer, screen: io.StringIO) -> None:
    printer.say("word " * 50)
    printer.quote("word " * 50)
    assert len(screen.getvalue().splitlines()) == 2
