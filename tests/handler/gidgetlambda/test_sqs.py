"""The queue's client, against SQS over HTTP and its faults."""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
from gidgetlambda import settings
from gidgetlambda.consumer import RESERVED_TIME
from gidgetlambda.errors import QueueUnavailable
from gidgetlambda.runtime import transport_to
from gidgetlambda.settings import ConnectionSettings
from gidgetlambda.sqs import Queue
from gidgetlambda.task import MESSAGE_LIMIT, Message
from gidgetlambda.worker import GRACE

from infra.testing.sqs import Fault, Policy, Sqs
from infra.testing.sqs.principals import Principal
from tests.handler.apis import Observed

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(sqs: Sqs) -> str:
    return sqs.create_queue(
        "tasks.fifo",
        FifoQueue="true",
        DeduplicationScope="messageGroup",
        FifoThroughputLimit="perMessageGroupId",
        VisibilityTimeout="360",
    )


@pytest.fixture
def sender(sqs: Sqs, url: str) -> Principal:
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": sqs.arn(url)}
    return sqs.add_role("Sender", Policy((statement,)))


@pytest.fixture
async def transport(url: str) -> AsyncIterator[httpx.AsyncBaseTransport]:
    async with transport_to(url, ConnectionSettings.from_env({})) as opened:
        yield opened


def open_queue(transport: httpx.AsyncBaseTransport, url: str, environ: Mapping[str, str]) -> Queue:
    return Queue(transport, url, partial(settings.aws, environ))


@pytest.fixture
def queue(sqs: Sqs, url: str, sender: Principal, transport: httpx.AsyncBaseTransport) -> Queue:
    return open_queue(transport, url, sqs.environment(sender))


@pytest.fixture
def owned_queue(sqs: Sqs, url: str, transport: httpx.AsyncBaseTransport) -> Queue:
    """The queue for its owner, who may also receive from it."""
    return open_queue(transport, url, sqs.environment(sqs.owner))


def some_messages(count: int, size: int = 5) -> list[Message]:
    return [Message(f"{number:05}".ljust(size, "."), f"g{number}", "d") for number in range(count)]


def bodies(sqs: Sqs, url: str) -> list[str]:
    return sorted(message.body for message in sqs.messages(url))


def receive(sqs: Sqs, url: str) -> list[dict[str, Any]]:
    answer: dict[str, Any] = sqs.call(sqs.owner, "ReceiveMessage", {"QueueUrl": url})
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


# Sending


@pytest.mark.parametrize(
    "messages",
    [
        some_messages(25),
        some_messages(4, 700_000),
        [*some_messages(1), Message("x" * MESSAGE_LIMIT, "large", "d")],
    ],
    ids=["many", "large in sum", "a mebibyte"],
)
async def test_sends_any_number_of_messages(
    messages: list[Message], queue: Queue, sqs: Sqs, url: str
) -> None:
    await queue.send(messages)

    stored = sqs.messages(url)
    sent = {Message(one.body, one.group, one.deduplication_id) for one in stored}
    assert len(stored) == len(messages)
    assert sent == set(messages)


async def test_uses_the_queues_url_without_an_endpoint(
    sqs: Sqs, url: str, sender: Principal, transport: httpx.AsyncBaseTransport
) -> None:
    await open_queue(transport, url, sender.environment()).send(some_messages(1))

    assert len(sqs.messages(url)) == 1


async def test_reads_the_credentials_for_each_request(
    sqs: Sqs, url: str, sender: Principal, transport: httpx.AsyncBaseTransport
) -> None:
    environ = {**sqs.environment(sender), "AWS_SESSION_TOKEN": "expired"}
    queue = open_queue(transport, url, environ)
    with pytest.raises(QueueUnavailable, match="403"):
        await queue.send(some_messages(1))

    environ |= sender.environment()
    await queue.send(some_messages(1))
    assert len(sqs.messages(url)) == 1


# Faults


async def test_sends_only_the_rest_of_a_partly_accepted_batch_again(
    sqs: Sqs, url: str, sender: Principal, transport: httpx.AsyncBaseTransport
) -> None:
    entries: list[int] = []

    async def count_entries(request: httpx.Request) -> None:
        entries.append(request.content.count(b'"MessageBody"'))

    sqs.faults.add("SendMessageBatch", Fault.PARTIAL)
    counted = Observed(transport, count_entries)
    await open_queue(counted, url, sqs.environment(sender)).send(some_messages(10))

    assert bodies(sqs, url) == [message.body for message in some_messages(10)]
    first, second = entries
    assert 0 < second < first == 10


