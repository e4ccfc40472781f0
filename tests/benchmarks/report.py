"""Prints tables, and whether goals are reached. Measures nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TIMES = " \N{MULTIPLICATION SIGN}"

# A terminal has its own width; output to a file is not cut off.
console = Console(highlight=False, width=None if Console().is_terminal else 100)


@dataclass(frozen=True)
class Goal:
    """A figure and the limit that it is compared with.

    Attributes:
        figure: in words.
        value: of the figure.
        limit: in the same unit.
        unit: printed after both numbers.
        at_least: whether the limit is a minimum; else it is a maximum.
    """

    figure: str
    value: float
    limit: float
    unit: str = TIMES
    at_least: bool = False

    def __str__(self) -> str:
        reached = self.value >= self.limit if self.at_least else self.value <= self.limit
        return (
            f"goal: {self.figure}: {'at least' if self.at_least else 'at most'} "
            f"{self.limit:g}{self.unit}, measured {self.value:.2f}{self.unit}, "
            f"{'[green]reached[/]' if reached else '[red]missed[/]'}"
        )


def show(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    notes: str = "",
    goals: Sequence[Goal] = (),
) -> None:
    """Print a table, notes on it, and its goals.

    Args:
        title: of the table.
        columns: the first holds names, the others hold figures.
        rows: of the table.
        notes: how the figures were measured.
        goals: printed below the notes.
    """
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for line in (notes, *goals):
        if line:
            console.print(f"{line}")
    console.print()


def times(value: float) -> str:
    """A ratio, as a table shows it."""
    return f"{value:.2f}{TIMES}"


def percentile(values: Sequence[float], percent: int) -> float:
    """A percentile of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
