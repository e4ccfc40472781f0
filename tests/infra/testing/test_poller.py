"""The stand-in for the event source mapping, where a lenient one would not be noticed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from infra.testing.poller import Poller
from infra.testing.sqs import Policy, SqsError

if TYPE_CHECKING:
    from infra.testing.sqs import Sqs

NEEDED = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]


def answering(answer: Any) -> Any:
    """Return a function that gives one answer to everything."""
    return SimpleNamespace(invoke=lambda event: answer)


@pytest.fixture
def queue(sqs: Sqs) -> str:
    """Return the URL of a queue with one message."""
    url = sqs.create_queue("tasks.fifo", FifoQueue="true", VisibilityTimeout="360")
    message = {"MessageBody": "hello", "MessageGroupId": "g", "MessageDeduplicationId": "1"}
    sqs.call(sqs.owner, "SendMessage", {"QueueUrl": url, **message})
    return url


@pytest.mark.parametrize(
    ("answer", "deleted"),
    [
        (None, True),
        ({}, True),
        ({"batchItemFailures": []}, True),
        ({"batchItemFailures": [{"itemIdentifier": "any"}]}, False),
        ("nonsense", False),
        (["nonsense"], False),
    ],
)
def test_deletes_a_message_only_if_no_failure_is_reported(
    sqs: Sqs, queue: str, answer: Any, deleted: bool
) -> None:
    (invocation,) = Poller(sqs, sqs.owner, queue, answering(answer)).drain()

    assert invocation.deleted is deleted
    assert len(sqs.messages(queue)) == (not deleted)


@pytest.mark.parametrize("missing", NEEDED)
def test_needs_the_permissions_of_a_mapping(sqs: Sqs, queue: str, missing: str) -> None:
    actions = [action for action in NEEDED if action != missing]
    statement = {"Effect": "Allow", "Action": actions, "Resource": sqs.arn(queue)}
    role = sqs.add_role("Worker", Policy((statement,)))

    with pytest.raises(SqsError, match=f"AccessDenied.*{missing}"):
        Poller(sqs, role, queue, answering(None)).drain()
