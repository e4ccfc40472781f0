"""What goes wrong at random: with GitLab, with the queue, and with the processes themselves."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import TYPE_CHECKING

from infra.sandbox import faults as gitlab
from infra.testing.sqs import Fault as QueueFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.sandbox.faults import Exchange, Fault
    from infra.testing.clock import Clock
    from infra.testing.functions import FunctionProcess

GITLAB = 0.06  # of requests to GitLab
QUEUE = 0.03  # of requests to the queue
OUTAGE = 0.04  # of the time, of either
LONGEST_REQUEST = 60.0  # seconds; GitLab ends its own requests then

RETRY_AFTER = ["1", "7", "30", "120"]


class Chaos:
    """Chooses what goes wrong, and counts it.

    Args:
        clock: what late writes are timed by.
        workers: the work functions, by the access token that each of them uses.
    """

    def __init__(self, clock: Clock, workers: dict[str, FunctionProcess]) -> None:
        self._clock = clock
        self._workers = workers
        self._guard = threading.Lock()
        self._late: list[tuple[float, gitlab.Late]] = []
        self._out: set[str] = set()
        self.on = True
        self.counts: Counter[str] = Counter()
        self._everywhere: dict[str, Callable[[], Fault]] = {
            "429": lambda: gitlab.refused(429, body="Retry later\n"),
            "429 with Retry-After": lambda: gitlab.refused(
                429, {"retry-after": random.choice(RETRY_AFTER)}, "Retry later\n"
            ),
            "500": lambda: gitlab.refused(500),
            "502": lambda: gitlab.refused(502),
            "503": lambda: gitlab.refused(503),
            "no answer": lambda: gitlab.silent,
            "connection dropped": lambda: gitlab.dropped,
            "worker killed before": lambda: self._killed("before"),
            "worker killed during": lambda: self._killed("during"),
            "worker killed after": lambda: self._killed("after"),
        }
        self._writes: dict[str, Callable[[], Fault]] = {
            "write done, answer dropped": lambda: gitlab.lost,
            "write done, no answer": lambda: gitlab.unheard,
            "write done, answered 502": lambda: gitlab.given_up(502),
            "write done, answered 504": lambda: gitlab.given_up(504),
            "write done late, answer dropped": lambda: self._later(gitlab.dropped),
            "write done late, no answer": lambda: self._later(gitlab.silent),
            "write done late, answered 504": lambda: self._later(gitlab.refused(504)),
            "write done late, worker killed": lambda: self._later(self._killed("before")),
        }

    def gitlab(self, exchange: Exchange) -> Fault | None:
        """What goes wrong with a request to GitLab, if anything."""
        # Writes are half of the requests, and where it matters.
        if not self.on:
            return None
        if "GitLab" in self._out:
            status = random.choice([500, 502, 503])
            return gitlab.refused(int(self._count("GitLab away", f"{status}")))
        if random.random() > GITLAB * (1.5 if exchange.writes else 0.5):
            return None
        kinds = {**self._everywhere, **(self._writes if exchange.writes else {})}
        return kinds[self._count("GitLab", random.choice(list(kinds)))]()

    def queue(self, action: str) -> QueueFault | None:
        """What goes wrong with a function's request to the queue, if anything."""
        if not self.on:
            return None
        if "queue" in self._out:
            self._count(f"queue away, {action}", "503")
            return QueueFault.UNAVAILABLE
        if random.random() > QUEUE:
            return None
        kinds = set(QueueFault)
        if action != "SendMessageBatch":
            kinds -= {QueueFault.PARTIAL}
        fault = random.choice(sorted(kinds))
        self._count(f"queue, {action}", fault)
        return fault

    def change_weather(self) -> None:
        """From now on, GitLab or the queue may be away altogether."""
        self._out = {name for name in ("GitLab", "queue") if random.random() < OUTAGE}

    def kill(self, kind: str, functions: list[FunctionProcess]) -> None:
        """Kill one of some functions, whatever it is doing."""
        if self.on:
            self._count("at any moment", f"{kind} killed")
            random.choice(functions).kill()

    def commit(self, until: float | None = None) -> None:
        """Have GitLab do the late writes that are due by a moment, or all of them."""
        with self._guard:
            due = [late for moment, late in self._late if until is None or moment <= until]
            self._late = [one for one in self._late if one[1] not in due]
        for late in due:
            late.commit()

    def _count(self, where: str, what: str) -> str:
        with self._guard:
            self.counts[f"{where}: {what}"] += 1
        return what

    def _later(self, way: Fault) -> Fault:
        late = gitlab.Late(way)
        moment = self._clock.now() + random.uniform(0, LONGEST_REQUEST)
        with self._guard:
            self._late.append((moment, late))
        return late

    def _killed(self, stage: str) -> Fault:
        return gitlab.killing(lambda exchange: self._workers[exchange.token].kill(), stage)
