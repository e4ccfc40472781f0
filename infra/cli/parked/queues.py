"""The bot's queues at SQS: find them, send to one, and hold the messages of the other one.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import typer

from .. import aws
from ..console import Failure
from ..stack import DeployedStack
from .tasks import ParkedCopy

if TYPE_CHECKING:
    from gidgetlambda.task import Message
    from mypy_boto3_sqs.service_resource import Queue

HOLD = 120  # seconds; the messages of a killed command stay hidden for that long
_BATCH = 10
_WAIT = 1  # seconds; with a wait, SQS asks all its servers, and an empty answer is reliable


@dataclass(frozen=True)
class BotQueues:
    """The bot's queues.

    Attributes:
        tasks: The task queue, `None` if only the parked queue is known.
        parked: The parked queue.
    """

    tasks: "Queue | None"
    parked: "Queue"

    @classmethod
    def find(cls, stack: str | None, queue_url: str | None, parked_url: str | None) -> Self:
        """Return the queues with these URLs, the queue's dead-letter queue, or the stack's."""
        if stack and (queue_url or parked_url):
            raise typer.BadParameter("name the stack or the queues, not both")
        region = re.match(r"https://sqs\.([a-z0-9-]+)\.amazonaws\.", queue_url or parked_url or "")
        if not queue_url and not parked_url:
            queue_url, parked_url = DeployedStack.named(stack).outputs(
                "TaskQueueUrl",
                "ParkedQueueUrl",
                alternative="To use the queues that a deleted stack left behind, name them with "
                "--queue-url.",
            )
        with aws.explained(f"find the queue {queue_url or parked_url}"):
            session = aws.session(region[1] if region else DeployedStack.named(stack).region)
            sqs = session.resource("sqs", config=aws.CONFIG)
            tasks = sqs.Queue(queue_url) if queue_url else None
            if tasks is None or parked_url:
                return cls(tasks, sqs.Queue(parked_url or ""))
            policy = json.loads(tasks.attributes.get("RedrivePolicy", "{}"))
            if "deadLetterTargetArn" not in policy:
                raise Failure(
                    f"The queue {queue_url} names no parked queue (it has no redrive policy). Name "
                    "it with --parked-queue-url."
                )
            *_, account, name = policy["deadLetterTargetArn"].split(":")
            return cls(tasks, sqs.get_queue_by_name(QueueName=name, QueueOwnerAWSAccountId=account))

    def send(self, message: "Message") -> None:
        """Send a message to the task queue."""
        if self.tasks is None:
            raise Failure("A replay needs the task queue: name it with --queue-url or --stack.")
        with aws.explained(f"send a task to {self.tasks.url}"):
            self.tasks.send_message(
                MessageBody=message.body,
                MessageGroupId=message.group,
                MessageDeduplicationId=message.deduplication_id,
            )


class HeldMessages:
    """The messages of a queue, hidden from others until the `with` block ends.

    At the end of the block, even after Ctrl-C, the messages that were not deleted become visible
    again. If the process is killed, they become visible after `HOLD` seconds.
    """

    def __init__(self, queue: "Queue") -> None:
        self._queue = queue
        self._copies: dict[str, ParkedCopy] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        receipts = [copy.message.receipt_handle for copy in self._copies.values()]
        for start in range(0, len(receipts), _BATCH):
            # A message that cannot be released becomes visible by itself.
            with contextlib.suppress(Failure), aws.explained("release tasks"):
                self._queue.change_message_visibility_batch(
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                        for number, receipt in enumerate(receipts[start : start + _BATCH])
                    ]
                )

    def sweep(self) -> list[ParkedCopy]:
        """Receive all visible messages, and return those that were not held before."""
        held_before = set(self._copies)
        count = -1
        while count < len(self._copies):
            count = len(self._copies)
            with aws.explained(f"list the tasks on {self._queue.url}"):
                messages = self._queue.receive_messages(
                    MaxNumberOfMessages=_BATCH,
                    VisibilityTimeout=HOLD,
                    WaitTimeSeconds=_WAIT,
                    MessageSystemAttributeNames=["All"],
                )
            for message in messages:
                copy = self._copies.setdefault(message.message_id, ParkedCopy(message))
                copy.message = message  # with the receipt that counts now
        return [copy for id_, copy in self._copies.items() if id_ not in held_before]

    def keep(self, copy: ParkedCopy) -> None:
        """Hold a message for another `HOLD` seconds.

        Raises:
            MessageRefused: The hold has expired, and somebody else may hold the message.
        """
        with aws.explained(f"hold a task on {self._queue.url}"):
            copy.message.change_visibility(VisibilityTimeout=HOLD)

    def delete(self, copy: ParkedCopy) -> None:
        """Delete a message for good. This raises as `keep` does."""
        self.keep(copy)
        with aws.explained(f"delete a task on {self._queue.url}"):
            copy.message.delete()
        del self._copies[copy.message.message_id]
