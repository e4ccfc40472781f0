"""Task: one event for one handler, and its form on the queue.

A task on the queue is ASCII JSON, since SQS refuses some characters that a payload may contain. It
is deflated if it does not fit otherwise. It contains the payload of a delivery and the headers on
an allow-list, but no secret. This module performs no I/O.

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

MESSAGE_LIMIT = 1024 * 1024  # bytes, for one message and for all messages of a batch together
PARKING_RESERVE = 16 * 1024  # bytes that parking may add to a task
# A delivery has at most 6 MiB, and an escape like \u0001 makes six characters of one byte.
INFLATED_LIMIT = 40 * MESSAGE_LIMIT
VERSION = 1


@dataclass(frozen=True)
class Message:
    """A message for a FIFO queue."""

    body: str
    group: str
    deduplication_id: str


@dataclass(frozen=True)
class Parking:
    """The circumstances in which a task was parked.

    Attributes:
        at: The time of the parking, in seconds since the epoch.
        because: The reason, in one line.
        attempts: The number of tries; a hint, as SQS counts receipts.
        group: The message group that the task came from.
        traceback: The traceback of the last error, if there was one.
    """

    at: float
    because: str
    attempts: int
    group: str
    traceback: str | None = None


@dataclass(frozen=True)
class Task:
    """One event for one handler.

    Attributes:
        handler: The name of its route.
        received: The time of the delivery, in seconds since the epoch.
        parking: The circumstances of its parking, `None` for a task that is not parked.
        identity: The handler's first name, if it was renamed.
    """

    event: Event
    handler: str
    received: float
    parking: Parking | None = None
    identity: str | None = None

    @property
    def group(self) -> str:
        """The `MessageGroupId`: one for all events that a handler must see in order."""
        return _digest("group", _subject(self.event), self.identity or self.handler)

    @property
    def deduplication_id(self) -> str:
        """The `MessageDeduplicationId` of the first copy, which a resent delivery has as well."""
        return _digest("delivery", self.event.delivery_id, self.identity or self.handler)

    def message(self) -> Message:
        """Return the message that queues this task.

        Raises:
            TaskTooLarge: The task does not fit on the queue.
        """
        return Message(self.encode(), self.group, self.deduplication_id)

    def parked(self, parking: Parking, message_id: str) -> Message:
        """Return the message that parks this task.

        Each parked task has a separate group, so that all of them can be listed. A task that was
        parked before keeps the group that it first came from.

        Args:
            parking: The circumstances.
            message_id: SQS's `MessageId` of the copy on the task queue.

        Raises:
            TaskTooLarge: The task does not fit on the queue.
        """
        group = self.parking.group if self.parking is not None else parking.group
        task = replace(self, parking=replace(parking, group=group))
        moved = self._moved(message_id)
        return Message(task.encode(), moved, moved)

    def replayed(self, message_id: str) -> Message:
        """Return the message that puts this parked task back on its queue, into its old group.

        Args:
            message_id: SQS's `MessageId` of the copy on the parked queue.

        Raises:
            TaskTooLarge: The task does not fit on the queue.
        """
        group = self.parking.group if self.parking is not None else self.group
        return Message(replace(self, parking=None).encode(), group, self._moved(message_id))

    def _moved(self, message_id: str) -> str:
        """Return the deduplication id of a moved copy.

        SQS drops a repeated id for five minutes, and a task can be moved back and forth in less.
        """
        return _digest("moved", self.deduplication_id, message_id)

    def encode(self) -> str:
        """Return the task as the body of a message.

        Raises:
            TaskTooLarge: The task does not fit on the queue, even deflated.
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
            raise TaskTooLarge(f"the task has {len(text)} bytes deflated; the queue takes {limit}")
        return text

    @classmethod
    def decode(cls, body: str) -> Task:
        """Read the task in the body of a message.

        Raises:
            MalformedTask: The body is not a task, or is one of a later version.
        """
        try:
            fields = json.loads(body)
            if isinstance(fields, dict) and "deflated" in fields:
                fields = json.loads(_inflate(base64.b64decode(fields["deflated"])))
            return cls._from_fields(fields)
        except (
            *(ValueError, KeyError, TypeError, AttributeError),
            *(OverflowError, RecursionError, zlib.error),
        ) as error:
            raise MalformedTask(
                f"the message is not a task of this version: {type(error).__name__}"
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
    def _from_fields(cls, fields: Any) -> Task:
        if fields["v"] != VERSION:
            raise ValueError("another version")
        if not isinstance(fields["data"], dict):
            raise TypeError("the payload is not an object")
        event = Event(
            fields["data"],
            event=str(fields["event"]),
            headers=dict(fields["headers"]),
            delivery_id=str(fields["delivery"]),
        )
        parking = Parking(**fields["parking"]) if "parking" in fields else None
        return cls(event, str(fields["handler"]), float(fields["received"]), parking)


def _inflate(deflated: bytes) -> bytes:
    """Raises `ValueError` for more than a delivery can have caused."""
    inflater = zlib.decompressobj()
    text = inflater.decompress(deflated, INFLATED_LIMIT)
    if not inflater.eof:
        raise ValueError(f"it has more than {INFLATED_LIMIT} bytes, or is cut short")
    return text


def _subject(event: Event) -> str:
    """Return the thing whose events a handler must see in order."""
    if event.target_path is not None:
        return event.target_path
    try:
        project = f"/projects/{event.project_id}"
    except AttributeError:
        return f"delivery {event.delivery_id}"
    data, attributes = event.data, event.object_attributes
    parts = {
        "pipelines": attributes.get("id") if event.kind == "pipeline" else data.get("pipeline_id"),
        "refs": data.get("ref"),
        "releases": data.get("tag") if event.kind == "release" else None,
        "milestones": attributes.get("id") if event.kind == "milestone" else None,
        "feature_flags": attributes.get("id") if event.kind == "feature_flag" else None,
    }
    known = (f"{project}/{name}/{part}" for name, part in parts.items() if _is_name(part))
    return next(known, project)


def _is_name(part: Any) -> bool:
    return isinstance(part, str | int) and part != ""


def _digest(*parts: str) -> str:
    text = json.dumps(parts)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
