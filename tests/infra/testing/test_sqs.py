"""The stand-in for SQS is as strict as SQS where moto is more lenient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.testing.sqs import Sqs, SqsError

MIB = 1024 * 1024
DAY = 24 * 3600


@dataclass(frozen=True)
class QueueClient:
    """SQS actions on one queue, in the owner's role."""

    sqs: Sqs
    url: str

    def act(self, action: str, **parameters: Any) -> Any:
        return self.sqs.call(self.sqs.owner, action, {"QueueUrl": self.url, **parameters})

    def send(self, body: str = "hello", *, group: str = "group", once: str = "1") -> str:
        return str(self.act("SendMessage", **entry(body, group, once))["MessageId"])

    def receive(self) -> list[dict[str, Any]]:
        answer = self.act("ReceiveMessage", AttributeNames=["All"], MaxNumberOfMessages=10)
        return list(answer.get("Messages", []))


def entry(body: str, group: str, once: str) -> dict[str, str]:
    return {"MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": once}


@pytest.fixture
def client(sqs: Sqs) -> QueueClient:
    scope = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    url = sqs.create_queue("tasks.fifo", FifoQueue="true", VisibilityTimeout="360", **scope)
    return QueueClient(sqs, url)


@pytest.mark.parametrize("deleted", [True, False])
def test_drops_a_repeated_message_for_five_minutes(client: QueueClient, deleted: bool) -> None:
    first = client.send()
    (message,) = client.receive()
    if deleted:
        client.act("DeleteMessage", ReceiptHandle=message["ReceiptHandle"])
    stored = client.sqs.messages(client.url)

    client.sqs.clock.advance(290)
    assert client.send() == first
    assert client.sqs.messages(client.url) == stored
    assert client.send(group="another") != first
    client.sqs.clock.advance(11)
    assert client.send() != first
    assert len(client.sqs.messages(client.url)) == len(stored) + 2


@pytest.mark.parametrize("character", ["\t", "\n", "\r", "\u00e9", "\ufffd", "\U0001f600"])
def test_delivers_the_characters_of_xml(client: QueueClient, character: str) -> None:
    client.send(f"hello {character}")

    assert [message["Body"] for message in client.receive()] == [f"hello {character}"]


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_a_message_with_another_character_fails_alone(client: QueueClient, character: str) -> None:
    with pytest.raises(SqsError, match="InvalidMessageContents"):
        client.send(f"hello {character}")

    bodies = {"bad": f"hello {character}", "good": "hello"}
    entries = [{"Id": name, **entry(body, "g", name)} for name, body in bodies.items()]
    answer = client.act("SendMessageBatch", Entries=entries)

    assert [failed["Id"] for failed in answer["Failed"]] == ["bad"]
    assert [message.body for message in client.sqs.messages(client.url)] == ["hello"]


def test_counts_sizes_in_bytes(client: QueueClient) -> None:
    client.send("x" * MIB)
    with pytest.raises(SqsError, match="InvalidParameterValue"):
        client.send("é" * (MIB // 2 + 1), once="2")

    halves = [{"Id": once, **entry("é" * (MIB // 4 + 1), "g", once)} for once in ("3", "4")]
    with pytest.raises(SqsError, match="BatchRequestTooLong"):
        client.act("SendMessageBatch", Entries=halves)


@pytest.mark.parametrize("action", ["DeleteMessage", "ChangeMessageVisibility"])
def test_refuses_an_expired_receipt(client: QueueClient, action: str) -> None:
    client.send()
    (message,) = client.receive()
    client.sqs.clock.advance(361)

    with pytest.raises(SqsError, match="expired"):
        client.act(action, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=10)
    assert len(client.receive()) == 1


def test_limits_invisibility_to_twelve_hours_from_the_receipt(client: QueueClient) -> None:
    client.send()
    client.sqs.clock.advance(3 * DAY)
    (message,) = client.receive()
    longer = {"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 43_100}

    client.act("ChangeMessageVisibility", **longer)
    client.sqs.clock.advance(200)
    with pytest.raises(SqsError, match="beyond the limit"):
        client.act("ChangeMessageVisibility", **longer)


def test_a_group_keeps_its_order_when_several_messages_reappear(client: QueueClient) -> None:
    for once in "123":
        client.send(once, once=once)
    client.receive()
    client.sqs.clock.advance(361)

    assert [message["Body"] for message in client.receive()] == ["1", "2", "3"]


def test_drops_a_message_after_the_retention_period(client: QueueClient) -> None:
    client.send()
    client.sqs.clock.advance(4 * DAY + 1)

    assert client.receive() == []
    assert client.sqs.messages(client.url) == []


def test_skipped_time_does_not_end_a_receipt_that_is_in_use(client: QueueClient, sqs: Sqs) -> None:
    client.send()
    with sqs.receive(sqs.owner, client.url) as message:
        assert message is not None
        sqs.clock.advance(3600)
        assert client.receive() == []

    assert client.receive() == []
    sqs.clock.advance(361)
    assert len(client.receive()) == 1


@pytest.mark.parametrize("part", ["access_key_id", "secret_access_key", "session_token"])
def test_refuses_a_signature_with_a_wrong_key(sqs: Sqs, part: str) -> None:
    keys: dict[str, Any] = {
        "aws_access_key_id": sqs.owner.access_key,
        "aws_secret_access_key": sqs.owner.secret_key,
        "aws_session_token": sqs.owner.session_token,
    }
    keys[f"aws_{part}"] = "guessed"
    boto = boto3.Session(**keys).client("sqs", endpoint_url=sqs.url, region_name="eu-west-1")

    with pytest.raises(ClientError, match=r"UnrecognizedClientException|SignatureDoesNotMatch"):
        boto.list_queues()
