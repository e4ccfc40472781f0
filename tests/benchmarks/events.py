"""Issue events of 5 KB in GitLab's shape, as deliveries to the bots and to the functions."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from infra.sandbox import Sandbox, payloads
from infra.sandbox.webhooks import sign
from infra.testing.events import http_api_event

if TYPE_CHECKING:
    from starlette.types import ASGIApp

ISSUES = 400
BODY_BYTES = 5_000
SECRET = "benchmark-secret"
SIGNING_TOKEN = "whsec_" + base64.b64encode(b"benchmark".ljust(32, b"-")).decode()


def sandbox() -> Sandbox:
    """Return a sandbox GitLab with `ISSUES` issues, the same ones in every process."""
    made = Sandbox()
    for number in range(ISSUES):
        made.open_issue(f"Issue {number}", by="alice")
    return made


def sandbox_app() -> ASGIApp:
    return sandbox().app


def bodies(made: Sandbox, action: str = "open") -> list[bytes]:
    """Return the body of an event on each issue of a sandbox."""
    return [
        _padded(payloads.issue_event(issue, action=action, by=issue.author, changes={}))
        for issue in made.project.issues.values()
    ]


def ignored_body() -> bytes:
    """Return the body of an event that no handler wants."""
    return bodies(sandbox(), "update")[0]


def headers() -> dict[str, str]:
    """Return the headers of a new delivery, with the secret token."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/19.6.0",
        "Idempotency-Key": str(uuid.uuid4()),
        "X-Gitlab-Event": "Issue Hook",
        "X-Gitlab-Event-UUID": str(uuid.uuid4()),
        "X-Gitlab-Instance": "https://gitlab.example.com",
        "X-Gitlab-Token": SECRET,
        "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
    }


def delivery(body: bytes, *, signed: bool = False) -> dict[str, Any]:
    """Return the event with which API Gateway invokes the function for a new delivery."""
    fields = headers()
    if signed:
        del fields["X-Gitlab-Token"]
        timestamp = str(int(time.time()))
        fields |= {
            "webhook-id": fields["Idempotency-Key"],
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(SIGNING_TOKEN, fields["Idempotency-Key"], timestamp, body),
        }
    return http_api_event("POST", "/webhook", fields, body)


def _padded(event: dict[str, Any]) -> bytes:
    """Return the event with a description that makes it `BODY_BYTES` long."""
    event["object_attributes"]["description"] = ""
    missing = BODY_BYTES - len(json.dumps(event))
    event["object_attributes"]["description"] = ("It does not start. " * missing)[:missing]
    return json.dumps(event).encode()
