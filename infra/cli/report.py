"""The report of a command that handles several items, one after the other."""

import contextlib
import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from .console import Printer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Report:
    """Prints the result of each item at once, or of all items as JSON at the end.

    Args:
        items: The name of the items ("tasks").
        verb: The participle for items that succeeded ("replayed").
        as_json: Whether to print one JSON object at the end, and nothing before.

    Attributes:
        printer: Prints further lines, unless the report is JSON.
        total: The number of items to handle.
        fields: Further fields of the JSON object.
    """

    def __init__(self, items: str, verb: str, *, as_json: bool) -> None:
        console = Console(highlight=False, quiet=as_json)
        self.printer = Printer(console)
        self.verb = verb
        self.total = 0
        self.fields: dict[str, Any] = {}
        self._items = items
        self._as_json = as_json
        self._status = console.status("")
        self._succeeded: list[dict[str, Any]] = []
        self._failed: list[dict[str, Any]] = []

    def progress(self, text: str) -> None:
        """Show the present step on a terminal, until the next call."""
        self._status.update(text)

    def note(self, item: str, summary: dict[str, Any], problem: str | None) -> None:
        """Record and print that an item succeeded, or its problem.

        Args:
            item: The item in one line.
            summary: The item's fields for programs.
            problem: The problem, `None` if the item succeeded.
        """
        if problem is None:
            self._succeeded.append(summary)
            self.printer.line(("✓ ", "green"), (item, ""))
        else:
            self._failed.append({**summary, "problem": problem})
            self.printer.line(("✗ ", "red"), (item, ""), (f": {problem}", "red"))

    @contextlib.contextmanager
    def concluded(self) -> Iterator[None]:
        """Print the conclusion after the block, even if an exception or Ctrl-C ends it.

        Raises:
            typer.Exit: An item failed.
        """
        error = None
        try:
            with self._status:
                yield
        except BaseException as raised:
            error = str(raised) or "interrupted"
            raise
        finally:
            if self._as_json:
                results = {self.verb: self._succeeded, "failed": self._failed, "error": error}
                print_json({**self.fields, **results})
            elif self.total:
                self.printer.say(self._conclusion())
        if self._failed:
            raise typer.Exit(1)

    def _conclusion(self) -> str:
        left = self.total - len(self._succeeded) - len(self._failed)
        failed = f", {len(self._failed)} failed" if self._failed else ""
        untried = f", {left} not tried" if left else ""
        return f"{len(self._succeeded)} of {self.total} {self._items} {self.verb}{failed}{untried}."


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))
