"""How long a warm invocation takes that answers an event which no handler wants."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.sandbox import Sandbox
from infra.testing.emulator import Emulator

from . import alone
from .events import SECRET, SIGNING_TOKEN, delivery, issue_body
from .report import TIMES, Goal, show, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .packages import Contestant

OURS, OURS_SIGNED, HELLO = "ours, by token", "ours, signed", "hello world"
LOGGING, SILENT = "INFO", "WARNING"
PLACES = {
    ("alone", LOGGING): "alone",
    ("alone", SILENT): "alone, logging nothing",
    ("emulated", LOGGING): "in the emulator",
}


@dataclass(frozen=True)
class Effort:
    """How much is invoked.

    rounds: processes of each case, in turns.
    alone, emulated: invocations that are measured in each process, after half as many to warm up.
    """

    rounds: int
    alone: int
    emulated: int


QUICK = Effort(rounds=2, alone=200, emulated=50)
FULL = Effort(rounds=7, alone=1000, emulated=200)


@dataclass(frozen=True)
class Case:
    """Who is invoked, where, and at which level it logs."""

    who: str
    where: str
    log_level: str

    @property
    def place(self) -> str:
        return PLACES[self.where, self.log_level]

    @property
    def signed(self) -> bool:
        return self.who == OURS_SIGNED

    @property
    def environ(self) -> dict[str, str]:
        secret = {"GL_SIGNING_TOKEN": SIGNING_TOKEN} if self.signed else {"GL_SECRET": SECRET}
        return {
            **secret,
            "GL_ACCESS_TOKEN": "benchmark-token",
            "LOG_LEVEL": self.log_level,
            "AWS_LAMBDA_LOG_LEVEL": self.log_level,
        }


def measure(contestants: Sequence[Contestant], effort: Effort) -> None:
    """Invoke ours and hello world in turns, and print the table."""
    compiled = {one.function: one for one in contestants if one.compiled}
    cases = [
        Case(who, where, log_level)
        for where, log_level in PLACES
        for who in (OURS, OURS_SIGNED, HELLO)
    ]
    sandbox = Sandbox()
    sandbox.open_issue("It does not start")
    body = issue_body(sandbox, "update")
    taken: dict[Case, list[float]] = defaultdict(list)
    for _ in range(effort.rounds):
        for case in cases:
            contestant = compiled["hello world" if case.who == HELLO else "ours"]
            invoke = _alone if case.where == "alone" else _emulated
            taken[case] += invoke(case, contestant, body, effort)
    _show(taken, effort)


def _alone(case: Case, contestant: Contestant, body: bytes, effort: Effort) -> list[float]:
    """Microseconds of each invocation, in a process with the package and the runtime alone."""
    taken = alone.invoke(
        contestant.package.folder,
        contestant.entry_point,
        [delivery(body, signed=case.signed)],
        count=effort.alone * 3 // 2,
        expected={"statusCode": 200},
        environ=case.environ,
    )
    return [one.time for one in taken[-effort.alone :]]


def _emulated(case: Case, contestant: Contestant, body: bytes, effort: Effort) -> list[float]:
    """Microseconds of each invocation through the emulator, its HTTP included."""
    event = delivery(body, signed=case.signed)
    taken = []
    folder, entry_point = contestant.package.folder, contestant.entry_point
    with Emulator(folder, entry_point, env=case.environ) as function:
        for _ in range(effort.emulated * 3 // 2):
            started = time.perf_counter_ns()
            answer = function.invoke(event)
            taken.append((time.perf_counter_ns() - started) / 1000)
            if answer["statusCode"] != 200:
                raise RuntimeError(f"{contestant.name} answered {answer}")
    return taken[-effort.emulated :]


def _show(taken: dict[Case, list[float]], effort: Effort) -> None:
    medians = {case: statistics.median(values) for case, values in taken.items()}
    rows = []
    goals = []
    for case, median in medians.items():
        ratio = median / medians[Case(HELLO, case.where, case.log_level)]
        p99 = statistics.quantiles(taken[case], n=100, method="inclusive")[98]
        rows.append((case.place, case.who, f"{median:.0f}", f"{p99:.0f}", times(ratio)))
        if case.where == "alone" and case.who != HELLO:
            goals.append(Goal(f"{case.who}, {case.place}, to hello world's,", ratio, 2, TIMES))
    silent = medians[Case(HELLO, "alone", SILENT)]
    strict = [medians[Case(who, "alone", LOGGING)] / silent for who in (OURS, OURS_SIGNED)]
    show(
        "(b) Warm: one invocation in microseconds",
        ("", "function", "median", "p99", "to hello world"),
        rows,
        told=(
            "A 5 KB issue event, as an HTTP API hands it over, that no handler wants. Ours checks, "
            "parses, routes",
            "and answers it; hello world reads none of it. Alone: the function is called in its "
            "own process. The",
            "emulator adds AWS's runtime client and two hops of HTTP. Each is held against a hello "
            "world that logs at",
            "the same level: at INFO, as the template sets it, ours writes its line for the "
            "delivery and hello world",
            f"the one that Mangum writes. {effort.rounds} processes of each, in turns.",
            f"Ours at INFO to the hello world that logs nothing: {times(strict[0])} by token, "
            f"{times(strict[1])} signed.",
        ),
        goals=goals,
    )
