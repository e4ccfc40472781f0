"""The random faults of GitLab, of the queue, and of the functions' processes."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from infra.sandbox import faults as gitlab
from infra.testing.sqs import Fault as QueueFault

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from infra.sandbox.faults import Exchange, Fault
    from infra.testing.functions import FunctionProcess
    from infra.testing.sqs import SkippableClock

GITLAB_READS, GITLAB_WRITES = 0.03, 0.09  # shares of the requests to GitLab
QUEUE = 0.03  # share of the requests to the queue
OUTAGE = 0.04  # share of the time
LONGEST_REQUEST = 60.0  # seconds after which GitLab ends a request

SLOWEST_ANSWER = 1.2  # seconds; the bot of the soak waits for 0.7

RETRY_AFTER = ["1", "7", "30", "120"]
JSON, HTML = {"content-type": "application/json"}, {"content-type": "text/html"}
MAINTENANCE = '{"message": "You cannot perform write operations on a read-only instance"}'


class Chaos:
    """Chooses faults, and counts them.

    Args:
        chance: Makes the choices.
        clock: Schedules late writes.
        workers: The processes of the working function, by access token.

    Attributes:
        on: Whether faults happen.
        counts: The faults so far.
    """

    def __init__(
        self, chance: Random, clock: SkippableClock, workers: dict[str, FunctionProcess]
    ) -> None:
        self._chance = chance
        self._clock = clock
        self._workers = workers
        self._guard = threading.Lock()
        self._late: list[tuple[float, gitlab.Late]] = []
        self._outages: set[str] = set()
        self.on = True
        self.counts: Counter[str] = Counter()
        self._always: dict[str, Callable[[], Fault]] = {
            "429": lambda: gitlab.refused(429, body="Retry later\n"),
            "429 with Retry-After": lambda: gitlab.refused(
                429, {"retry-after": chance.choice(RETRY_AFTER)}, "Retry later\n"
            ),
            "500": lambda: gitlab.refused(500),
            "502": lambda: gitlab.refused(502),
            "503": lambda: gitlab.refused(503),
            "409 Resource lock": lambda: gitlab.refused(409, JSON, '{"message": "Resource lock"}'),
            "HTML, 200": lambda: gitlab.refused(200, HTML, "<!DOCTYPE html><title>Sign in</title>"),
            "HTML, 403": lambda: gitlab.refused(403, HTML, "<html>Checking your browser</html>"),
            "slow answer": lambda: gitlab.slow(chance.uniform(0, SLOWEST_ANSWER)),
            "no answer": lambda: gitlab.silent,
            "connection dropped": lambda: gitlab.dropped,
            "worker killed before": lambda: self._killing("before"),
            "worker killed during": lambda: self._killing("during"),
            "worker killed after": lambda: self._killing("after"),
        }
        self._writes: dict[str, Callable[[], Fault]] = {
            "maintenance mode": lambda: gitlab.refused(403, JSON, MAINTENANCE),
            "write done, answer dropped": lambda: gitlab.lost,
            "write done, no answer": lambda: gitlab.unheard,
            "write done, answered 502": lambda: gitlab.given_up(502),
            "write done, answered 504": lambda: gitlab.given_up(504),
            "write done late, answer dropped": lambda: self._late_write(gitlab.dropped),
            "write done late, no answer": lambda: self._late_write(gitlab.silent),
            "write done late, answered 504": lambda: self._late_write(gitlab.refused(504)),
            "write done late, worker killed": lambda: self._late_write(self._killing("before")),
        }

    def gitlab(self, exchange: Exchange) -> Fault | None:
        """Return the fault of a request to GitLab, if any."""
        if not self.on:
            return None
        if "GitLab" in self._outages:
            status = self._chance.choice(["500", "502", "503"])
            return gitlab.refused(int(self._count("GitLab down", status)))
        if self._chance.random() > (GITLAB_WRITES if exchange.writes else GITLAB_READS):
            return None
        kinds = self._always | (self._writes if exchange.writes else {})
        return kinds[self._count("GitLab", self._chance.choice(list(kinds)))]()

    def queue(self, action: str) -> QueueFault | None:
        """Return the fault of a function's request to the queue, if any."""
        if not self.on:
            return None
        if "queue" in self._outages:
            self._count(f"queue down, {action}", "503")
            return QueueFault.UNAVAILABLE
        if self._chance.random() > QUEUE:
            return None
        kinds = [
            fault
            for fault in QueueFault
            if action == "SendMessageBatch" or fault is not QueueFault.PARTIAL
        ]
        fault = self._chance.choice(kinds)
        self._count(f"queue, {action}", fault)
        return fault

    def change_outages(self) -> None:
        """Decide whether GitLab or the queue is down from now on."""
        self._outages = {name for name in ("GitLab", "queue") if self._chance.random() < OUTAGE}

    def kill(self, kind: str, functions: list[FunctionProcess]) -> None:
        """Kill one of some processes, whatever it does at the moment."""
        if self.on:
            self._count("at any moment", f"{kind} killed")
            self._chance.choice(functions).kill()

    def commit(self, until: float | None = None) -> None:
        """Let GitLab do the late writes that are due by a moment, or all of them."""
        with self._guard:
            due = [late for moment, late in self._late if until is None or moment <= until]
            self._late = [one for one in self._late if one[1] not in due]
        for late in due:
            late.commit()

    def _count(self, place: str, fault: str) -> str:
        with self._guard:
            self.counts[f"{place}: {fault}"] += 1
        return fault

    def _late_write(self, way: Fault) -> Fault:
        late = gitlab.Late(way)
        moment = self._clock.now() + self._chance.uniform(0, LONGEST_REQUEST)
        with self._guard:
            self._late.append((moment, late))
        return late

    def _killing(self, stage: str) -> Fault:
        return gitlab.killing(lambda exchange: self._workers[exchange.token].kill(), stage)
