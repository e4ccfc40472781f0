"""The load: how many deliveries a day, how they spread over it, and what they ask for.

These are assumptions, to be replaced by one's own: every number here is an option of the command.
docs/scaling.md tells which of the times are measured, by `make bench`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600
DAY = 24 * HOUR

# A working day of people who live within a few time zones: the busiest hour has 2.1 times the mean.
HOURS = (1, 1, 1, 1, 1, 2, 3, 6, 10, 12, 12, 11, 8, 10, 12, 12, 10, 8, 5, 3, 2, 2, 1, 1)
PEAK = max(HOURS) * len(HOURS) / sum(HOURS)

EVENTS_PER_TARGET = 5  # tasks that one issue or merge request has in a day
HOT = -1  # the target that everybody writes in


@dataclass(frozen=True)
class Load:
    """What arrives, and how long it takes.

    deliveries: a day.
    tasks: for each delivery, in the mean: most deliveries are for no handler.
    hot: of all tasks, those about one issue that everybody writes in.
    calls, notes, issues: to GitLab's API and created there, for each task.
    receive, queue, work: seconds that the receiving function takes for a delivery, that the queue
        takes longer for one with a task, and that the working function takes for a task.
    start: seconds that a function takes to start.
    """

    deliveries: int
    tasks: float = 0.05
    hot: float = 0.02
    calls: int = 3
    notes: int = 1
    issues: int = 0
    receive: float = 0.003
    queue: float = 0.015
    work: float = 0.3
    start: float = 0.4

    @property
    def tasks_a_day(self) -> int:
        """Tasks, a day."""
        return round(self.deliveries * self.tasks)

    def at_peak(self, a_day: float) -> float:
        """What a number a day is in a second of the busiest hour."""
        return a_day * PEAK / DAY

    def arrivals(self, seed: int) -> Iterator[tuple[float, int]]:
        """The tasks of one day: when each comes, in seconds since midnight, and its target."""
        chance = random.Random(seed)
        targets = max(1, self.tasks_a_day // EVENTS_PER_TARGET)
        hours = chance.choices(range(len(HOURS)), HOURS, k=self.tasks_a_day)
        for second in sorted((hour + chance.random()) * HOUR for hour in hours):
            hot = chance.random() < self.hot
            yield second, HOT if hot else chance.randrange(targets)
