"""The report of a command that handles several items, one after the other."""

import contextlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console

from .console import Printer
from .failure import Failure


def flag(*names: str, help: str) -> Any:
    """A flag, which the help shows without the type of a value."""
    return typer.Option(*names, metavar="", help=help)


AsJson = Annotated[bool, flag("--json", help="Print JSON, for programs.")]


class Item(Protocol):
    def describe(self) -> str:
        """The item in one line."""

    def summary(self) -> dict[str, Any]:
        """The item for programs."""


class Report:
    """Prints the result of each item at once or, as JSON, at the end.

    Args:
        items: the name of the items ("tasks").
        verb: the participle for items that are done ("replayed").
        as_json: print one JSON object at the end, and nothing before.

    Attributes:
        total: the number of items to handle.
        missing: a sentence for each thing that the user named and that does not exist.
        fields: further fields of the JSON object.
    """

    def __init__(self, items: str, verb: str, *, as_json: bool) -> None:
        console = Console(highlight=False, quiet=as_json)
        self.printer = Printer(console)
        self.verb = verb
        self.total = 0
        self.missing: list[str] = []
        self.fields: dict[str, Any] = {}
        self._items = items
        self._as_json = as_json
        self._status = console.status("")
        self._done: list[Item] = []
        self._failed: list[tuple[Item, str]] = []

    def progress(self, text: str) -> None:
        """Show the present step on a terminal, until the next call."""
        self._status.update(text)

    def note(self, item: Item, problem: str | None) -> None:
        """Record and print that an item is done, or its problem."""
        if problem is None:
            self._done.append(item)
            self.printer.line(("✓ ", "green"), (item.describe(), ""))
        else:
            self._failed.append((item, problem))
            self.printer.line(("✗ ", "red"), (item.describe(), ""), (f": {problem}", "red"))

    @contextlib.contextmanager
    def concluded(self) -> Iterator[None]:
        """Print the conclusion after the block, also if a `Failure` or Ctrl-C ends it.

        Raises:
            Failure: the block raised it, or something is missing.
            typer.Exit: an item failed.
        """
        stopped: Failure | KeyboardInterrupt | None = None
        try:
            with self._status:
                yield
        except (Failure, KeyboardInterrupt) as error:
            stopped = error
        if self._as_json:
            print_json(self._for_programs(stopped))
        elif self.total:
            self.printer.say(self._for_people())
        if stopped is not None:
            raise stopped
        raise_problems(self.missing)
        if self._failed:
            raise typer.Exit(1)

    def _for_people(self) -> str:
        left = self.total - len(self._done) - len(self._failed)
        failed = f", {len(self._failed)} failed" if self._failed else ""
        untried = f", {left} not tried" if left else ""
        return f"{len(self._done)} of {self.total} {self._items} {self.verb}{failed}{untried}."

    def _for_programs(self, stopped: BaseException | None) -> dict[str, Any]:
        return {
            **self.fields,
            self.verb: [item.summary() for item in self._done],
            "failed": [{**item.summary(), "problem": problem} for item, problem in self._failed],
            "missing": self.missing,
            "stopped": None if stopped is None else str(stopped) or "interrupted",
        }


def raise_problems(problems: list[str]) -> None:
    """Raise a `Failure` with all problems, if there are any."""
    if problems:
        raise Failure("\n".join(problems))


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))
