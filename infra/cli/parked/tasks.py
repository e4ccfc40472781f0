"""Parked tasks, as the messages on the parked queue describe them.

A task that was parked twice has two messages, its copies; every command treats them as one task.
"""

import fnmatch
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gidgetlambda.errors import MalformedTask
from gidgetlambda.task import Message, Task

from ..times import timestamp

if TYPE_CHECKING:
    from mypy_boto3_sqs.service_resource import Message as SqsMessage

SHORT = 12  # characters of an id that are printed; any unambiguous beginning selects the task


class Copy:
    """A message on the parked queue, and the task in it.

    Attributes:
        message: the message as it was last received.
        task: `None` if the message is not a task.
        id: the same for all copies of one task.
        at: when the copy was parked, as a Unix time.
    """

    def __init__(self, message: "SqsMessage") -> None:
        self.message = message
        self.id = message.message_id.replace("-", "")
        self.at = int(message.attributes["SentTimestamp"]) / 1000
        self.because = (
            "its worker kept dying, and SQS itself moved it here; others of its group can be "
            "hidden until it is replayed or dropped"
        )
        self.task: Task | None = None
        try:
            self.task = _decode(message.body)
        except MalformedTask as error:
            self.because = str(error)
            return
        self.id = self.task.deduplication_id
        if self.task.parking is not None:
            self.at, self.because = self.task.parking.at, str(self.task.parking.because)

    def details(self) -> dict[str, Any]:
        """The copy for programs."""
        parking = self.task.parking if self.task else None
        return {
            "at": timestamp(self.at),
            "because": self.because,
            "attempts": parking.attempts if parking else None,
            "traceback": parking.traceback if parking else None,
            "group": self.message.attributes.get("MessageGroupId", ""),
            "message_id": self.message.message_id,
            "moved_from": self.message.attributes.get("DeadLetterQueueSourceArn"),
        }


def _decode(body: str) -> Task:
    """The task in a body. Its times are valid, which `Task.decode` does not check."""
    task = Task.decode(body)
    try:
        timestamp(task.received)
        timestamp(task.parking.at if task.parking else 0)
    except (TypeError, ValueError, OverflowError, OSError):
        raise MalformedTask("the message is not a task: its times are not valid") from None
    return task


class Parked:
    """A parked task with all its copies, oldest first.

    Attributes:
        task: `None` if the message is not a task.
        at: when the task was first parked, as a Unix time.
    """

    def __init__(self, copies: list[Copy]) -> None:
        self.copies = copies
        self.id, self.task, self.at = copies[0].id, copies[0].task, copies[0].at
        self.handler = self.task.handler if self.task else None

    def replayed(self) -> Message:
        """The message that replays the task: the same one as long as its oldest copy exists.

        Raises:
            MalformedTask: the message is not a task.
            TaskTooLarge: the task does not fit on the queue.
        """
        if self.task is None:
            raise MalformedTask(self.copies[0].because)
        return self.task.replayed(self.copies[0].message.message_id)

    def labels(self) -> tuple[str, ...]:
        """The short id, the handler, the event, and the project with the event's target."""
        if self.task is None:
            return self.id[:SHORT], "(not a task)", "", ""
        event = self.task.event
        target = (event.target_path or "").split("/", 3)[3:]
        about = " ".join(part for part in (event.project_path, *target) if part)
        return self.id[:SHORT], self.task.handler, event.event, about

    def describe(self) -> str:
        return "  ".join(filter(None, self.labels()))

    def summary(self) -> dict[str, Any]:
        event = self.task.event if self.task else None
        last = self.copies[-1].details()
        return {
            "id": self.id,
            "handler": self.handler,
            "event": event.event if event else None,
            "delivery": event.delivery_id if event else None,
            "project": event.project_path if event else None,
            "target": event.target_path if event else None,
            "received_at": timestamp(self.task.received) if self.task else None,
            "parked_at": timestamp(self.at),
            "because": last["because"],
            "attempts": last["attempts"],
            "copies": len(self.copies),
        }

    def details(self) -> dict[str, Any]:
        """The summary, the copies and the payload, for programs."""
        return {
            **self.summary(),
            "parkings": [copy.details() for copy in self.copies],
            "headers": self.task.event.headers if self.task else None,
            "payload": self.task.event.data if self.task else None,
            "body": None if self.task else self.copies[0].message.body,
        }


def inventory(copies: Iterable[Copy]) -> list[Parked]:
    """The parked tasks in messages, oldest first."""
    tasks: dict[str, list[Copy]] = defaultdict(list)
    for copy in sorted(copies, key=lambda copy: (copy.at, copy.message.message_id)):
        tasks[copy.id].append(copy)
    return [Parked(copies) for copies in tasks.values()]


@dataclass(frozen=True)
class Selection:
    """The parked tasks that a command is about; all of them if there is no condition.

    Attributes:
        ids: beginnings of ids.
        handler: a handler's name, the name of its function, or a pattern with `*`.
        before: the Unix time before which the tasks were parked.
    """

    ids: tuple[str, ...] = ()
    handler: str | None = None
    before: float | None = None

    def of(self, everything: list[Parked]) -> list[Parked]:
        """The selected tasks among all parked tasks."""
        return [
            parked
            for parked in everything
            if (not self.ids or parked.id.startswith(self.ids))
            and self._matches_handler(parked.handler)
            and (self.before is None or parked.at <= self.before)
        ]

    def ambiguous(self, everything: list[Parked]) -> list[str]:
        """A sentence for each beginning that several ids share."""
        return [
            f"{one} begins the ids of {number} parked tasks: write more of it."
            for one in self.ids
            if (number := sum(parked.id.startswith(one) for parked in everything)) > 1
        ]

    def missing(self, everything: list[Parked]) -> list[str]:
        """A sentence for each id and handler that no parked task has."""
        missing = [
            f"No parked task has an id that begins with {one}. It may have been replayed or "
            "dropped already: `gidgetlambda parked list` shows the parked tasks."
            for one in self.ids
            if not any(parked.id.startswith(one) for parked in everything)
        ]
        handlers = {parked.handler or "" for parked in everything}
        if self.handler is not None and not any(map(self._matches_handler, handlers)):
            there = ", ".join(sorted(handlers)) or "none"
            missing.append(f"No parked task has the handler {self.handler}. Handlers: {there}.")
        return missing

    def _matches_handler(self, name: str | None) -> bool:
        if self.handler is None or not name:
            return self.handler is None
        function = name.replace(":", ".").rpartition(".")[2]
        return any(fnmatch.fnmatchcase(one, self.handler) for one in (name, function))
