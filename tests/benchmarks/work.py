"""How long the working function takes for a task that comments on an issue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.sandbox import BOT_TOKEN

from . import alone, gitlab, wire
from .events import queued
from .shares import Measured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENTRY_POINT = "work.lambda_handler"
DONE: dict[str, object] = {"batchItemFailures": []}
ISSUE = re.compile(rb"/issues/\d+/notes")


@dataclass(frozen=True)
class Effort:
    """How much is invoked.

    rounds: processes, each of which has a first task, and a sandbox of its own.
    warm: tasks that are measured in each, after half as many to warm up; each has an issue of its
        own, and the repeated requests another.
    """

    rounds: int
    warm: int


QUICK = Effort(rounds=3, warm=40)
FULL = Effort(rounds=10, warm=120)


@dataclass(frozen=True)
class Requests:
    """What the function asks of GitLab, as recorded: for its first task, and for each further."""

    first: list[bytes]
    further: list[bytes]

    def on(self, paths: Sequence[str]) -> list[list[bytes]]:
        """The same requests, about other issues.

        paths: of their notes.
        """
        rounds = [self.first] + [self.further] * (len(paths) - 1)
        return [
            [_about(path, request) for request in requests]
            for path, requests in zip(paths, rounds, strict=True)
        ]


def measure(package: Path, effort: Effort) -> None:
    """Work on tasks, and print the table.

    package: our folder.
    """
    events = gitlab.issue_events()
    requests = _requests(package, events[:2])
    count = effort.warm * 3 // 2
    measured = Measured()
    for _ in range(effort.rounds):
        with gitlab.started() as sandbox:
            total = _work(package, events[:count], sandbox.port)
            repeated = requests.on([path for path, _ in events[count : 2 * count]])
            measured.add(total, wire.replay(repeated, sandbox.port), effort.warm)
            _require_notes(sandbox.port, 2 * count)
    _show(measured, effort, requests)


def _requests(package: Path, events: Sequence[tuple[str, bytes]]) -> Requests:
    """What the function asks of GitLab for two tasks."""
    with gitlab.started() as sandbox, wire.recorder(sandbox.port) as (port, requests):
        _work(package, events, port)
    further = [request for request in requests if events[1][0].encode() in request]
    return Requests(requests[: -len(further)], further)


def _work(package: Path, events: Sequence[tuple[str, bytes]], port: int) -> list[alone.Invocation]:
    return alone.invoke(
        package,
        ENTRY_POINT,
        [queued(body) for _, body in events],
        count=len(events),
        expected=DONE,
        environ={
            "GL_URL": f"http://127.0.0.1:{port}",
            "GL_ACCESS_TOKEN": BOT_TOKEN,
            "METRICS_NAMESPACE": "benchmark",
            "LOG_LEVEL": "INFO",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
        },
    )


def _about(path: str, request: bytes) -> bytes:
    """A request with another issue's path; the number of digits does not matter to its body."""
    line, _, rest = request.partition(b"\r\n")
    notes = path[path.index("/issues/") :].encode()
    return ISSUE.sub(notes, line) + b"\r\n" + rest


def _require_notes(port: int, count: int) -> None:
    """A task that was parked, or found nothing to do, would have been answered the same."""
    stored = gitlab.stored(port)
    if len(stored) != count:
        raise RuntimeError(f"{count} tasks and repetitions made notes on {len(stored)} issues")


def _show(measured: Measured, effort: Effort, requests: Requests) -> None:
    measured.show(
        "(g) Work: one task that comments on an issue, in milliseconds",
        "GitLab's",
        (
            "welcome's task off the queue, in a process with the package and the runtime alone. "
            "GitLab is the sandbox",
            f"on the loopback, asked {len(requests.further)} times for a task, to look for the "
            "bot's mark and to post the note, and",
            f"{len(requests.first)} times for the first task, since the bot also asks who it is. "
            "GitLab's share is what a bare socket",
            "waits for its answers to the same requests on other issues, and ours the rest. The "
            "first task also imports",
            "what sends, makes the TLS context and connects. CPU: the function's processor time. "
            f"{effort.rounds} processes.",
        ),
    )
