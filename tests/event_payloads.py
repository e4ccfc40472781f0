"""At least one webhook body for each event type that GitLab documents.

The sandbox makes the bodies of the events that it can send. The others are files in `payloads/`,
named after their `X-Gitlab-Event` and a variant: `note_hook.epic.json`.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from infra.sandbox import Edit, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWN = Path(__file__).with_name("payloads")
OUTSIDE = Path(__file__).parents[2] / "shared" / "payloads"
MISSING = "../shared/payloads is missing; only the project's own payloads are tested"


class EventPayload(NamedTuple):
    """The body of a delivery, and its event.

    Attributes:
        name: The name of the payload in test ids and messages.
        event: The `X-Gitlab-Event` header.
        body: The raw body.
    """

    name: str
    event: str
    body: bytes

    def __str__(self) -> str:
        return self.name

    @property
    def data(self) -> dict[str, Any]:
        """The parsed body: a new object at each access, which tests may change."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@functools.cache
def own_payloads() -> tuple[EventPayload, ...]:
    """Return the project's own payloads, for `pytest.mark.parametrize("payload", …, ids=str)`."""
    return (*_sandbox_payloads(), *map(_from_file, sorted(OWN.glob("*.json"))))


def outside_payloads() -> list[EventPayload]:
    """Return the payloads in `../shared/payloads`, or skip the test if there are none."""
    found = []
    for index in sorted(OUTSIDE.glob("*.headers.json")):
        folder = OUTSIDE / index.name.removesuffix(".headers.json")
        for file, header in json.loads(index.read_text()).items():
            event, _, legacy = header.removesuffix(")").partition(" (legacy: ")
            body = (folder / file).read_bytes()
            events = [event, legacy] if legacy else [event]
            found += [EventPayload(f"{folder.name}/{file}", each, body) for each in events]
    if not found:
        pytest.skip(MISSING)
    return found


def outside_signing_vector() -> dict[str, Any]:
    """Return the signed delivery in `../shared/payloads`, or skip the test if there is none."""
    path = OUTSIDE / "signing_test_vector.json"
    if not path.is_file():
        pytest.skip(MISSING)
    vector: dict[str, Any] = json.loads(path.read_text())
    return vector


def _from_file(path: Path) -> EventPayload:
    event = path.stem.partition(".")[0].replace("_", " ").title()
    return EventPayload(path.stem, event, path.read_bytes())


def _sandbox_payloads() -> Iterator[EventPayload]:
    accepting = httpx.MockTransport(lambda request: httpx.Response(200))
    with Sandbox(webhook_transport=accepting) as sandbox:
        issue = sandbox.open_issue("It does not start")
        hidden = sandbox.open_issue("A leak", confidential=True)
        merge_request = sandbox.open_merge_request("Fix it")
        note = sandbox.comment(issue, "Which version?", by="bob")
        (snippet,) = sandbox.project.snippets.values()
        commit = next(iter(sandbox.project.commits.values()))
        job = sandbox.run_pipeline("main", {"test": "failed", "lint": "pending"}).jobs[0]
        sandbox.add_hook("http://receiver.example.com")
        actions: dict[str, Callable[[], object]] = {
            "issue": lambda: sandbox.open_issue("It stops", labels=["bug"]),
            "issue_update": lambda: sandbox.edit(issue, Edit(title="Help", add_labels=("bug",))),
            "issue_close": lambda: sandbox.close_issuable(issue),
            "task": lambda: sandbox.open_issue("Boil water", issue_type="task"),
            "confidential_issue": lambda: sandbox.open_issue("A leak", confidential=True),
            "merge_request": lambda: sandbox.open_merge_request("Repair it", labels=["bug"]),
            "merge_request_update": lambda: sandbox.edit(merge_request, Edit(title="Draft: Fix")),
            "note_issue": lambda: sandbox.comment(issue, "Me too"),
            "note_merge_request": lambda: sandbox.comment(merge_request, "Thanks"),
            "note_snippet": lambda: sandbox.comment(snippet, "Hello"),
            "note_commit": lambda: sandbox.comment(commit, "Nice"),
            "note_update": lambda: sandbox.edit_note(note, "Which one?"),
            "confidential_note": lambda: sandbox.comment(hidden, "Quiet"),
            "emoji_issue": lambda: sandbox.award(issue, "thumbsup"),
            "emoji_note": lambda: sandbox.award(note, "thumbsup"),
            "push": lambda: sandbox.push("feature", "One", "Two"),
            "tag_push": lambda: sandbox.tag("v1.0.0"),
            "job": lambda: sandbox.set_status(job, "failed"),
            "pipeline": lambda: sandbox.run_pipeline("feature", {"test": "success"}),
        }
        for name, act in actions.items():
            act()
            event = sandbox.settle()[-1]
            body = json.dumps(event.data, ensure_ascii=False).encode()
            yield EventPayload(name, event.headers["X-Gitlab-Event"], body)
