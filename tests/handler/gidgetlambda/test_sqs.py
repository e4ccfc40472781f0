"""The queue's client against SQS over HTTP, and against what goes wrong with it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from gidgetlambda.errors import QueueUnavailable
from gidgetlambda.sqs import Queue, batches
from gidgetlambda.task import MESSAGE_LIMIT, Message

from infra.testing.sqs import Fault, Policy, Sqs
from infra.testing.sqs.principals import Principal

pytestmark = pytest.mark.anyio

FORBIDDEN = ("\x00", "\uffff", "\x0b")


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
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as opened:
        yield opened


@pytest.fixture
def queue(sqs: Sqs, url: str, sender: Principal, client: httpx.AsyncClient) -> Queue:
    return Queue(client, url, sqs.environment(sender))


def some(count: int, size: int = 5) -> list[Message]:
    return [Message(f"{number:05}".ljust(size, "."), f"g{number}", "d") for number in range(count)]


def bodies(sqs: Sqs, url: str) -> list[str]:
    return sorted(message.body for message in sqs.messages(url))


async def test_messages_arrive_with_their_group_and_id(queue: Queue, sqs: Sqs, url: str) -> None:
    await queue.send([Message("hello", "group", "once")])

    (message,) = sqs.messages(url)
    assert (message.body, message.group, message.deduplication_id) == ("hello", "group", "once")


async def test_nothing_to_send_asks_for_nothing(sqs: Sqs, queue: Queue) -> None:
    sqs.faults.choose = lambda action: Fault.BROKEN

    await queue.send([])


async def test_more_than_ten_are_sent_in_batches(queue: Queue, sqs: Sqs, url: str) -> None:
    messages = some(25)
    await queue.send(messages)

    assert bodies(sqs, url) == [message.body for message in messages]


async def test_more_than_a_mebibyte_in_sum_is_sent_in_batches(
    queue: Queue, sqs: Sqs, url: str
) -> None:
    messages = some(4, 700_000)
    await queue.send(messages)

    assert bodies(sqs, url) == [message.body for message in messages]


async def test_a_message_of_a_mebibyte_is_sent_alone(queue: Queue, sqs: Sqs, url: str) -> None:
    await queue.send([*some(1), Message("x" * MESSAGE_LIMIT, "large", "d")])

    assert len(sqs.messages(url)) == 2


@pytest.mark.parametrize("sizes", [[MESSAGE_LIMIT], [1] * 11, [MESSAGE_LIMIT, 1], [600_000] * 3])
def test_batches_hold_ten_entries_and_a_mebibyte_and_keep_their_order(sizes: list[int]) -> None:
    messages = [Message(chr(97 + number) * size, "g", "d") for number, size in enumerate(sizes)]
    cut = list(batches(messages))

    assert [message for batch in cut for message in batch] == messages
    assert all(0 < len(batch) <= 10 for batch in cut)
    assert all(sum(len(one.body) for one in batch) <= MESSAGE_LIMIT for batch in cut)


async def test_of_a_batch_that_is_taken_in_part_only_the_rest_is_sent_again(
    sqs: Sqs, url: str, sender: Principal
) -> None:
    sent: list[int] = []

    async def note(request: httpx.Request) -> None:
        sent.append(request.content.count(b'"MessageBody"'))

    sqs.faults.add("SendMessageBatch", Fault.PARTIAL)
    async with httpx.AsyncClient(event_hooks={"request": [note]}) as client:
        await Queue(client, url, sqs.environment(sender)).send(some(10))

    assert bodies(sqs, url) == [message.body for message in some(10)]
    assert len(sent) == 2
    assert 0 < sent[1] < sent[0] == 10


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.UNAVAILABLE, Fault.THROTTLED, Fault.DROPPED])
async def test_what_passes_is_tried_three_times(
    queue: Queue, sqs: Sqs, url: str, fault: Fault
) -> None:
    sqs.faults.add("SendMessageBatch", fault, times=2)
    await queue.send(some(2))

    assert len(sqs.messages(url)) == 2


async def test_an_answer_that_was_lost_makes_no_second_message(
    queue: Queue, sqs: Sqs, url: str
) -> None:
    sqs.faults.add("SendMessageBatch", Fault.LOST, times=2)
    await queue.send(some(3))

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
async def test_after_three_tries_the_error_says_what_sqs_said(
    queue: Queue, sqs: Sqs, fault: Fault, reason: str
) -> None:
    sqs.faults.add("SendMessageBatch", fault, times=3)

    with pytest.raises(QueueUnavailable, match=reason) as error:
        await queue.send(some(2))
    assert "did not take 2 messages" in str(error.value)
    assert len(sqs.faults.happened) == 3


async def test_a_queue_that_answers_nothing_is_given_up_in_time_for_gitlab(
    queue: Queue, sqs: Sqs
) -> None:
    sqs.faults.add("SendMessageBatch", Fault.SILENT, times=3)

    with pytest.raises(QueueUnavailable, match=r"ReadTimeout|in time"):
        await queue.send(some(1))


async def test_a_queue_that_is_not_there_is_given_up(sqs: Sqs, client: httpx.AsyncClient) -> None:
    queue = Queue(client, "http://127.0.0.1:9/123456789012/tasks.fifo", sqs.owner.environment())

    with pytest.raises(QueueUnavailable, match="ConnectError"):
        await queue.send(some(1))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"<html>", b'{"Successful": []}', b'{"Successful": [{"Id": "1"}]}']
)
async def test_what_sqs_does_not_say_it_took_is_not_taken(content: bytes) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=content)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        queue = Queue(client, "https://sqs.example.com/1/tasks.fifo", {})
        with pytest.raises(QueueUnavailable, match="did not take 1 messages"):
            await queue.send(some(1))


@pytest.mark.parametrize("character", FORBIDDEN)
async def test_a_character_that_sqs_refuses_is_told_of(queue: Queue, character: str) -> None:
    with pytest.raises(QueueUnavailable, match="Invalid characters found"):
        await queue.send([Message(character, "g", "d")])


async def test_a_message_that_was_received_can_be_put_off(
    sqs: Sqs, url: str, client: httpx.AsyncClient
) -> None:
    queue = Queue(client, url, sqs.environment(sqs.owner))
    await queue.send(some(1))
    handle = receive(sqs, url)["ReceiptHandle"]

    await queue.delay(handle, 3600.2)
    sqs.clock.advance(3600)
    assert not sqs.call(sqs.owner, "ReceiveMessage", {"QueueUrl": url}).get("Messages")
    sqs.clock.advance(2)
    assert receive(sqs, url)["Body"] == "00000"


@pytest.mark.parametrize("seconds", [1e9, float("inf")])
async def test_a_delay_is_cut_at_what_sqs_allows(
    sqs: Sqs, url: str, client: httpx.AsyncClient, seconds: float
) -> None:
    queue = Queue(client, url, sqs.environment(sqs.owner))
    await queue.send(some(1))
    handle = receive(sqs, url)["ReceiptHandle"]

    await queue.delay(handle, seconds)
    moment = sqs.next_visible(url)
    assert moment is not None
    assert 11.9 * 3600 < moment - sqs.clock.now() <= 12 * 3600


async def test_what_the_role_may_not_is_told_with_its_reason(queue: Queue) -> None:
    with pytest.raises(QueueUnavailable, match=r"403 AccessDenied.*sqs:ChangeMessageVisibility"):
        await queue.delay("any", 10)


async def test_what_sqs_quotes_of_a_request_that_is_signed_wrongly_is_not_told() -> None:
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
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        queue = Queue(client, "https://sqs.example.com/1/tasks.fifo", environ)
        with pytest.raises(QueueUnavailable, match=r"403 SignatureDoesNotMatch.*match\.") as error:
            await queue.delay("any", 10)
    assert "session" not in str(error.value)


async def test_credentials_are_read_for_each_request(
    sqs: Sqs, url: str, sender: Principal, client: httpx.AsyncClient
) -> None:
    environ = {**sqs.environment(sender), "AWS_SESSION_TOKEN": "expired"}
    queue = Queue(client, url, environ)
    with pytest.raises(QueueUnavailable, match="403"):
        await queue.send(some(1))

    environ |= sender.environment()
    await queue.send(some(1))
    assert len(sqs.messages(url)) == 1


async def test_without_an_endpoint_the_queue_is_where_its_url_says(
    sqs: Sqs, url: str, sender: Principal, client: httpx.AsyncClient
) -> None:
    await Queue(client, url, sender.environment()).send(some(1))

    assert len(sqs.messages(url)) == 1


def receive(sqs: Sqs, url: str) -> dict[str, Any]:
    messages = sqs.call(sqs.owner, "ReceiveMessage", {"QueueUrl": url})["Messages"]
    message: dict[str, Any] = messages[0]
    return message
