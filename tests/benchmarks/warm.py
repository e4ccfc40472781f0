"""How long a warm invocation takes that answers an event which no handler wants."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.sandbox import Sandbox
from infra.testing.emulator import Emulator
from infra.testing.runtime import runtime_python

from .events import SECRET, SIGNING_TOKEN, delivery, issue_body
from .report import TIMES, Goal, show, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .packages import Contestant

TOKEN, SIGNED = "ours, by token", "ours, signed"
HELLO, SILENT = "hello world", "hello world, logging nothing"


@dataclass(frozen=True)
class Effort:
    """How much is invoked.

    rounds: processes of each, in turns.
    count: invocations that are measured in each process, after a quarter as many to warm up.
    """

    rounds: int
    count: int


QUICK = Effort(rounds=2, count=200)
FULL = Effort(rounds=7, count=1000)


@dataclass(frozen=True)
class Case:
    """A function, how its delivery is authenticated, and what it logs."""

    contestant: Contestant
    signed: bool = False
    log_level: str = "INFO"

    @property
    def environ(self) -> dict[str, str]:
        settings = {
            "GL_ACCESS_TOKEN": "benchmark-token",
            "LOG_LEVEL": self.log_level,
            "AWS_LAMBDA_LOG_LEVEL": self.log_level,
        }
        if self.signed:
            return {**settings, "GL_SIGNING_TOKEN": SIGNING_TOKEN}
        return {**settings, "GL_SECRET": SECRET}


def measure(contestants: Sequence[Contestant], effort: Effort) -> None:
    """Invoke ours and hello world in turns, and print the table."""
    compiled = {one.function: one for one in contestants if one.compiled}
    cases = {
        TOKEN: Case(compiled["ours"]),
        SIGNED: Case(compiled["ours"], signed=True),
        HELLO: Case(compiled["hello world"]),
        SILENT: Case(compiled["hello world"], log_level="WARNING"),
    }
    sandbox = Sandbox()
    sandbox.open_issue("It does not start")
    body = issue_body(sandbox, "update")
    alone: dict[str, list[float]] = defaultdict(list)
    emulated: dict[str, list[float]] = defaultdict(list)
    for _ in range(effort.rounds):
        for name, case in cases.items():
            alone[name] += _alone(case, body, effort)
            emulated[name] += _emulated(case, body, effort)
    _show(alone, emulated, effort)


def _alone(case: Case, body: bytes, effort: Effort) -> list[float]:
    """Microseconds of each invocation, in a process with the package and the runtime alone."""
    event = json.dumps(delivery(body, signed=case.signed))
    command = [
        *(str(runtime_python()), "-B", str(Path(__file__).parent / "invoke.py")),
        *(case.contestant.entry_point, str(effort.count // 4), str(effort.count)),
    ]
    done = subprocess.run(
        command,
        cwd=case.contestant.package.folder,
        env=case.environ,
        input=event,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{case.contestant.name} failed:\n{done.stderr}")
    taken: list[float] = json.loads(done.stdout)
    return taken


def _emulated(case: Case, body: bytes, effort: Effort) -> list[float]:
    """Microseconds of each invocation through the emulator, its HTTP included."""
    event = delivery(body, signed=case.signed)
    contestant = case.contestant
    taken = []
    with Emulator(contestant.package.folder, contestant.entry_point, env=case.environ) as function:
        for number in range(effort.count // 10 + effort.count // 4):
            started = time.perf_counter_ns()
            answer = function.invoke(event)
            ended = time.perf_counter_ns()
            if answer["statusCode"] != 200:
                raise RuntimeError(f"{contestant.name} answered {answer}")
            if number >= effort.count // 10:
                taken.append((ended - started) / 1000)
    return taken


def _show(alone: dict[str, list[float]], emulated: dict[str, list[float]], effort: Effort) -> None:
    rows = []
    goals = []
    for place, taken in (("the function alone", alone), ("through the emulator", emulated)):
        medians = {name: statistics.median(times_taken) for name, times_taken in taken.items()}
        for name, median in medians.items():
            ratio = median / medians[HELLO]
            p99 = statistics.quantiles(taken[name], n=100, method="inclusive")[98]
            rows.append((f"{place}: {name}", f"{median:.0f}", f"{p99:.0f}", times(ratio)))
            if taken is alone and name in (TOKEN, SIGNED):
                goals.append(Goal(f"{name}, to hello world, the function alone,", ratio, 2, TIMES))
    show(
        "(b) Warm: one invocation in microseconds",
        ("", "median", "p99", "to hello world"),
        rows,
        told=(
            "A 5 KB issue event, as an HTTP API hands it over, that no handler wants. Ours checks, "
            "parses, routes,",
            "logs and answers it; hello world reads none of it. Both log JSON at INFO, as the "
            "template sets it: ours",
            "its line for the delivery, hello world the one that Mangum logs, unless it logs "
            "nothing.",
            f"{effort.rounds} processes of each, in turns. Alone: the function is called in its "
            "process. The emulator adds",
            "AWS's runtime client and two hops of HTTP.",
        ),
        goals=goals,
    )
