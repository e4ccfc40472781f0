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
    from tests.durable.conftest import World

GREET = "tests.durable.bot:greet"


def headers(delivery: str = "d-1") -> dict[str, str]:
    return {"X-Gitlab-Event": "Issue Hook", "Idempotency-Key": delivery}


def body(**attributes: Any) -> bytes:
    return json.dumps(payloads.issue(**attributes)).encode()


def noise(size: int) -> str:
    """Text that does not deflate well."""
    return "".join(random.Random(1).choices(string.printable, k=size))


def test_a_webhook_is_queued_and_answered_and_then_worked_on(world: World) -> None:
    issue = world.open()

    ((status, answer),) = world.answers
    assert status == 202
    delivery = world.gitlab.hook_events[0].delivery_id
    assert answer == {"status": "queued", "delivery": delivery, "handlers": [GREET]}
    assert [task.handler for task in world.queued] == [GREET]
    assert issue.notes == []

    world.settle()
    assert bodies(issue) == ["Hello"]
    assert world.queued == world.parked == []


def test_neither_secret_nor_token_is_on_a_queue_or_printed(world: World) -> None:
    issue = world.open()
    world.close(issue)
    world.reopen(issue)
    queued = [one.body for one in world.sqs.messages(world.stack.queue())]
    world.settle()
    parked = [one.body for one in world.sqs.messages(world.stack.parked_queue)]
    told = [*queued, *parked, world.log("receive.log"), world.log("work.log")]

    assert (len(queued), len(parked)) == (3, 1)
    assert all(secret not in text for text in told for secret in (SECRET, BOT_TOKEN))


def test_each_function_holds_its_own_secrets_alone(world: World) -> None:
    receive = world.stack.environment("ReceiveFunction")
    work = world.stack.environment("WorkFunction")

    assert BOT_TOKEN not in receive.values()
    assert SECRET not in work.values()


@pytest.mark.parametrize(
    ("function", "action", "queue", "allowed"),
    [
        ("ReceiveFunction", "SendMessage", "TaskQueue", True),
        ("ReceiveFunction", "SendMessage", "ParkedQueue", False),
        ("ReceiveFunction", "ReceiveMessage", "TaskQueue", False),
        ("ReceiveFunction", "DeleteMessage", "TaskQueue", False),
        ("ReceiveFunction", "ChangeMessageVisibility", "TaskQueue", False),
        ("ReceiveFunction", "PurgeQueue", "TaskQueue", False),
        ("WorkFunction", "ReceiveMessage", "TaskQueue", True),
        ("WorkFunction", "DeleteMessage", "TaskQueue", True),
        ("WorkFunction", "ChangeMessageVisibility", "TaskQueue", True),
        ("WorkFunction", "GetQueueAttributes", "TaskQueue", True),
        ("WorkFunction", "SendMessage", "ParkedQueue", True),
        ("WorkFunction", "SendMessage", "TaskQueue", False),
        ("WorkFunction", "PurgeQueue", "TaskQueue", False),
        ("WorkFunction", "ReceiveMessage", "ParkedQueue", False),
        ("WorkFunction", "DeleteMessage", "ParkedQueue", False),
    ],
)
def test_each_role_may_do_what_its_function_does_and_nothing_more(
    world: World, function: str, action: str, queue: str, allowed: bool
) -> None:
    role = world.stack.spec(function).role
    resource = world.sqs.arn(world.stack.queue(queue))

    assert role.policy.allows(f"sqs:{action}", resource) is allowed


def test_a_delivery_that_arrives_twice_is_worked_on_once(world: World) -> None:
    issue = world.open()
    (delivery,) = world.gitlab.hook_events
    assert world.resend(delivery) == 202
    assert len(world.queued) == 1

    world.settle()
    assert bodies(issue) == ["Hello"]


