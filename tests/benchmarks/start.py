"""How long a cold start takes, and how much memory the function holds, under AWS's own emulator."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.server import serve
from infra.testing.emulator import Emulator

from .events import SECRET, delivery, issue_body
from .report import TIMES, Goal, show, times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .packages import Contestant

COMMENTS = 20


def measure(contestants: Sequence[Contestant], rounds: int) -> None:
    """Start each package `rounds` times, in turns, and print the table of start-up times."""
    event = delivery(ignored_body(), signed=False)
    functions = {one.name: Function(partial(_emulator, one), event) for one in contestants}
    starts = in_turns(functions, rounds)
    medians = {name: statistics.median(taken) for name, taken in starts.items()}
    _show_starts(contestants, starts, medians, rounds)


@dataclass(frozen=True)
class Function:
    """A function to start.

    emulator: makes the emulator that it runs in.
    event: what it is then invoked with, which must be a success.
    """

    emulator: Callable[[], Emulator]
    event: Any

    def start(self) -> float:
        """Start it; return its init duration in milliseconds."""
        with self.emulator() as emulator:
            _require_success(emulator.invoke(self.event))
            return emulator.init_milliseconds


def in_turns(functions: Mapping[str, Function], rounds: int) -> dict[str, list[float]]:
    """Start each function `rounds` times, in turns; return their init durations."""
    starts: dict[str, list[float]] = {name: [] for name in functions}
    names = list(functions)
    for number in range(rounds):
        # Each comes after each of the others, which may leave the machine busy for a moment.
        shift = number % len(names)
        for name in [*names[shift:], *names[:shift]]:
            starts[name].append(functions[name].start())
    return starts


def measure_footprint(contestants: Sequence[Contestant]) -> None:
    """Print the table of sizes and peak memory."""
    rows = []
    goals = []
    for contestant in contestants:
        package, ours = contestant.package, contestant.function == "ours"
        memory = _memory_of_answering(contestant)
        commenting = _memory_of_commenting(contestant) if ours else None
        rows.append(
            (
                contestant.name,
                f"{package.source_bytes / 1e6:.1f}",
                f"{package.bytecode_bytes / 1e6:.1f}" if contestant.compiled else "",
                f"{memory:.0f}",
                f"{commenting:.0f}" if commenting is not None else "",
            )
        )
        if commenting is not None and contestant.compiled:
            goals.append(Goal("unzipped without byte code", package.source_bytes / 1e6, 12, " MB"))
            goals.append(Goal("peak memory", commenting, 100, " MB"))
    show(
        "(d) Size and memory",
        ("package", "source MB", "byte code MB", "memory MB", "commenting MB"),
        rows,
        told=(
            "MB are 1,000,000 bytes, unzipped; memory is the process's peak (VmHWM) after one",
            f"ignored delivery, and after {COMMENTS} that were each answered with a comment.",
        ),
        goals=goals,
    )


def _show_starts(
    contestants: Sequence[Contestant],
    starts: dict[str, list[float]],
    medians: dict[str, float],
    rounds: int,
) -> None:
    hello = {one.compiled: one.name for one in contestants if one.function != "ours"}
    ratios = {one.name: medians[one.name] / medians[hello[one.compiled]] for one in contestants}
    least = {name: min(taken) for name, taken in starts.items()}
    rows = [
        (
            one.name,
            f"{medians[one.name]:.0f}",
            times(ratios[one.name]),
            f"{least[one.name]:.0f}",
            times(least[one.name] / least[hello[one.compiled]]),
        )
        for one in contestants
    ]
    show(
        "(a) Cold start: init duration in milliseconds",
        ("package", "median", "to hello world", "least", "to hello world"),
        rows,
        told=(
            f"{rounds} starts of each, in turns; each package is held against the hello world that "
            "was built the same way.",
            "On a busy machine the least tells more than the median.",
        ),
        goals=[
            Goal("init to hello world's, with byte code,", ratios["ours"], 1.15, TIMES),
        ],
    )


def _memory_of_answering(contestant: Contestant) -> float:
    with _emulator(contestant) as function:
        _require_success(function.invoke(delivery(ignored_body(), signed=False)))
        return function.peak_memory_mb


def _memory_of_commenting(contestant: Contestant) -> float:
    sandbox = Sandbox()
    issue = sandbox.open_issue("It does not start")
    body = issue_body(sandbox, "open")
    with serve(sandbox) as url, _emulator(contestant, url) as function:
        for _ in range(COMMENTS):
            _require_success(function.invoke(delivery(body, signed=False)))
        sandbox.wait_for(lambda: len(issue.notes) == COMMENTS, what=f"{COMMENTS} comments")
        return function.peak_memory_mb


def ignored_body() -> bytes:
    """The body of an event that no handler wants."""
    sandbox = Sandbox()
    sandbox.open_issue("It does not start")
    return issue_body(sandbox, "update")


def _emulator(contestant: Contestant, url: str = "https://gitlab.example.com") -> Emulator:
    environ = {"GL_SECRET": SECRET, "GL_ACCESS_TOKEN": BOT_TOKEN, "GL_URL": url}
    return Emulator(contestant.package.folder, contestant.entry_point, env=environ)


def _require_success(answer: dict[str, Any]) -> None:
    if answer.get("statusCode") != 200 and answer != {"batchItemFailures": []}:
        raise RuntimeError(f"the function answered {answer}")
