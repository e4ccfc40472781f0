"""The queue: send messages to SQS, and put off the next try of one.

Signed HTTP over httpx, by SQS's JSON protocol: boto3 would cost a quarter of a second at each cold
start. botocore, which signs, is in the Lambda runtime and not in the package.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
"""

from __future__ import annotations

import asyncio
import json
import math
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .errors import QueueUnavailable
from .task import MESSAGE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from .task import Message

BATCH_ENTRIES = 10
TRIES = 3
TIME_LIMIT = 6.0  # seconds for all tries together: GitLab waits 10
FIRST_PAUSE = 0.2  # seconds; doubled each time
LONGEST_DELAY = 12 * 60 * 60 - 60  # seconds; SQS counts its 12 hours from the receipt
TIMEOUT = httpx.Timeout(2.0)


class Signature(httpx.Auth):
    """Signs requests to SQS with the credentials that the environment holds at that moment.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
    """

    requires_request_body = True

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the signature's headers to the request."""
        env = self._environ
        credentials = Credentials(
            env.get("AWS_ACCESS_KEY_ID", ""),
            env.get("AWS_SECRET_ACCESS_KEY", ""),
            env.get("AWS_SESSION_TOKEN"),
        )
        region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or ""
        signed = AWSRequest(
            method=request.method,
            url=str(request.url),
            data=request.content,
            headers={name: request.headers[name] for name in ("content-type", "x-amz-target")},
        )
        SigV4Auth(credentials, "sqs", region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request


class Queue:
    """A FIFO queue.

    client: sends the requests; its time limit per request is `TIMEOUT`.
    url: of the queue, as SQS names it.
    environ: holds the credentials and the region, and `AWS_ENDPOINT_URL_SQS` or
        `AWS_ENDPOINT_URL` where SQS is somewhere else than the queue's URL says.
    """

    def __init__(
        self, client: httpx.AsyncClient, url: str, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._client = client
        self._url = url
        self._auth = Signature(environ)
        parts = urlsplit(url)
        self._endpoint = (
            environ.get("AWS_ENDPOINT_URL_SQS")
            or environ.get("AWS_ENDPOINT_URL")
            or urlunsplit((parts.scheme, parts.netloc, "/", "", ""))
        )

    async def send(self, messages: Sequence[Message]) -> None:
        """Send messages, in batches side by side; of a batch that is taken in part, only the rest
        again. Their order is not kept.

        Raises `QueueUnavailable` where some are not taken after 3 tries within 6 seconds.
        """
        pending, because = list(messages), "it did not answer in time"
        try:
            async with asyncio.timeout(TIME_LIMIT):
                for tried in range(TRIES):
                    if tried:
                        await asyncio.sleep(FIRST_PAUSE * 2 ** (tried - 1))
                    pending, because = await self._send(pending, because)
                    if not pending:
                        return
        except TimeoutError:
            pass
        raise QueueUnavailable(f"the queue did not take {len(pending)} messages: {because}")

    async def delay(self, receipt_handle: str, seconds: float) -> None:
        """Put off the next try of a message that was received.

        seconds: from now; cut at what SQS allows.

        Raises `QueueUnavailable`; the message then waits as long as the queue is set to.
        """
        await self._call(
            "ChangeMessageVisibility",
            {
                "QueueUrl": self._url,
                "ReceiptHandle": receipt_handle,
                "VisibilityTimeout": math.ceil(min(max(seconds, 0), LONGEST_DELAY)),
            },
        )

    async def _send(self, messages: list[Message], because: str) -> tuple[list[Message], str]:
        """Send messages once; return those that were not taken, and why."""
        answers = await asyncio.gather(*(self._send_batch(batch) for batch in batches(messages)))
        rest = [message for untaken, _ in answers for message in untaken]
        return rest, next((reason for _, reason in answers if reason), because)

    async def _send_batch(self, batch: Sequence[Message]) -> tuple[list[Message], str]:
        """Send one batch; return those that SQS does not say it took, and why."""
        try:
            answer = await self._ask_to_take(batch)
        except QueueUnavailable as error:
            return list(batch), str(error)
        taken = {entry.get("Id") for entry in answer.get("Successful") or ()}
        untaken = [message for number, message in enumerate(batch) if str(number) not in taken]
        reasons = [str(entry.get("Message")) for entry in answer.get("Failed") or ()]
        return untaken, reasons[0] if reasons else ""

    async def _ask_to_take(self, batch: Sequence[Message]) -> dict[str, Any]:
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
        """Ask SQS for an action once. Raises `QueueUnavailable` with what it answers instead."""
        try:
            response = await self._client.post(
                self._endpoint,
                content=json.dumps(parameters),
                headers={
                    "content-type": "application/x-amz-json-1.0",
                    "x-amz-target": f"AmazonSQS.{action}",
                },
                auth=self._auth,
                timeout=TIMEOUT,
            )
        except httpx.RequestError as error:
            raise QueueUnavailable(f"{action}: {type(error).__name__}: {error}") from error
        if response.status_code != httpx.codes.OK:
            raise QueueUnavailable(f"{action}: {response.status_code} {_told(response)}")
        if not response.content:
            return {}
        try:
            answer: dict[str, Any] = response.json()
        except ValueError:
            raise QueueUnavailable(f"{action}: an answer that is no JSON") from None
        return answer


def batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Messages in batches that SQS takes: 10 entries, and 1 MiB for the sum of the bodies."""
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


def _told(response: httpx.Response) -> str:
    try:
        error = response.json()
        # SQS's own errors say "message", those of all of AWS "Message".
        message = str(error.get("message") or error.get("Message") or "")
        # Below the first line SQS quotes a request that is signed wrongly, its token included.
        told, _, _ = message.partition("\n")
        return f"{str(error['__type']).rpartition('#')[2]}: {told}"[:300]
    except (ValueError, KeyError, TypeError):
        return response.text[:300]
