"""From a webhook to a comment through the queue, in the template's environments and roles."""

from __future__ import annotations

import json
import random
import string
from typing import TYPE_CHECKING, Any

import pytest
from gidgetlambda.task import MESSAGE_LIMIT

from infra.sandbox import BOT_TOKEN
from infra.testing.sqs import Fault
from tests.durable.conftest import SECRET, bodies
from tests.handler import payloads

if TYPE_CHECKING:
    from tests.durable.conftest import DurableStack

HEADERS = {"X-Gitlab-Event": "Issue Hook", "Idempotency-Key": "d-1"}


def body(**attributes: Any) -> bytes:
    return json.dumps(payloads.issue(**attributes)).encode()


def test_a_delivery_is_queued_and_answered_before_its_handler_runs(deployed: DurableStack) -> None:
    issue = deployed.open()

    (delivery,) = deployed.gitlab.hook_events
    (task,) = deployed.queued
    answer = {"status": "queued", "delivery": delivery.delivery_id, "handlers": [task.handler]}
    assert deployed.answers == [(202, answer)]
    assert issue.notes == []

    deployed.settle()
    assert bodies(issue) == ["Hello"]
    assert deployed.queued == deployed.parked == []


def test_no_secret_is_queued_parked_or_logged(deployed: DurableStack) -> None:
    issue = deployed.open()
    deployed.close(issue)
    deployed.reopen(issue)
    queued = [one.body for one in deployed.sqs.messages(deployed.stack.queue())]
    deployed.settle()
    parked = [one.body for one in deployed.sqs.messages(deployed.stack.parked_queue)]
    texts = [*queued, *parked, deployed.log("receive.log"), deployed.log("work.log")]

    assert (len(queued), len(parked)) == (3, 1)
    assert all(secret not in text for text in texts for secret in (SECRET, BOT_TOKEN))


@pytest.mark.parametrize("hours", [0, 0.01, 1, 24])
def test_a_delivery_that_is_resent_leads_to_one_comment(
    deployed: DurableStack, hours: float
) -> None:
    issue = deployed.open()
    if hours:
        deployed.settle()
        deployed.sqs.clock.advance(hours * 3600)
    assert deployed.resend(deployed.gitlab.hook_events[0]) == 202

    deployed.settle()
    assert bodies(issue) == ["Hello"]


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.THROTTLED, Fault.DROPPED])
def test_a_delivery_that_the_queue_refuses_is_logged_and_can_be_resent(
    deployed: DurableStack, fault: Fault
) -> None:
    deployed.sqs.faults.add("SendMessageBatch", fault, times=3)
    issue = deployed.open()

    ((status, answer),) = deployed.answers
    assert (status, answer["status"]) == (503, "unavailable")
    (delivery,) = deployed.gitlab.hook_events
    assert delivery.delivery_id in deployed.log("receive.log")
    assert deployed.queued == []

    assert deployed.resend(delivery) == 202
    deployed.settle()
    assert bodies(issue) == ["Hello"]


def test_a_message_whose_acknowledgement_is_lost_leads_to_one_comment(
    deployed: DurableStack,
) -> None:
    deployed.sqs.faults.add("SendMessageBatch", Fault.LOST, times=3)
    issue = deployed.open()
    assert [status for status, _ in deployed.answers] == [503]
    deployed.sqs.clock.advance(600)
    deployed.resend(deployed.gitlab.hook_events[0])

    assert len(deployed.queued) == 2
    deployed.settle()
    assert bodies(issue) == ["Hello"]


def test_a_payload_that_fits_only_deflated_is_handled(deployed: DurableStack) -> None:
    issue = deployed.open(description="far too long " * 200_000)

    assert [status for status, _ in deployed.answers] == [202]
    (message,) = deployed.sqs.messages(deployed.stack.queue())
    assert len(message.body) < MESSAGE_LIMIT
    deployed.settle()
    assert bodies(issue) == ["Hello"]


def test_a_payload_that_does_not_fit_even_deflated_is_reported_in_a_200(
    deployed: DurableStack,
) -> None:
    noise = "".join(random.Random(1).choices(string.printable, k=2_000_000))
    status, answer = deployed.deliver(body(description=noise), HEADERS)

    assert (status, answer["status"]) == (200, "too_large")
    assert "the queue takes" in answer["because"]
    assert '"TooLarge": 1' in deployed.log("receive.log")
    assert deployed.queued == []


@pytest.mark.parametrize("escaped", [r"\u0000", r"\uffff", r"\ud800", r"\udc00\ud800"])
def test_characters_that_sqs_refuses_reach_the_handler(
    deployed: DurableStack, escaped: str
) -> None:
    issue = deployed.open()
    deployed.settle()
    raw = body(iid=issue.iid, title="TITLE").replace(b"TITLE", escaped.encode())

    assert deployed.deliver(raw, HEADERS)[0] == 202
    (task,) = deployed.queued
    assert task.event.data["object_attributes"]["title"] == json.loads(f'"{escaped}"')
    deployed.settle()
    assert bodies(issue) == ["Hello", "Hello"]
