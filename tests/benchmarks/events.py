"""What the functions are given: issue events of 5 KB, as deliveries and as tasks off the queue."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from typing import Any

from gidgetlambda.event import Event
from gidgetlambda.task import Task

from infra.sandbox import Sandbox, payloads
from infra.sandbox.webhooks import sign
from infra.testing.events import http_api_event

from .gitlab import padded

EVENT = "Issue Hook"
WELCOME = "gidgetlambda.plugins.welcome:issue_opened"
SECRET = "benchmark-secret"
SIGNING_TOKEN = "whsec_" + base64.b64encode(b"benchmark".ljust(32, b"-")).decode()


def issue_body(sandbox: Sandbox, action: str) -> bytes:
    """The body of an event on the sandbox's first issue, which alice caused."""
    issue = next(iter(sandbox.project.issues.values()))
    event = payloads.issue_event(issue, action=action, by=issue.author, changes={})
    return padded(event)


def delivery(body: bytes, *, signed: bool) -> dict[str, Any]:
    """What API Gateway hands to the function for one delivery."""
    delivery_id = str(uuid.uuid4())
    headers = _headers(delivery_id)
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


def queued(body: bytes) -> dict[str, Any]:
    """What Lambda hands to the function for one task: the welcoming of who opened an issue.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-fifo-message-event
    """
    headers = _headers(str(uuid.uuid4()))
    task = Task(Event(json.loads(body), event=EVENT, headers=headers), WELCOME, time.time())
    message = task.message()
    sent = str(int(time.time() * 1000))
    record = {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "benchmark",
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": sent,
            "SequenceNumber": "18849496460467696128",
            "MessageGroupId": message.group,
            "SenderId": "AROAEXAMPLE:receive",
            "MessageDeduplicationId": message.deduplication_id,
            "ApproximateFirstReceiveTimestamp": sent,
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:tasks.fifo",
        "awsRegion": "eu-west-1",
    }
    return {"Records": [record]}


def _headers(delivery_id: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/19.6.0",
        "Idempotency-Key": delivery_id,
        "X-Gitlab-Event": EVENT,
        "X-Gitlab-Event-UUID": str(uuid.uuid4()),
        "X-Gitlab-Instance": "https://gitlab.example.com",
        "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
    }
