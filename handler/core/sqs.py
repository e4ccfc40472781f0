"""The queue: send messages to SQS, and put off the next try of one.

Signed HTTP over httpx, by SQS's JSON protocol: boto3 would cost a quarter of a second at each cold
start. botocore, which signs, is in the Lambda runtime and not in the package.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
"""

from __future__ import annotations

import asyncio
import json
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
        """Send messages, in batches; of a batch that is taken in part, only the rest again.

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
                "VisibilityTimeout": round(min(max(seconds, 0), LONGEST_DELAY)),
            },
        )

    async def _send(self, messages: list[Message], because: str) -> tuple[list[Message], str]:
        """Send messages once; return those that were not taken, and why."""
        rest: list[Message] = []
        for batch in batches(messages):
            try:
                failed = await self._send_batch(batch)
            except QueueUnavailable as error:
                rest += batch
                because = str(error)
                continue
            rest += [batch[int(entry["Id"])] for entry in failed]
            because = next((str(entry.get("Message")) for entry in failed), because)
        return rest, because

    async def _send_batch(self, batch: Sequence[Message]) -> list[dict[str, Any]]:
        answer = await self._call(
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
        failed: list[dict[str, Any]] = answer.get("Failed") or []
        return failed

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
        except httpx.TransportError as error:
            raise QueueUnavailable(f"{action}: {type(error).__name__}: {error}") from error
        if response.status_code != httpx.codes.OK:
            raise QueueUnavailable(f"{action}: {response.status_code} {_told(response)}")
        answer: dict[str, Any] = response.json() if response.content else {}
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
        return f"{str(error['__type']).rpartition('#')[2]}: {error.get('message', '')}"[:300]
    except (ValueError, KeyError, TypeError):
        return response.text[:300]
