"""moto's SQS, as strict as SQS itself, and with time that a test can skip.

moto forgets a deduplication id when its message is deleted, accepts characters that SQS refuses,
counts characters instead of bytes, accepts receipt handles that have expired, and counts the 12
hours of invisibility from the sending. Importing this module replaces moto's classes.

Skipping time makes the messages older. The machine's clock stays, so that a function in another
process finds the age of its message in `SentTimestamp`.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

import copy
import re
import threading
import time
from typing import Any

from moto.sqs import models
from moto.sqs.exceptions import BatchRequestTooLong, InvalidParameterValue, SQSException

LIMIT = 1024 * 1024  # bytes of a message, and of the sum of a batch
LONGEST = 12 * 60 * 60  # seconds that a message may stay invisible, from its receipt
REMEMBERED = 5 * 60  # seconds that a deduplication id is remembered

# Whatever XML 1.0 does not allow; lone surrogates are among it.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SkippableClock:
    """The machine's time plus the time that a test skipped."""

    def __init__(self, backend: "StrictBackend") -> None:
        self.skipped = 0.0  # seconds
        self._backend = backend

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time() + self.skipped

    def advance(self, seconds: float) -> None:
        with self._backend.guard:
            self.skipped += seconds
            for queue in self._backend.queues.values():
                queue.pass_time(seconds)


class StrictMessage(models.Message):
    """A message.

    Attributes:
        received: The time at which it was last received, in the machine's milliseconds.
        held: Whether a function is working on it. No skipped time passes for its receipt then: a
            function ends long before its message becomes visible again, and a test that skips hours
            meanwhile must not change that.
    """

    received = 0.0
    held = False

    # moto asks for them for every message of a queue at every send, and takes 10 times as long.
    visible = property(lambda self: _now() > self.visible_at)
    delayed = property(lambda self: _now() < self.delayed_until)

    def mark_received(self, visibility_timeout: int | None = None) -> None:
        self.received = _now()
        super().mark_received(visibility_timeout)

    def pass_time(self, seconds: float) -> None:
        self.sent_timestamp -= int(seconds * 1000)  # type: ignore
        if not self.held:
            self.received -= seconds * 1000
            self.visible_at -= seconds * 1000


class StrictQueue(models.Queue):
    """A queue whose messages are `StrictMessage`s."""

    _messages: list[StrictMessage]  # type: ignore[assignment]
    _pending_messages: set[StrictMessage]  # type: ignore[assignment]
    deduplication_scope: str
    message_retention_period: int

    def add_message(self, message: models.Message) -> None:
        assert isinstance(message, StrictMessage)
        self._messages.append(message)

    def delete_message(self, receipt_handle: str) -> None:
        if receipt_handle not in self.deleted_messages:
            self.received(receipt_handle)
        super().delete_message(receipt_handle)

    def received(self, handle: str) -> StrictMessage:
        """Return the message of a receipt; a FIFO queue refuses a receipt that has expired."""
        message = next((one for one in self._messages if one.receipt_handle == handle), None)
        if message is None:
            raise SQSException("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        if message.visible:
            raise _invalid("Value for parameter ReceiptHandle", "The receipt handle has expired.")
        return message

    def reveal(self) -> None:
        """Free the groups whose messages have become visible again.

        moto frees them one by one while it chooses, and may choose the second before the first.
        """
        self._pending_messages = {one for one in self._pending_messages if not one.visible}

    def pass_time(self, seconds: float) -> None:
        oldest = _now() - self.message_retention_period * 1000
        for message in list(self._messages):
            message.pass_time(seconds)
            if not message.held and (message.sent_timestamp or 0) <= oldest:
                self._messages.remove(message)


class StrictBackend(models.SQSBackend):
    """SQS in one account and region, for several threads if they hold `guard`."""

    __module__ = models.__name__  # moto finds the URLs of a backend by it
    queues: dict[str, StrictQueue]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.guard = threading.RLock()
        self.clock = SkippableClock(self)
        self._sent: dict[tuple[str | None, ...], tuple[float, models.Message]] = {}

    def get_queue(self, queue_name: str) -> StrictQueue:
        queue = super().get_queue(queue_name)
        assert isinstance(queue, StrictQueue)
        return queue

    def send_message(
        self, queue_name: str, message_body: str, *args: Any, **given: Any
    ) -> models.Message:
        _check(message_body)
        once = given.get("deduplication_id")
        by_group = self.get_queue(queue_name).deduplication_scope == "messageGroup"
        key = (queue_name, given.get("group_id") if by_group else None, once)
        moment, earlier = self._sent.get(key, (0.0, None))
        if once and earlier and self.clock.now() - moment < REMEMBERED:
            return copy.copy(earlier)
        message = super().send_message(queue_name, message_body, *args, **given)
        self._sent[key] = (self.clock.now(), message)
        return message

    def send_message_batch(
        self, queue_name: str, entries: dict[str, dict[str, Any]]
    ) -> tuple[list[models.Message], list[dict[str, Any]]]:
        if (total := sum(_size(entry["MessageBody"]) for entry in entries.values())) > LIMIT:
            raise BatchRequestTooLong(total)
        accepted, refused = {}, []
        for key, entry in entries.items():
            try:
                _check(entry["MessageBody"])
            except SQSException as error:
                fault = {"SenderFault": True, "Code": error.code, "Message": error.message}
                refused.append({"Id": entry["Id"], **fault})
            else:
                accepted[key] = entry
        sent, failed = super().send_message_batch(queue_name, accepted)
        return sent, failed + refused

    def receive_message(
        self, queue_name: str, count: int, wait_seconds_timeout: int, *args: Any, **given: Any
    ) -> list[models.Message]:
        self.get_queue(queue_name).reveal()
        return super().receive_message(queue_name, count, 0, *args, **given)

    def change_message_visibility(
        self, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        message = self.get_queue(queue_name).received(receipt_handle)
        seconds = int(visibility_timeout)
        if seconds < 0 or _now() + seconds * 1000 - message.received > LONGEST * 1000:
            raise _invalid(
                f"Value {seconds} for parameter VisibilityTimeout",
                f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST} seconds].",
            )
        message.change_visibility(seconds)


def _check(body: str) -> None:
    if found := _FORBIDDEN.search(body):
        raise SQSException(
            "InvalidMessageContents",
            f"Invalid characters found: U+{ord(found[0]):04X} at {found.start()}",
        )
    if _size(body) > LIMIT:
        raise _invalid("The message body", f"Message must be shorter than {LIMIT} bytes.")


def _invalid(subject: str, reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"{subject} is invalid. Reason: {reason}")


def _size(body: str) -> int:
    return len(body.encode("utf-8", "surrogatepass"))


def _now() -> float:
    return time.time() * 1000


models.Message = StrictMessage  # type: ignore[misc]
models.Queue = StrictQueue  # type: ignore[misc]
models.sqs_backends.backend = StrictBackend
