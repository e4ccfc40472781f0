"""A table of what an invocation takes, less what the other side takes of it. Measures nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .report import Goal, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .alone import Invocation


@dataclass
class Shares:
    """What was measured of one kind of invocation, in microseconds.

    total, cpu: of each invocation, its time and the function's processor time.
    theirs: the time that the other side took for the same requests, of each.
    """

    total: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def add(self, invocations: Sequence[Invocation], theirs: Sequence[float]) -> None:
        self.total += [one.time for one in invocations]
        self.cpu += [one.cpu for one in invocations]
        self.theirs += theirs

    @property
    def ours(self) -> float:
        """The difference of the medians, in milliseconds."""
        return _milliseconds(self.total) - _milliseconds(self.theirs)

    def row(self, name: str) -> tuple[str, ...]:
        """As it stands in the table; of few there is no p99."""
        few = len(self.total) < 100
        p99 = "" if few else f"{statistics.quantiles(self.total, n=100)[98] / 1000:.2f}"
        figures = (_milliseconds(self.theirs), self.ours, _milliseconds(self.cpu))
        return (
            name,
            f"{_milliseconds(self.total):.2f}",
            p99,
            *(f"{figure:.2f}" for figure in figures),
        )


@dataclass
class Measured:
    """The first invocation of each process, and those after it had warmed up."""

    first: Shares = field(default_factory=Shares)
    warm: Shares = field(default_factory=Shares)

    def add(self, invocations: Sequence[Invocation], theirs: Sequence[float], warm: int) -> None:
        """Take in one process's invocations, of which the last `warm` count as warm."""
        self.first.add(invocations[:1], theirs[:1])
        self.warm.add(invocations[-warm:], theirs[-warm:])

    def show(
        self, title: str, other_side: str, told: tuple[str, ...], goals: tuple[Goal, ...] = ()
    ) -> None:
        """Print the table."""
        show(
            title,
            ("", "median", "p99", other_side, "ours", "CPU"),
            (self.warm.row("warm"), self.first.row("the first of a container")),
            told=told,
            goals=goals,
        )


def _milliseconds(microseconds: list[float]) -> float:
    return statistics.median(microseconds) / 1000
