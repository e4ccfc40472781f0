"""The cold start: the init duration of each function under AWS's own emulator."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.testing.emulator import Emulator

from .events import SECRET, delivery, ignored_body
from .packages import HELLO, RECEIVE, WORK, DeployedFunction
from .report import Goal, ratio, show, times

if TYPE_CHECKING:
    from infra.package import Package

    from .packages import Packages

QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks.fifo"
INLINE = {"GL_SECRET": SECRET, "GL_ACCESS_TOKEN": "benchmark-token"}
RECEIVING = {"GL_SECRET": SECRET, "QUEUE_URL": QUEUE_URL, "METRICS_NAMESPACE": "benchmark"}
WORKING = {
    "GL_ACCESS_TOKEN": "benchmark-token",
    "QUEUE_URL": QUEUE_URL,
    "PARKED_QUEUE_URL": QUEUE_URL,
    "METRICS_NAMESPACE": "benchmark",
}
EARLIER = ", earlier commit"
HELLO_WORLD, HELLO_SOURCES = "hello world", "hello world without bytecode"


@dataclass(frozen=True)
class ColdStart:
    """A function to start.

    Attributes:
        function: The function and its environment.
        event: Its first event, which needs neither the queue nor GitLab.
        hello: The name of the hello world that it is compared with.
    """

    function: DeployedFunction
    event: Any
    hello: str = HELLO_WORLD

    def milliseconds(self) -> float:
        """Start the function once, and return its init duration."""
        function = self.function
        folder = function.package.folder
        with Emulator(folder, function.entry_point, env=function.environ) as emulator:
            answer = emulator.invoke(self.event)
            if answer.get("statusCode") != 200 and answer != {"batchItemFailures": []}:
                raise RuntimeError(f"{function.entry_point} answered {answer}")
            return emulator.init_milliseconds


def measure(packages: Packages, rounds: int) -> None:
    """Start each function `rounds` times, in turns, and print the table."""
    starts = _starts(packages)
    durations: dict[str, list[float]] = {name: [] for name in starts}
    for _ in range(rounds):
        for name, start in starts.items():
            durations[name].append(start.milliseconds())
    ratios = {
        name: ratio(durations[name], durations[start.hello]) for name, start in starts.items()
    }
    show(
        "(a) Cold start: init duration in milliseconds",
        ("function", "median", "to hello world", "minimum", "to hello world"),
        [
            (
                name,
                f"{statistics.median(durations[name]):.0f}",
                times(ratios[name]),
                f"{min(durations[name]):.0f}",
                times(min(durations[name]) / min(durations[start.hello])),
            )
            for name, start in starts.items()
        ],
        notes=f"{rounds} starts of each, in turns, compared with the hello world built alike: the "
        "median of the ratios of each round, and the ratio of the minima.",
        goals=[
            *(Goal(f"{name} to hello world", ratios[name], 1.15) for name in list(starts)[:2]),
            *(
                Goal(
                    f"{name} to the earlier commit",
                    ratio(durations[name], durations[f"{name}{EARLIER}"]),
                    1.05,
                )
                for name in list(starts)[:3]
                if f"{name}{EARLIER}" in starts
            ),
        ],
    )


def _starts(packages: Packages) -> dict[str, ColdStart]:
    ignored = delivery(ignored_body())
    ours, sources = packages.ours, packages.ours_without_bytecode
    greeter, greeter_sources = packages.hello, packages.hello_without_bytecode
    earlier = _functions(packages.earlier, ignored) if packages.earlier else {}
    return {
        **_functions(ours, ignored),
        **{f"{name}{EARLIER}": start for name, start in earlier.items()},
        HELLO_WORLD: ColdStart(DeployedFunction(greeter, HELLO, {}), ignored),
        "receive without bytecode": ColdStart(
            DeployedFunction(sources, RECEIVE, INLINE), ignored, HELLO_SOURCES
        ),
        HELLO_SOURCES: ColdStart(
            DeployedFunction(greeter_sources, HELLO, {}), ignored, HELLO_SOURCES
        ),
    }


def _functions(package: Package, ignored: Any) -> dict[str, ColdStart]:
    return {
        "receive": ColdStart(DeployedFunction(package, RECEIVE, INLINE), ignored),
        "receive with a queue": ColdStart(DeployedFunction(package, RECEIVE, RECEIVING), ignored),
        "work": ColdStart(DeployedFunction(package, WORK, WORKING), {"Records": []}),
    }
