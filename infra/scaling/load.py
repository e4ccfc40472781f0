"""The assumed load: how many deliveries arrive, and how much work each of them causes.

Every default is an assumption and an option of the command. docs/scaling.md says which of the times
are measured.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY = 24 * 60 * 60  # seconds
PEAK = 2.1  # the busiest hour of a working day, as a multiple of the day's mean


@dataclass(frozen=True)
class Load:
    """The load of one day.

    Attributes:
        deliveries: The number of deliveries.
        tasks: The tasks of a delivery, on average; most deliveries match no handler.
        calls: The requests to GitLab's API for each task.
        notes: The notes that each task creates.
        issues: The issues that each task opens.
        receive: The seconds that the receiving function takes for a delivery.
        queue: The additional seconds for a delivery that becomes a task.
        work: The seconds that the working function takes for a task.
        start: The seconds that a cold start takes.
    """

    deliveries: int
    tasks: float = 0.05
    calls: int = 3
    notes: int = 1
    issues: int = 0
    receive: float = 0.003
    queue: float = 0.015
    work: float = 0.3
    start: float = 0.4

    @property
    def tasks_a_day(self) -> float:
        return self.deliveries * self.tasks
