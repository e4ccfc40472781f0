"""Messages on SQS's queues, as a person's command takes, moves and deletes them.

What the messages say is told by `inventory`; here they are carried.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from ..aws import error_code, explained, region_of, sqs
from ..failure import Failure
from ..stack import Stack

if TYPE_CHECKING:
    from gidgetlambda.task import Message
    from mypy_boto3_sqs import SQSClient

HOLD = 120  # seconds; so long a killed command hides what it had taken
_AT_ONCE = 10
# SQS then asks all of its servers: an empty answer means that there is nothing.
_WAIT = 1  # seconds
# What SQS says of one message; anything else concerns all of them.
_OF_ONE_MESSAGE = (
    "InvalidMessageContents",
    "InvalidParameterValue",
    "ReceiptHandleIsInvalid",
    "MessageNotInflight",
)


class NotMoved(Exception):  # noqa: N818 - it is told, and the others go on
    """One message could not be moved or deleted; the message tells why."""


@dataclass(frozen=True)
class Copy:
    """A message as SQS handed it out.

    sent: when it came onto this queue, in seconds since the epoch.
    source: the queue that SQS itself moved it from, `None` where a program sent it.
    held_since: as the queue's clock tells time, in seconds.
    """

    message_id: str
    receipt_handle: str
    body: str
    group: str
    sent: float
    source: str | None
    held_since: float


class Queue:
    """A FIFO queue.

    client: boto3's, for the region of the queue.
    url: as SQS names it.
    clock: tells the seconds that messages are held for.
    """

    def __init__(
        self, client: "SQSClient", url: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.client = client
        self.url = url
        self.clock = clock

    def send(self, message: "Message") -> None:
        """Send a message. Raises `NotMoved`, or `Failure` where the queue takes none at all."""
        with self.explained("send a task"):
            self.client.send_message(
                QueueUrl=self.url,
                MessageBody=message.body,
                MessageGroupId=message.group,
                MessageDeduplicationId=message.deduplication_id,
            )

    def count_hidden(self) -> int:
        """About how many messages somebody holds at the moment. Raises `Failure`."""
        with self.explained("count the messages"):
            answer = self.client.get_queue_attributes(
                QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
            )
        return int(answer["Attributes"].get("ApproximateNumberOfMessagesNotVisible", 0))

    @contextlib.contextmanager
    def explained(self, what: str) -> Iterator[None]:
        with explained(what, thing=f"the queue {self.url}"):
            from botocore.exceptions import ClientError

            try:
                yield
            except ClientError as error:
                if error_code(error) not in _OF_ONE_MESSAGE:
                    raise
                raise NotMoved(f"SQS did not {what}: {error}") from None


@dataclass(frozen=True)
class Queues:
    """The bot's queues; `queue` is `None` where only the parked one is known."""

    queue: Queue | None
    parked: Queue

    @classmethod
    def found(cls, stack: str | None, queue: str | None, parked: str | None) -> "Queues":
        """Those that are named; else what the queue names as its parked queue; else the stack's.

        Raises `Failure`.
        """
        region = region_of(queue or parked or "")
        if queue is None and parked is None:
            where = Stack.named(stack)
            queue, parked = where.queue_urls()
            region = where.region
        with explained("find the queues"):
            client = sqs(region or Stack.named(None).region)
        parked = parked or _redrive_target(client, queue or "")
        return cls(Queue(client, queue) if queue is not None else None, Queue(client, parked))


class Held:
    """The messages of a queue, kept from others until the `with` block ends.

    What was not deleted by then is there for everybody again, Ctrl-C included; after a kill it is
    so by itself in `HOLD` seconds.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._copies: dict[str, Copy] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._release()

    def sweep(self) -> list[Copy]:
        """Take all messages that can be had; give those that were not held yet.

        Of messages that SQS moved here by itself, some can hide behind others of their group until
        those are deleted. Raises `Failure`.
        """
        found: dict[str, Copy] = {}
        while True:
            received = self._receive()
            fresh = [copy for copy in received if copy.message_id not in self._copies]
            self._copies |= {copy.message_id: copy for copy in received}
            found |= {copy.message_id: copy for copy in fresh}
            if not fresh:
                return [self._copies[message_id] for message_id in found]

    def keep(self, copy: Copy) -> None:
        """Make sure that a message stays held long enough to be moved.

        Raises `NotMoved` where somebody else has it by now.
        """
        copy = self._copies[copy.message_id]
        now = self._queue.clock()
        if now - copy.held_since < HOLD / 2:
            return
        with self._queue.explained("hold a task"):
            self._queue.client.change_message_visibility(
                QueueUrl=self._queue.url,
                ReceiptHandle=copy.receipt_handle,
                VisibilityTimeout=HOLD,
            )
        self._copies[copy.message_id] = replace(copy, held_since=now)

    def delete(self, copy: Copy) -> None:
        """Delete a message for good. Raises `NotMoved`, or `Failure`."""
        copy = self._copies[copy.message_id]
        with self._queue.explained("delete a task"):
            self._queue.client.delete_message(
                QueueUrl=self._queue.url, ReceiptHandle=copy.receipt_handle
            )
        del self._copies[copy.message_id]

    def _receive(self) -> list[Copy]:
        asked = self._queue.clock()
        with self._queue.explained("list the parked tasks"):
            answer = self._queue.client.receive_message(
                QueueUrl=self._queue.url,
                MaxNumberOfMessages=_AT_ONCE,
                VisibilityTimeout=HOLD,
                WaitTimeSeconds=_WAIT,
                MessageSystemAttributeNames=["All"],
            )
        return [_copy(message, asked) for message in answer.get("Messages", [])]

    def _release(self) -> None:
        copies = list(self._copies.values())
        self._copies.clear()
        for start in range(0, len(copies), _AT_ONCE):
            # Those that cannot be released come back by themselves.
            with contextlib.suppress(Failure, NotMoved), self._queue.explained("release tasks"):
                self._queue.client.change_message_visibility_batch(
                    QueueUrl=self._queue.url,
                    Entries=[
                        {
                            "Id": str(number),
                            "ReceiptHandle": copy.receipt_handle,
                            "VisibilityTimeout": 0,
                        }
                        for number, copy in enumerate(copies[start : start + _AT_ONCE])
                    ],
                )


def _copy(message: Mapping[str, Any], held_since: float) -> Copy:
    attributes = message.get("Attributes", {})
    return Copy(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        group=attributes.get("MessageGroupId", ""),
        sent=int(attributes["SentTimestamp"]) / 1000,
        source=attributes.get("DeadLetterQueueSourceArn"),
        held_since=held_since,
    )


def _redrive_target(client: "SQSClient", queue_url: str) -> str:
    """The queue to which SQS moves what it gives up on, which is the parked queue."""
    with explained("find the parked queue", thing=f"the queue {queue_url}"):
        answer = client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])
    policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
    arn = str(policy.get("deadLetterTargetArn", ""))
    if not arn:
        raise Failure(
            f"The queue {queue_url} names no parked queue (it has no redrive policy). Name it by "
            "--parked-queue-url."
        )
    _, _, _, _, account, name = arn.split(":", 5)
    with explained("find the parked queue", thing=arn):
        return client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
