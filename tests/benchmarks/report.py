"""How figures are shown: tables, and whether a goal was reached. Measures nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TIMES = " \N{MULTIPLICATION SIGN}"

# A terminal is as wide as it is; what is written to a file is not cut.
console = Console(highlight=False, width=None if Console().is_terminal else 110)


@dataclass(frozen=True)
class Goal:
    """Something that a figure is held against.

    what: the figure in words.
    value, limit: in the same unit.
    unit: stands after both numbers.
    at_least: whether the figure must not be below the limit, instead of above it.
    """

    what: str
    value: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        bound = "at least" if self.at_least else "at most"
        verdict = "[green]reached[/]" if self.reached else "[red]missed[/]"
        return (
            f"  goal: {self.what} {bound} {self.limit:g}{self.unit}: "
            f"{self.value:.2f}{self.unit}, {verdict}"
        )


def show(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    told: Sequence[str] = (),
    goals: Sequence[Goal] = (),
) -> None:
    """Print a table, what there is to know about it, and its goals.

    columns: the first is of names, the others are of figures.
    told: sentences on what was measured and how.
    """
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for sentence in told:
        console.print(f"  {sentence}")
    for goal in goals:
        console.print(str(goal))
    console.print()


def times(value: float) -> str:
    """A ratio, as it stands in a table."""
    return f"{value:.2f}{TIMES}"
