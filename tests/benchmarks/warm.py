"""The warm invocation: the time that the function takes for an event that no handler wants."""

from __future__ import annotations

import statistics
from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from . import alone
from .events import SECRET, SIGNING_TOKEN, delivery, ignored_body
from .packages import HELLO, RECEIVE, DeployedFunction
from .report import Goal, percentile, show, times

if TYPE_CHECKING:
    from .packages import Packages

BY_TOKEN, SIGNED, HELLO_WORLD = "ours, by token", "ours, signed", "hello world"
LOG_LEVELS = ("INFO", "WARNING")


QUICK = alone.Effort(rounds=2, invocations=200)
FULL = alone.Effort(rounds=7, invocations=1000)


def measure(packages: Packages, effort: alone.Effort) -> None:
    """Invoke each function in turns, and print the table."""
    body = ignored_body()
    rounds: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for _ in range(effort.rounds):
        for level in LOG_LEVELS:
            for name, function in _functions(packages, level).items():
                event = delivery(body, signed=name == SIGNED)
                rounds[name, level].append(_invoke(function, event, effort.invocations))
    # The processor is fast for some processes and half as fast for others.
    fastest = {case: min(map(statistics.median, each)) for case, each in rounds.items()}
    ratios = {case: median / fastest[HELLO_WORLD, case[1]] for case, median in fastest.items()}
    show(
        "(b) Warm: one invocation in microseconds",
        ("function", "log level", "median", "p99", "to hello world"),
        [
            (
                *case,
                f"{fastest[case]:.0f}",
                f"{percentile(list(chain(*each)), 99):.0f}",
                times(ratios[case]),
            )
            for case, each in rounds.items()
        ],
        notes=(
            "A 5 KB issue event that no handler wants, in a process with the package and Lambda's "
            f"runtime only: the median of the fastest of {effort.rounds} processes of each, in "
            "turns, compared with the hello world at the same log level. p99 is of all."
        ),
        goals=[
            Goal(f"{name} at {level} to hello world", ratios[name, level], 2)
            for name, level in fastest
            if name != HELLO_WORLD
        ],
    )


def _functions(packages: Packages, level: str) -> dict[str, DeployedFunction]:
    common = {
        "GL_ACCESS_TOKEN": "benchmark-token",
        "LOG_LEVEL": level,
        "AWS_LAMBDA_LOG_LEVEL": level,
    }
    return {
        BY_TOKEN: DeployedFunction(packages.ours, RECEIVE, {**common, "GL_SECRET": SECRET}),
        SIGNED: DeployedFunction(
            packages.ours, RECEIVE, {**common, "GL_SIGNING_TOKEN": SIGNING_TOKEN}
        ),
        HELLO_WORLD: DeployedFunction(packages.hello, HELLO, common),
    }


def _invoke(function: DeployedFunction, event: Any, count: int) -> list[float]:
    """Return the microseconds of `count` invocations, after half as many that warm up."""
    timings = alone.invoke(function, [event], count * 3 // 2, {"statusCode": 200})
    return [timing.wall for timing in timings[-count:]]
