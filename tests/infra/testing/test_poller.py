"""The stand-in for Lambda's event source mapping does with messages what Lambda does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.testing.emulator import FunctionError
from infra.testing.poller import Poller
from infra.testing.sqs import Policy, Refusal

if TYPE_CHECKING:
    from infra.testing.sqs import Sqs

NEEDED = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]


class Answering:
    """A function that gives its answers in turn, and keeps what it was invoked with."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.records: list[dict[str, Any]] = []

    def invoke(self, event: Any) -> Any:
        (record,) = event["Records"]
        self.records.append(record)
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def bodies(self) -> list[str]:
        return [record["body"] for record in self.records]


def failing(message_id: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": message_id}]}


@pytest.fixture
def queue(sqs: Sqs) -> str:
    return sqs.create_queue("tasks.fifo", FifoQueue="true", VisibilityTimeout="360")


def send(sqs: Sqs, queue: str, body: str, group: str = "g") -> str:
    answer = sqs.call(
        sqs.owner,
        "SendMessage",
        {
            "QueueUrl": queue,
            "MessageBody": body,
            "MessageGroupId": group,
            "MessageDeduplicationId": body,
        },
    )
    return str(answer["MessageId"])


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}])
def test_a_message_is_deleted_when_no_failure_is_reported(
    sqs: Sqs, queue: str, answer: Any
) -> None:
    send(sqs, queue, "hello")
    (invocation,) = Poller(sqs, sqs.owner, queue, Answering(answer)).drain()

    assert invocation.deleted
    assert sqs.messages(queue) == []


def test_a_message_comes_again_after_its_visibility_timeout_when_it_failed(
    sqs: Sqs, queue: str
) -> None:
    message_id = send(sqs, queue, "hello")
    function = Answering(failing(message_id))
    poller = Poller(sqs, sqs.owner, queue, function)
    assert [one.deleted for one in poller.drain()] == [False]
    sqs.clock.advance(350)
    assert poller.drain() == []
    sqs.clock.advance(11)
    assert [(one.deleted, one.attempt) for one in poller.drain()] == [(True, 2)]


@pytest.mark.parametrize("answer", [FunctionError("it died"), "nonsense", ["nonsense"]])
def test_a_function_that_fails_as_a_whole_deletes_nothing(
    sqs: Sqs, queue: str, answer: Any
) -> None:
    send(sqs, queue, "hello")
    (invocation,) = Poller(sqs, sqs.owner, queue, Answering(answer)).drain()

    assert not invocation.deleted
    assert len(sqs.messages(queue)) == 1


def test_a_group_waits_for_its_head_and_others_do_not(sqs: Sqs, queue: str) -> None:
    head = send(sqs, queue, "a1", "a")
    send(sqs, queue, "a2", "a")
    send(sqs, queue, "b1", "b")
    function = Answering(failing(head))
    poller = Poller(sqs, sqs.owner, queue, function)
    poller.drain()
    assert function.bodies == ["a1", "b1"]

    poller.settle()
    assert function.bodies == ["a1", "b1", "a1", "a2"]


def test_settling_gives_up_when_it_would_take_too_long(sqs: Sqs, queue: str) -> None:
    message_id = send(sqs, queue, "hello")
    poller = Poller(sqs, sqs.owner, queue, Answering(*[failing(message_id)] * 10))

    with pytest.raises(TimeoutError, match="not empty within 1000 s"):
        poller.settle(within=1000)


def test_a_record_is_what_lambda_hands_over(sqs: Sqs, queue: str) -> None:
    message_id = send(sqs, queue, "hello")
    function = Answering()
    Poller(sqs, sqs.owner, queue, function).drain()

    (record,) = function.records
    assert record["messageId"] == message_id
    assert record["body"] == "hello"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == sqs.arn(queue)
    assert (
        record["attributes"]
        | {
            "ApproximateReceiveCount": "1",
            "MessageGroupId": "g",
            "MessageDeduplicationId": "hello",
        }
        == record["attributes"]
    )


@pytest.mark.parametrize("missing", NEEDED)
def test_a_role_that_lacks_what_a_mapping_needs_is_told(sqs: Sqs, queue: str, missing: str) -> None:
    actions = [action for action in NEEDED if action != missing]
    statement = {"Effect": "Allow", "Action": actions, "Resource": sqs.arn(queue)}
    role = sqs.add_role("Worker", Policy((statement,)))
    send(sqs, queue, "hello")

    with pytest.raises(Refusal, match=missing):
        Poller(sqs, role, queue, Answering()).drain()
