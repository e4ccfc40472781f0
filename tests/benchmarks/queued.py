"""How long the two functions of the queued mode take to start, under AWS's own emulator."""

from __future__ import annotations

import statistics
from functools import partial
from typing import TYPE_CHECKING

from infra.sandbox import BOT_TOKEN
from infra.testing.emulator import Emulator

from . import packages, receive, start, work
from .events import delivery, queued
from .report import TIMES, Goal, show, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .packages import Contestant

HELLO, RECEIVE, WORK = "hello world", "receive, with a queue", "work"
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks.fifo"


def measure(contestants: Sequence[Contestant], rounds: int) -> None:
    """Start both functions and hello world `rounds` times, in turns, and print the table."""
    starts = start.in_turns(_functions(contestants), rounds)
    medians = {name: statistics.median(taken) for name, taken in starts.items()}
    least = {name: min(taken) for name, taken in starts.items()}
    ratios = {name: median / medians[HELLO] for name, median in medians.items()}
    show(
        "(e) Cold start with a queue: init duration in milliseconds",
        ("function", "median", "to hello world", "least", "to hello world"),
        [
            (
                name,
                f"{medians[name]:.0f}",
                times(ratios[name]),
                f"{least[name]:.0f}",
                times(least[name] / least[HELLO]),
            )
            for name in starts
        ],
        told=(
            f"{rounds} starts of each, in turns, with byte code. What signs for the queue is "
            "imported with the first",
            "delivery that is queued, and is in table (f).",
        ),
        goals=[
            Goal("receive's init to hello world's", ratios[RECEIVE], 1.15, TIMES),
        ],
    )


def _functions(contestants: Sequence[Contestant]) -> dict[str, start.Function]:
    """What is started. No event here needs the queue or GitLab."""
    ours, hello = packages.ours(contestants), packages.hello_world(contestants)
    body = start.ignored_body()
    delivered, task = delivery(body, signed=True), queued(body)
    queue = {"QUEUE_URL": QUEUE_URL, "METRICS_NAMESPACE": "benchmark"}
    receives = {**receive.environment(0), **queue}
    works = {**queue, "PARKED_QUEUE_URL": QUEUE_URL, "GL_ACCESS_TOKEN": BOT_TOKEN}
    return {
        RECEIVE: start.Function(
            partial(Emulator, ours, receive.ENTRY_POINT, env=receives), delivered
        ),
        WORK: start.Function(partial(Emulator, ours, work.ENTRY_POINT, env=works), task),
        HELLO: start.Function(partial(Emulator, hello, packages.ENTRY_POINTS[HELLO]), delivered),
    }
