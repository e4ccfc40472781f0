"""Prints tables as Markdown, and whether goals are reached. Measures nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMES = " \N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Goal:
    """A figure and the limit that it is compared with.

    Attributes:
        figure: The name of the figure.
        unit: The unit, printed after both numbers.
        at_least: Whether the limit is a minimum; else it is a maximum.
    """

    figure: str
    value: float
    limit: float
    unit: str = TIMES
    at_least: bool = False

    def __str__(self) -> str:
        reached = self.value >= self.limit if self.at_least else self.value <= self.limit
        bound = "at least" if self.at_least else "at most"
        return (
            f"{self.figure}, {bound} {self.limit:g}{self.unit}: "
            f"{self.value:.2f}{self.unit}, {'reached' if reached else '**missed**'}"
        )


def show(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    notes: str,
    goals: Sequence[Goal] = (),
) -> None:
    """Print a table, notes on it, and its goals.

    Args:
        title: The title of the table.
        columns: The heads; the first column holds names, the others hold figures.
        rows: The rows of the table.
        notes: A description of the measurement.
        goals: The goals, printed below the notes.
    """
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    rule = [f"{'-' * (width - 1)}{':' if number else '-'}" for number, width in enumerate(widths)]
    print(f"### {title}\n")
    for row in (columns, rule, *rows):
        cells = (
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print(f"| {' | '.join(cells)} |")
    print(f"\n{notes}\n")
    if goals:
        print(*(f"- Goal: {goal}" for goal in goals), sep="\n", end="\n\n")


def ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the ratios of each round: the machine's speed differs between rounds."""
    return statistics.median(our / other for our, other in zip(ours, others, strict=True))


def times(value: float) -> str:
    """Format a ratio."""
    return f"{value:.2f}{TIMES}"


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
