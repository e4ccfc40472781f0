"""SQS: sends messages to a queue, and delays the next try of a received message.

The requests are signed HTTP over httpx, in SQS's JSON protocol: boto3 would cost a quarter of a
second at each cold start.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from . import settings
from .errors import QueueUnavailable
from .redactor import shorten
from .sigv4 import signed_headers
from .task import MESSAGE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from .settings import AwsSettings
    from .task import Message

BATCH_ENTRIES = 10
TRIES = 3
TIME_LIMIT = 6.0  # seconds for all tries together: GitLab waits 10
FIRST_PAUSE = 0.2  # seconds; doubled each time
LONGEST_DELAY = 12 * 60 * 60 - 60  # seconds; SQS counts its 12 hours from the receipt
TIMEOUT = httpx.Timeout(2.0)


class Queue:
    """A FIFO queue.

    Args:
        transport: Sends the requests; the time limit of one is `TIMEOUT`.
        url: The queue's URL, as SQS returns it.
        aws: Returns the region, the present credentials and SQS's endpoint.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        url: str,
        aws: Callable[[], AwsSettings] = settings.aws,
    ) -> None:
        self._transport = transport
        self._url = url
        self._aws = aws
        self._endpoint = endpoint(url, aws())

    async def send(self, messages: Sequence[Message]) -> None:
        """Send messages, in concurrent batches. The order of the messages is not kept.

        After a batch that SQS accepted in part, only the rest is sent again.

        Raises:
            QueueUnavailable: A message is not accepted after 3 tries within 6 seconds.
        """
        pending = list(messages)

        async def attempt() -> str | None:
            nonlocal pending
            pending, because = await self._send(pending)
            return because if pending else None

        await _repeat(attempt)

    async def delay(self, receipt_handle: str, seconds: float) -> None:
        """Delay the next try of a received message.

        Args:
            receipt_handle: SQS's handle of the received copy.
            seconds: The delay from now, shortened to the longest that SQS allows.

        Raises:
            QueueUnavailable: SQS did not accept the delay in 3 tries within 6 seconds. The queue's
                visibility timeout holds.
        """
        parameters = {
            "QueueUrl": self._url,
            "ReceiptHandle": receipt_handle,
            "VisibilityTimeout": math.ceil(min(max(seconds, 0), LONGEST_DELAY)),
        }

        async def attempt() -> str | None:
            try:
                await self._call("ChangeMessageVisibility", parameters)
            except QueueUnavailable as error:
                return str(error)
            return None

        await _repeat(attempt)

    async def _send(self, messages: list[Message]) -> tuple[list[Message], str]:
        """Send messages once; return those that were not accepted, and the reason."""
        answers = await asyncio.gather(*(self._send_batch(batch) for batch in batches(messages)))
        rest = [message for refused, _ in answers for message in refused]
        because = next((reason for _, reason in answers if reason), "it gave no reason")
        return rest, f"the queue did not accept {len(rest)} messages: {because}"

    async def _send_batch(self, batch: Sequence[Message]) -> tuple[list[Message], str]:
        """Send one batch; return the messages that SQS did not accept, and the reason."""
        try:
            answer = await self._send_message_batch(batch)
        except QueueUnavailable as error:
            return list(batch), str(error)
        accepted = {entry.get("Id") for entry in answer.get("Successful") or ()}
        refused = [message for number, message in enumerate(batch) if str(number) not in accepted]
        reasons = [str(entry.get("Message")) for entry in answer.get("Failed") or ()]
        return refused, reasons[0] if reasons else ""

    async def _send_message_batch(self, batch: Sequence[Message]) -> dict[str, Any]:
        return await self._call(
            "SendMessageBatch",
            {
                "QueueUrl": self._url,
                "Entries": [
                    {
                        "Id": str(number),
                        "MessageBody": message.body,
                        "MessageGroupId": message.group,
                        "MessageDeduplicationId": message.deduplication_id,
                    }
                    for number, message in enumerate(batch)
                ],
            },
        )

    async def _call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Request an action of SQS once. Raises `QueueUnavailable` with SQS's reason."""
        body = json.dumps(parameters).encode()
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"AmazonSQS.{action}",
        }
        signed = signed_headers(
            self._endpoint, headers, body, self._aws(), service="sqs", now=time.time()
        )
        request = httpx.Request(
            "POST",
            self._endpoint,
            content=body,
            headers=signed,
            extensions={"timeout": TIMEOUT.as_dict()},
        )
        try:
            response = await self._transport.handle_async_request(request)
            await response.aread()
        except httpx.RequestError as error:
            raise QueueUnavailable(f"{action}: {type(error).__name__}: {error}") from error
        if response.status_code != httpx.codes.OK:
            raise QueueUnavailable(f"{action}: {response.status_code} {_error_text(response)}")
        if not response.content:
            return {}
        try:
            answer: dict[str, Any] = response.json()
        except ValueError:
            raise QueueUnavailable(f"{action}: the answer is not valid JSON") from None
        return answer


def endpoint(queue_url: str, aws: AwsSettings) -> str:
    """Return the URL that requests for a queue are sent to."""
    parts = urlsplit(queue_url)
    return aws.endpoint or urlunsplit((parts.scheme, parts.netloc, "/", "", ""))


async def _repeat(attempt: Callable[[], Awaitable[str | None]]) -> None:
    """Attempt something up to 3 times within 6 seconds.

    Args:
        attempt: Returns the reason of its failure, or `None`.

    Raises:
        QueueUnavailable: No attempt succeeded.
    """
    because: str | None = "the queue did not answer in time"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TIME_LIMIT):
            for tried in range(TRIES):
                if tried:
                    await asyncio.sleep(FIRST_PAUSE * 2 ** (tried - 1))
                because = await attempt()
                if because is None:
                    return
    raise QueueUnavailable(because)


def batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Split messages into batches that SQS accepts: 10 entries, 1 MiB for all bodies together."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        length = len(message.body)
        if batch and (len(batch) == BATCH_ENTRIES or size + length > MESSAGE_LIMIT):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch


def _error_text(response: httpx.Response) -> str:
    try:
        error = response.json()
        # SQS's own errors have "message", AWS's common errors "Message".
        message = str(error.get("message") or error.get("Message") or "")
        # Below its first line, SQS quotes a wrongly signed request, with its session token.
        first_line = message.partition("\n")[0]
        return shorten(f"{str(error['__type']).rpartition('#')[2]}: {first_line}", 300)
    except (ValueError, KeyError, TypeError):
        return shorten(response.text, 300)
