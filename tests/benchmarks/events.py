"""The deliveries that the function is given: issue events of 5 KB, with a token or signed."""

from __future__ import annotations

import base64
import time
import uuid
from typing import Any

from infra.sandbox import Sandbox, payloads
from infra.sandbox.webhooks import sign
from infra.testing.events import http_api_event

from .gitlab import padded

SECRET = "benchmark-secret"
SIGNING_TOKEN = "whsec_" + base64.b64encode(b"benchmark".ljust(32, b"-")).decode()


def issue_body(sandbox: Sandbox, action: str) -> bytes:
    """The body of an event on the sandbox's first issue, which alice caused."""
    issue = next(iter(sandbox.project.issues.values()))
    event = payloads.issue_event(
        sandbox.instance, issue, action=action, by=issue.author, changes={}
    )
    return padded(event)


def delivery(body: bytes, *, signed: bool) -> dict[str, Any]:
    """What API Gateway hands to the function for one delivery."""
    delivery_id = str(uuid.uuid4())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/19.6.0",
        "Idempotency-Key": delivery_id,
        "X-Gitlab-Event": "Issue Hook",
        "X-Gitlab-Event-UUID": str(uuid.uuid4()),
        "X-Gitlab-Instance": "https://gitlab.example.com",
        "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
    }
    if signed:
        timestamp = str(int(time.time()))
        headers |= {
            "webhook-id": delivery_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(SIGNING_TOKEN, delivery_id, timestamp, body),
        }
    else:
        headers["X-Gitlab-Token"] = SECRET
    return http_api_event("POST", "/webhook", headers, body)