@pytest.mark.parametrize("hours", [0.01, 1, 24])
def test_a_delivery_that_is_resent_later_makes_no_second_comment(
    world: World, hours: float
) -> None:
    issue = world.open()
    world.settle()
    world.sqs.clock.advance(hours * 3600)
    assert world.resend(world.gitlab.hook_events[0]) == 202

    world.settle()
    assert bodies(issue) == ["Hello"]


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.THROTTLED, Fault.DROPPED])
def test_where_the_queue_refuses_the_hook_is_told_and_the_log_lets_it_be_resent(
    world: World, fault: Fault
) -> None:
    world.sqs.faults.add("SendMessageBatch", fault, times=3)
    issue = world.open()

    ((status, answer),) = world.answers
    assert (status, answer["status"]) == (503, "unavailable")
    (delivery,) = world.gitlab.hook_events
    assert delivery.delivery_id in world.log("receive.log")
    assert world.queued == []

    assert world.resend(delivery) == 202
    world.settle()
    assert bodies(issue) == ["Hello"]


def test_what_the_queue_took_without_saying_so_is_worked_on_once(world: World) -> None:
    world.sqs.faults.add("SendMessageBatch", Fault.LOST, times=3)
    issue = world.open()
    ((status, _),) = world.answers
    assert status == 503
    world.sqs.clock.advance(600)
    world.resend(world.gitlab.hook_events[0])

    assert len(world.queued) == 2
    world.settle()
    assert bodies(issue) == ["Hello"]


def test_tasks_of_more_than_a_mebibyte_in_sum_are_all_queued(world: World) -> None:
    data = json.dumps(payloads.push(checkout_sha="x" * 700_000)).encode()
    status, answer = world.deliver(data, {**headers(), "X-Gitlab-Event": "Push Hook"})

    assert (status, len(answer["handlers"])) == (202, 3)
    assert sorted(task.handler for task in world.queued) == sorted(answer["handlers"])
    assert sum(len(one.body) for one in world.sqs.messages(world.stack.queue())) > MESSAGE_LIMIT
    assert all(one.deleted for one in world.settle())


def test_one_line_is_logged_of_each_delivery_and_each_task(world: World) -> None:
    world.open()
    world.settle()
    logged = [
        [json.loads(line) for line in world.log(name).splitlines() if "_aws" not in line]
        for name in ("receive.log", "work.log")
    ]

    told = [[(line["level"], line["message"], line["outcome"]) for line in log] for log in logged]
    assert told == [[("INFO", "delivery", "queued")], [("INFO", "task", "done")]]


def test_a_payload_that_fits_only_deflated_is_worked_on(world: World) -> None:
    issue = world.open(description="far too long " * 200_000)

    ((status, _),) = world.answers
    assert status == 202
    (message,) = world.sqs.messages(world.stack.queue())
    assert len(message.body) < MESSAGE_LIMIT
    world.settle()
    assert bodies(issue) == ["Hello"]


def test_a_payload_that_does_not_fit_even_deflated_is_told_of_and_harms_no_hook(
    world: World,
) -> None:
    status, answer = world.deliver(body(description=noise(2_000_000)), headers())

    assert (status, answer["status"]) == (200, "too_large")
    assert "over the queue's" in answer["because"]
    assert '"TooLarge": 1' in world.log("receive.log")
    assert world.queued == []


@pytest.mark.parametrize("escaped", [r"\u0000", r"\uffff", r"\ud800", r"\udc00\ud800"])
def test_characters_that_sqs_refuses_get_through(world: World, escaped: str) -> None:
    issue = world.open()
    world.settle()
    raw = body(iid=issue.iid, title="TITLE").replace(b"TITLE", escaped.encode())

    assert world.deliver(raw, headers())[0] == 202
    (task,) = world.queued
    assert task.event.data["object_attributes"]["title"] == json.loads(f'"{escaped}"')
    world.settle()
    assert bodies(issue) == ["Hello", "Hello"]


def test_what_no_handler_wants_is_not_queued(world: World) -> None:
    status, answer = world.deliver(body(action="update"), headers())

    assert (status, answer["status"]) == (200, "ignored")
    assert world.queued == []


def test_a_forged_delivery_is_not_queued(world: World) -> None:
    world.gitlab.add_hook("https://bot.example.com/webhook", token="guessed")
    world.open()

    statuses = sorted(status for status, _ in world.answers)
    assert statuses == [202, 401]
    assert len(world.queued) == 1