@pytest.mark.parametrize(
    "fault", [Fault.BROKEN, Fault.UNAVAILABLE, Fault.THROTTLED, Fault.DROPPED, Fault.LOST]
)
async def test_third_try_succeeds_without_duplicates(
    queue: Queue, sqs: Sqs, url: str, fault: Fault
) -> None:
    sqs.faults.add("SendMessageBatch", fault, times=2)
    await queue.send(some_messages(3))

    assert len(sqs.messages(url)) == 3


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.BROKEN, "500 InternalFailure"),
        (Fault.UNAVAILABLE, "503 ServiceUnavailable: Try again"),
        (Fault.THROTTLED, "400 ThrottlingException: Rate exceeded"),
        (Fault.DROPPED, "RemoteProtocolError|ReadError"),
    ],
)
async def test_reports_the_answer_of_sqs_after_three_tries(
    queue: Queue, sqs: Sqs, fault: Fault, reason: str
) -> None:
    sqs.faults.add("SendMessageBatch", fault, times=3)

    with pytest.raises(QueueUnavailable, match=f"2 messages.*(?:{reason})"):
        await queue.send(some_messages(2))
    assert len(sqs.faults.happened) == 3


async def test_gives_up_on_a_silent_queue_before_gitlab_does(queue: Queue, sqs: Sqs) -> None:
    sqs.faults.add("SendMessageBatch", Fault.SILENT, times=3)

    with anyio.fail_after(8), pytest.raises(QueueUnavailable, match=r"ReadTimeout|in time"):
        await queue.send(some_messages(1))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"<html>", b'{"Successful": []}', b'{"Successful": [{"Id": "1"}]}']
)
async def test_requires_an_answer_that_names_the_message(content: bytes) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=content))
    queue = open_queue(transport, "https://sqs.example.com/1/tasks.fifo", {})
    with pytest.raises(QueueUnavailable, match="1 messages"):
        await queue.send(some_messages(1))


@pytest.mark.parametrize("character", ["\x00", "\uffff", "\x0b"])
async def test_reports_a_character_that_sqs_rejects(queue: Queue, character: str) -> None:
    with pytest.raises(QueueUnavailable, match="Invalid characters found"):
        await queue.send([Message(character, "g", "d")])


async def test_hides_the_request_that_sqs_quotes() -> None:
    message = "The signature we calculated does not match.\n\nThe Canonical String is\n'POST\n/\n"

    def answer(request: httpx.Request) -> httpx.Response:
        quoted = f"{message}x-amz-security-token:{request.headers['x-amz-security-token']}"
        error = {"__type": "com.amazon.coral.service#SignatureDoesNotMatch", "message": quoted}
        return httpx.Response(403, json=error)

    environ = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret-key",
        "AWS_SESSION_TOKEN": "session-token",
        "AWS_REGION": "eu-west-1",
    }
    queue = open_queue(httpx.MockTransport(answer), "https://sqs.example.com/1/tasks.fifo", environ)
    with pytest.raises(QueueUnavailable, match=r"403 SignatureDoesNotMatch.*match\.") as error:
        await queue.delay("any", 10)
    assert "session" not in str(error.value)


# Delaying


async def test_delays_a_received_message(owned_queue: Queue, sqs: Sqs, url: str) -> None:
    await owned_queue.send(some_messages(1))
    (message,) = receive(sqs, url)

    await owned_queue.delay(message["ReceiptHandle"], 3600.2)
    sqs.clock.advance(3600)
    assert receive(sqs, url) == []
    sqs.clock.advance(2)
    assert [message["Body"] for message in receive(sqs, url)] == ["00000"]


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.THROTTLED, Fault.DROPPED, Fault.LOST])
async def test_third_try_delays_a_message(
    owned_queue: Queue, sqs: Sqs, url: str, fault: Fault
) -> None:
    await owned_queue.send(some_messages(1))
    (message,) = receive(sqs, url)
    sqs.faults.add("ChangeMessageVisibility", fault, times=2)

    await owned_queue.delay(message["ReceiptHandle"], 3600)
    sqs.clock.advance(3590)
    assert receive(sqs, url) == []


async def test_delay_gives_up_within_the_time_that_the_consumer_reserves(
    owned_queue: Queue, sqs: Sqs
) -> None:
    sqs.faults.add("ChangeMessageVisibility", Fault.SILENT, times=3)

    with (
        anyio.fail_after(RESERVED_TIME - GRACE),
        pytest.raises(QueueUnavailable, match=r"ReadTimeout|in time"),
    ):
        await owned_queue.delay("any", 10)


@pytest.mark.parametrize("seconds", [1e9, float("inf")])
async def test_delay_is_at_most_what_sqs_allows(
    owned_queue: Queue, sqs: Sqs, url: str, seconds: float
) -> None:
    await owned_queue.send(some_messages(1))
    (message,) = receive(sqs, url)

    await owned_queue.delay(message["ReceiptHandle"], seconds)
    visible = sqs.next_visible(url)
    assert visible is not None
    assert 11.9 * 3600 < visible - sqs.clock.now() <= 12 * 3600
