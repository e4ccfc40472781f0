"""How long a cold start takes, and how much memory the function holds, under AWS's own emulator."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.server import serve
from infra.testing.emulator import Emulator

from .events import SECRET, delivery, issue_body
from .report import TIMES, Goal, show, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .packages import Contestant

COMMENTS = 20


def measure(contestants: Sequence[Contestant], rounds: int) -> None:
    """Start each package `rounds` times, in turns, and print the table of start-up times."""
    body = _ignored_body()
    starts: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        # Each comes after each of the others, which may leave the machine busy for a moment.
        shift = number % len(contestants)
        for contestant in [*contestants[shift:], *contestants[:shift]]:
            with _emulator(contestant) as function:
                _require_success(function.invoke(delivery(body, signed=False)))
                starts[contestant.name].append(function.init_milliseconds)
    medians = {name: statistics.median(taken) for name, taken in starts.items()}
    _show_starts(contestants, starts, medians, rounds)


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
        _require_success(function.invoke(delivery(_ignored_body(), signed=False)))
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


def _ignored_body() -> bytes:
    sandbox = Sandbox()
    sandbox.open_issue("It does not start")
    return issue_body(sandbox, "update")


def _emulator(contestant: Contestant, url: str = "https://gitlab.example.com") -> Emulator:
    environ = {"GL_SECRET": SECRET, "GL_ACCESS_TOKEN": BOT_TOKEN, "GL_URL": url}
    return Emulator(contestant.package.folder, contestant.entry_point, env=environ)


def _require_success(answer: dict[str, object]) -> None:
    if answer.get("statusCode") != 200:
        raise RuntimeError(f"the function answered {answer}")
