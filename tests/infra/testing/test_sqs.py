"""The stand-in for SQS is as strict as SQS where moto is more lenient."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.testing.sqs import Policy, Sqs, SqsError

MIB = 1024 * 1024


class QueueClient:
    """SQS actions on one queue, in the owner's role."""

    def __init__(self, sqs: Sqs) -> None:
        self.sqs = sqs
        self.url = sqs.create_queue(
            "tasks.fifo",
            FifoQueue="true",
            DeduplicationScope="messageGroup",
            FifoThroughputLimit="perMessageGroupId",
            VisibilityTimeout="360",
        )

    def act(self, action: str, **parameters: Any) -> Any:
        return self.sqs.call(self.sqs.owner, action, {"QueueUrl": self.url, **parameters})

    def send(self, body: str = "hello", *, group: str = "group", once: str = "1") -> str:
        answer = self.act("SendMessage", **entry(body, group, once))
        return str(answer["MessageId"])

    def receive(self) -> list[dict[str, Any]]:
        answer = self.act("ReceiveMessage", AttributeNames=["All"], MaxNumberOfMessages=10)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def receive_handle(self) -> str:
        (message,) = self.receive()
        return str(message["ReceiptHandle"])

    def pass_time(self, seconds: float) -> None:
        self.sqs.clock.advance(seconds)


def entry(body: str, group: str, once: str) -> dict[str, str]:
    return {"MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": once}


@pytest.fixture
def client(sqs: Sqs) -> QueueClient:
    return QueueClient(sqs)


def test_a_repeated_message_is_not_delivered_for_five_minutes_even_after_deletion(
    client: QueueClient,
) -> None:
    first = client.send()
    client.act("DeleteMessage", ReceiptHandle=client.receive_handle())

    client.pass_time(290)
    assert client.send() == first
    assert client.receive() == []
    client.pass_time(11)
    assert client.send() != first
    assert len(client.receive()) == 1


def test_a_message_that_still_waits_does_not_suppress_a_repeat_after_five_minutes(
    client: QueueClient,
) -> None:
    client.send()
    client.pass_time(301)
    client.send()

    assert len(client.receive()) == 2


def test_groups_have_deduplication_ids_of_their_own(client: QueueClient) -> None:
    client.send(group="a")
    client.send(group="b")

    assert len(client.receive()) == 2


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_refuses_characters_outside_xml(client: QueueClient, character: str) -> None:
    with pytest.raises(SqsError, match="InvalidMessageContents"):
        client.send(f"hello {character}")


@pytest.mark.parametrize("character", ["\t", "\n", "\r", "\u00e9", "\ufffd", "\U0001f600"])
def test_delivers_every_other_character(client: QueueClient, character: str) -> None:
    client.send(f"hello {character}")

    assert [message["Body"] for message in client.receive()] == [f"hello {character}"]


def test_counts_sizes_in_bytes(client: QueueClient) -> None:
    client.send("x" * MIB)
    with pytest.raises(SqsError, match="InvalidParameterValue"):
        client.send("é" * (MIB // 2 + 1), once="2")

    halves = [{"Id": once, **entry("é" * (MIB // 4 + 1), "g", once)} for once in ("3", "4")]
    with pytest.raises(SqsError, match="BatchRequestTooLong"):
        client.act("SendMessageBatch", Entries=halves)


def test_a_bad_entry_fails_alone(client: QueueClient) -> None:
    bodies = {"bad": "hello \x00", "good": "hello"}
    entries = [{"Id": name, **entry(body, "g", name)} for name, body in bodies.items()]
    answer = client.act("SendMessageBatch", Entries=entries)

    assert [failed["Id"] for failed in answer["Failed"]] == ["bad"]
    assert [message.body for message in client.sqs.messages(client.url)] == ["hello"]


def test_refuses_an_expired_receipt(client: QueueClient) -> None:
    client.send()
    handle = client.receive_handle()
    client.pass_time(361)

    for action in ("DeleteMessage", "ChangeMessageVisibility"):
        with pytest.raises(SqsError, match="expired"):
            client.act(action, ReceiptHandle=handle, VisibilityTimeout=10)
    assert len(client.receive()) == 1


def test_limits_invisibility_to_twelve_hours_from_the_receipt(client: QueueClient) -> None:
    client.send()
    client.pass_time(3 * 24 * 3600)
    handle = client.receive_handle()

    client.act("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=43_100)
    client.pass_time(200)
    with pytest.raises(SqsError, match="beyond the limit"):
        client.act("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=43_100)


def test_a_group_keeps_its_order_when_several_messages_reappear(client: QueueClient) -> None:
    for once in "123":
        client.send(once, once=once)
    client.receive()
    client.pass_time(361)

    assert [message["Body"] for message in client.receive()] == ["1", "2", "3"]


def test_drops_a_message_after_the_retention_period(client: QueueClient) -> None:
    client.send()
    client.pass_time(4 * 24 * 3600 + 1)

    assert client.receive() == []
    assert client.sqs.messages(client.url) == []


def test_skipped_time_does_not_end_a_receipt_that_is_in_use(client: QueueClient, sqs: Sqs) -> None:
    client.send()
    with sqs.receive(sqs.owner, client.url) as message:
        assert message is not None
        client.pass_time(3600)
        assert client.receive() == []

    assert client.receive() == []
    client.pass_time(361)
    assert len(client.receive()) == 1


def test_skipped_time_makes_messages_older_for_their_receivers(client: QueueClient) -> None:
    client.send()
    client.pass_time(1000)
    (message,) = client.receive()

    received = int(message["Attributes"]["ApproximateFirstReceiveTimestamp"])
    age = received - int(message["Attributes"]["SentTimestamp"])
    assert 1_000_000 <= age < 1_060_000


def test_a_role_may_only_do_what_its_policy_allows(client: QueueClient, sqs: Sqs) -> None:
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": sqs.arn(client.url)}
    role = sqs.add_role("Sender", Policy((statement,)))
    message = {"QueueUrl": client.url, **entry("hello", "g", "1")}

    sqs.call(role, "SendMessage", message)
    for action, queue in (("ReceiveMessage", client.url), ("SendMessage", f"{client.url}-2")):
        with pytest.raises(SqsError, match="AccessDenied"):
            sqs.call(role, action, {**message, "QueueUrl": queue})


@pytest.mark.parametrize("part", ["access_key_id", "secret_access_key", "session_token"])
def test_refuses_a_signature_with_wrong_keys(sqs: Sqs, part: str) -> None:
    keys = {
        "aws_access_key_id": sqs.owner.access_key,
        "aws_secret_access_key": sqs.owner.secret_key,
        "aws_session_token": sqs.owner.session_token,
    }

    def count_queues(keys: dict[str, Any]) -> int:
        boto = boto3.Session(**keys).client("sqs", endpoint_url=sqs.url, region_name="eu-west-1")
        return len(boto.list_queues().get("QueueUrls", ()))

    assert count_queues(keys) == 0
    with pytest.raises(ClientError) as refused:
        count_queues({**keys, f"aws_{part}": "guessed"})
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
