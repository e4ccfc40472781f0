"""Task: one event for one handler, and its form on the queue.

Takes values and returns values; `sqs` carries them. A task on the queue is ASCII JSON, since SQS
refuses some characters that a payload may hold, and it is deflated where only that lets it fit.
What is in it of a delivery is the payload and an allow-list of headers, and nothing secret.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass, replace
from typing import Any

from .errors import MalformedTask, TaskTooLarge
from .event import Event

MESSAGE_LIMIT = 1024 * 1024  # bytes, for one message and for the sum of a batch
PARKING_RESERVE = 16 * 1024  # bytes that parking may add to a task
VERSION = 1


@dataclass(frozen=True)
class Message:
    """What is sent to a FIFO queue."""

    body: str
    group: str
    deduplication_id: str


@dataclass(frozen=True)
class Parking:
    """Why and when a task was parked.

    at: seconds since the epoch.
    because: in one line.
    attempts: how often it was tried; a hint, as SQS counts what it handed out.
    group: the message group that the task came from.
    traceback: of the last error, where there was one.
    """

    at: float
    because: str
    attempts: int
    group: str
    traceback: str | None = None


@dataclass(frozen=True)
class Task:
    """One event for one handler.

    handler: the name of its route.
    received: when the delivery came, in seconds since the epoch.
    parking: why it was parked, `None` while it is not.
    """

    event: Event
    handler: str
    received: float
    parking: Parking | None = None

    def message(self) -> Message:
        """The task as it is queued. Raises `TaskTooLarge`."""
        return Message(self.encode(), self.group, self.deduplication_id)

    def moved_message(self, message_id: str) -> Message:
        """The task as it is moved between queues. Raises `TaskTooLarge`.

        A parked task is in a group of its own, so that all parked tasks can be listed; one that
        is no longer parked is back in the group it came from.

        message_id: SQS's `MessageId` of the copy that is being moved. SQS swallows a repeated
            de-duplication id for five minutes, and a task may be moved to and fro within them.
        """
        deduplication_id = _digest("moved", self.deduplication_id, message_id)
        group = deduplication_id if self.parking is not None else self.group
        return Message(self.encode(), group, deduplication_id)

    def replayed(self, message_id: str) -> Message:
        """The parked task as the message that puts it back on the task queue.

        The message is in the group that the task has when it is not parked, so that it keeps its
        order with the other tasks of its target.

        Args:
            message_id: SQS's `MessageId` of the parked copy, as for `moved_message`.

        Raises:
            TaskTooLarge: the task does not fit on the queue.
        """
        return replace(self, parking=None).moved_message(message_id)

    @property
    def group(self) -> str:
        """The `MessageGroupId`: what one handler has to see in order shares it."""
        return _digest("group", _subject(self.event), self.handler)

    @property
    def deduplication_id(self) -> str:
        """The `MessageDeduplicationId` of the first copy: the same when GitLab resends."""
        return _digest("delivery", self.event.delivery_id, self.handler)

    def parked(self, parking: Parking) -> Task:
        """This task as it is parked; one that was parked before keeps its group."""
        group = self.parking.group if self.parking is not None else parking.group
        return replace(self, parking=replace(parking, group=group))

    def encode(self) -> str:
        """The task as a message's body.

        Raises `TaskTooLarge` where it does not fit even deflated.
        """
        limit = MESSAGE_LIMIT - (0 if self.parking else PARKING_RESERVE)
        try:
            text = json.dumps(self._fields(), separators=(",", ":"))
        except RecursionError:
            raise TaskTooLarge("the payload is nested too deeply for the queue") from None
        if len(text) <= limit:
            return text
        deflated = base64.b64encode(zlib.compress(text.encode("ascii"))).decode("ascii")
        text = json.dumps({"v": VERSION, "deflated": deflated}, separators=(",", ":"))
        if len(text) > limit:
            raise TaskTooLarge(f"the task has {len(text)} bytes deflated, over the queue's {limit}")
        return text

    @classmethod
    def decode(cls, body: str) -> Task:
        """The task in a message's body.

        Raises `MalformedTask` where it is none, or of a later version.
        """
        try:
            fields = json.loads(body)
            if isinstance(fields, dict) and "deflated" in fields:
                fields = json.loads(zlib.decompress(base64.b64decode(fields["deflated"])))
            return cls._of(fields)
        except (
            *(ValueError, KeyError, TypeError, AttributeError),
            *(OverflowError, RecursionError, zlib.error),
        ) as error:
            raise MalformedTask(
                f"the message is no task of this version: {type(error).__name__}"
            ) from None

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "v": VERSION,
            "handler": self.handler,
            "received": self.received,
            "delivery": self.event.delivery_id,
            "event": self.event.event,
            "headers": self.event.headers,
            "data": self.event.data,
        }
        if self.parking is not None:
            fields["parking"] = vars(self.parking)
        return fields

    @classmethod
    def _of(cls, fields: Any) -> Task:
        if fields["v"] != VERSION:
            raise ValueError("another version")
        if not isinstance(fields["data"], dict):
            raise TypeError("the payload is no object")
        event = Event(
            fields["data"],
            event=str(fields["event"]),
            headers=dict(fields["headers"]),
            delivery_id=str(fields["delivery"]),
        )
        parking = Parking(**fields["parking"]) if "parking" in fields else None
        return cls(event, str(fields["handler"]), float(fields["received"]), parking)


def _subject(event: Event) -> str:
    """What the event is about, as far as one order of events is concerned."""
    if event.target_path is not None:
        return event.target_path
    try:
        project = f"/projects/{event.project_id}"
    except AttributeError:
        return f"delivery {event.delivery_id}"
    data = event.data
    pipeline = event.object_attributes.get("id") if event.kind == "pipeline" else None
    pipeline = pipeline or data.get("pipeline_id")
    if isinstance(pipeline, int):
        return f"{project}/pipelines/{pipeline}"
    ref = data.get("ref")
    return f"{project}/refs/{ref}" if isinstance(ref, str) else project


def _digest(*parts: str) -> str:
    text = json.dumps(parts)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
