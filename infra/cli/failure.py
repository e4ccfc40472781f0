"""How a command fails: in sentences on the standard error, and with an exit code.

0 is success, 1 that something could not be done, 2 a command that was typed wrong, 130 Ctrl-C.
"""

import contextlib
from collections.abc import Iterator

import typer

FAILED = 1
INTERRUPTED = 130


class Failure(Exception):  # noqa: N818 - it is printed, and no programmer's mistake
    """A command cannot go on; the message names what was wrong and the remedy."""


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn a `Failure` into its message and exit code 1, and Ctrl-C into exit code 130."""
    try:
        yield
    except Failure as failure:
        complain(failure)
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        complain("Stopped.")
        raise typer.Exit(INTERRUPTED) from None


def complain(text: object) -> None:
    """Print a sentence on the standard error, where it spoils no output that is read on."""
    from rich.console import Console

    from .console import Printer

    Printer(Console(stderr=True, highlight=False)).problem(text)
