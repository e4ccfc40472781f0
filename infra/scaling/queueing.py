"""A day of the queue, event by event: how long tasks wait for a free function and for GitLab.

The queue hands out the first task of each group, at most `MaximumConcurrency` at once. A try that
GitLab refuses holds its group until it comes again; when that is, the worker's own `retries` says.
Left out: the tenths of a second that SQS and Lambda take to hand a task on, and failures of any
other kind.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gidgetlambda.errors import RateLimitExceeded
from gidgetlambda.retries import Try, pause

if TYPE_CHECKING:
    from infra.scaling.limits import GitLabLimits
    from infra.scaling.load import Load

MINUTE = 60
MINUTES_A_DAY = 24 * 60
KEPT_WARM = 600  # seconds that Lambda keeps an idle function; AWS promises none
REFUSED = RateLimitExceeded(None, status_code=429)  # too many notes: GitLab names no time to wait


@dataclass(frozen=True)
class Waits:
    """What became of one day's tasks.

    median, p99: seconds from the delivery until the task was done.
    tries: for each task, in the mean.
    parked: tasks that GitLab refused for a day.
    backlog: tasks that waited at once, at the most.
    """

    median: float
    p99: float
    tries: float
    parked: int
    backlog: int


@dataclass(slots=True)
class _Task:
    arrived: float
    tries: int = 0


@dataclass(slots=True)
class _Day:
    """The state of the queue, of the functions and of GitLab's counters."""

    load: Load
    asked: list[tuple[str, int, int]]
    free: int
    chance: random.Random
    groups: dict[int, deque[_Task]] = field(default_factory=dict)
    ready: deque[int] = field(default_factory=deque)
    events: list[tuple[float, int, int]] = field(default_factory=list)
    used: Counter[tuple[str, int]] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    finished: float = -KEPT_WARM
    waiting: int = 0
    backlog: int = 0
    tries: int = 0
    parked: int = 0

    def arrive(self, now: float, group: int) -> None:
        self.waiting += 1
        self.backlog = max(self.backlog, self.waiting)
        queued = self.groups.get(group)
        if queued is not None:
            queued.append(_Task(now))
            return
        self.groups[group] = deque([_Task(now)])
        self.hand_out(now, group)

    def hand_out(self, now: float, group: int) -> None:
        """Start the first task of a group, as soon as a function is free."""
        self.ready.append(group)
        self.fill(now)

    def fill(self, now: float) -> None:
        while self.free and self.ready:
            self.start(now, self.ready.popleft())

    def start(self, now: float, group: int) -> None:
        self.free -= 1
        start = self.load.start if now - self.finished > KEPT_WARM else 0.0
        heapq.heappush(self.events, (now + start + self.load.work, 0, group))

    def finish(self, now: float, group: int) -> None:
        """End the try of a group's first task: done, again, or parked."""
        self.free += 1
        self.finished = now
        self.tries += 1
        queued = self.groups[group]
        task = queued[0]
        task.tries += 1
        if self.gitlab_takes_it(now):
            self.waits.append(now - task.arrived)
            self.leave(now, group)
        else:
            age = now - task.arrived
            seconds = pause(REFUSED, Try(age, task.tries, False, self.chance.random()))
            if seconds is None:
                self.parked += 1
                self.leave(now, group)
            else:
                heapq.heappush(self.events, (now + seconds, 1, group))
        self.fill(now)

    def leave(self, now: float, group: int) -> None:
        """Take the first task off its group, and hand out the next."""
        self.waiting -= 1
        queued = self.groups[group]
        queued.popleft()
        if queued:
            self.hand_out(now, group)
        else:
            del self.groups[group]

    def gitlab_takes_it(self, now: float) -> bool:
        """Whether a try stays within what GitLab takes in this minute, and count it."""
        minute = int(now // MINUTE)
        for what, amount, limit in self.asked:
            if self.used[what, minute] + amount > limit:
                return False
            self.used[what, minute] += amount
        return True


def fits(load: Load, limits: GitLabLimits) -> bool:
    """Whether GitLab takes within a day what a day brings."""
    return load.tasks_a_day <= limits.tasks(load) * MINUTES_A_DAY


def simulate(load: Load, limits: GitLabLimits, concurrency: int, seed: int = 1) -> Waits:
    """Play one day, and on until its last task is done or parked.

    Where a day brings more than GitLab takes (`fits`), the numbers would be those of the first day
    of a queue that only grows.
    """
    day = _Day(load, limits.asked(load), concurrency, random.Random(seed))
    for arrived, group in load.arrivals(seed):
        _play(day, arrived)
        day.arrive(arrived, group)
    _play(day, float("inf"))
    waits = sorted(day.waits)
    return Waits(
        median=_within(waits, 0.5),
        p99=_within(waits, 0.99),
        tries=day.tries / max(1, len(waits) + day.parked),
        parked=day.parked,
        backlog=day.backlog,
    )


def _within(waits: list[float], share: float) -> float:
    """The wait that so many of all, shortest first, do not exceed."""
    return waits[max(0, math.ceil(len(waits) * share) - 1)] if waits else 0.0


def _play(day: _Day, until: float) -> None:
    """Let everything happen that happens before some time."""
    while day.events and day.events[0][0] <= until:
        now, again, group = heapq.heappop(day.events)
        if again:
            day.hand_out(now, group)
        else:
            day.finish(now, group)
