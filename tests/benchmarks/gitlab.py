"""The sandbox GitLab as a program of its own, which remembers when each note was stored.

    python -m tests.benchmarks.gitlab PORT

`GET /-/stored` gives the path of each note's request and when it was answered, in nanoseconds of
the system's monotonic clock, and forgets them. That clock is the same in every process.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import uvicorn

from infra.sandbox import Sandbox, payloads

from .processes import Program, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ISSUES = 400
STORED = "/-/stored"
BODY_BYTES = 5000


def sandbox() -> Sandbox:
    """A sandbox with `ISSUES` issues; each process that makes one gets the same."""
    made = Sandbox()
    for number in range(ISSUES):
        made.open_issue(f"Issue {number}", by="alice")
    return made


@contextlib.contextmanager
def started() -> Iterator[Program]:
    """Run this program until the block ends."""
    port = free_port()
    with running("gitlab", [sys.executable, "-m", __name__, str(port)], port, {}) as program:
        yield program


def stored(port: int) -> dict[str, int]:
    """When each note was stored since this was last asked, by the path it was posted to.

    port: of the sandbox.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{STORED}", timeout=10) as response:
        return dict(json.load(response))


def issue_events() -> list[tuple[str, bytes]]:
    """For each issue, the path where notes on it are posted, and the body that tells it was opened.

    The bodies have GitLab's shape and are `BODY_BYTES` long.
    """
    made = sandbox()
    events = []
    for issue in made.project.issues.values():
        event = payloads.issue_event(issue, action="open", by=issue.author, changes={})
        path = f"/api/v4/projects/{made.project.id}/issues/{issue.iid}/notes"
        events.append((path, padded(event)))
    return events


class RemembersNotes:
    """The sandbox's app, with a clock at its door."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._stored: list[tuple[str, int]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == STORED:
            await self._tell(send)
        elif scope["method"] == "POST":
            await self._app(scope, receive, self._clocked(scope["path"], send))
        else:
            await self._app(scope, receive, send)

    def _clocked(self, path: str, send: Send) -> Send:
        async def clocked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 201:
                self._stored.append((path, time.monotonic_ns()))
            await send(message)

        return clocked

    async def _tell(self, send: Send) -> None:
        body = json.dumps(self._stored).encode()
        self._stored.clear()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def padded(event: dict[str, Any]) -> bytes:
    """The event with a description that makes it `BODY_BYTES` long."""
    attributes = event["object_attributes"]
    attributes["description"] = ""
    missing = BODY_BYTES - len(json.dumps(event))
    attributes["description"] = ("It does not start. " * (missing // 19 + 1))[:missing]
    return json.dumps(event).encode()


if __name__ == "__main__":
    uvicorn.run(
        RemembersNotes(sandbox().app), port=int(sys.argv[1]), log_level="warning", access_log=False
    )
