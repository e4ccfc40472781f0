"""Parked tasks, as the messages on the parked queue describe them.

A task that was parked twice has two messages, its copies. Every command treats them as one task.
"""

import fnmatch
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gidgetlambda.errors import MalformedTask
from gidgetlambda.task import Message, Parking, Task

from ..console import Failure
from ..times import timestamp

if TYPE_CHECKING:
    from mypy_boto3_sqs.service_resource import Message as SqsMessage

SHORT = 12  # characters of an id that are printed; any unambiguous beginning selects the task
_MOVED_BY_SQS = (
    "its worker kept dying, and SQS itself moved it here; others of its group can be hidden until "
    "it is replayed or dropped"
)


class ParkedCopy:
    """A message on the parked queue, and the task in it.

    Attributes:
        message: The message as it was last received.
        task: The task, `None` if the message is not a task.
        id: The task's id, which all its copies share.
        parking: The circumstances in which the copy was parked.
    """

    def __init__(self, message: "SqsMessage") -> None:
        self.message = message
        self.id = hashlib.sha256(message.body.encode()).hexdigest()
        self.task: Task | None = None
        sent_at = message.attributes["SentTimestamp"]
        group = message.attributes.get("MessageGroupId", "")
        self.parking = Parking(int(sent_at) / 1000, _MOVED_BY_SQS, attempts=0, group=group)
        try:
            self.task = _decode(message.body)
        except MalformedTask as error:
            self.parking = replace(self.parking, because=str(error))
            return
        self.id = self.task.deduplication_id
        self.parking = self.task.parking or self.parking

    def details(self) -> dict[str, Any]:
        """Return the fields of the copy for programs."""
        return {
            **vars(self.parking),
            "at": timestamp(self.parking.at),
            "because": str(self.parking.because),
            "attempts": self.parking.attempts or None,
            "message_id": self.message.message_id,
            "moved_from": self.message.attributes.get("DeadLetterQueueSourceArn"),
        }


def _decode(body: str) -> Task:
    """Return the task in a message's body, after a check of its times."""
    task = Task.decode(body)
    try:
        timestamp(task.received)
        timestamp(task.parking.at if task.parking else 0)
    except (TypeError, ValueError, OverflowError, OSError):
        raise MalformedTask("the message is not a task: its times are not valid") from None
    return task


class ParkedTask:
    """A parked task with all its copies.

    Attributes:
        copies: The copies, oldest first.
        task: The task, `None` if the message is not a task.
        handler: The handler's name, `None` if the message is not a task.
        at: The Unix time at which the task was first parked.
    """

    def __init__(self, copies: list[ParkedCopy]) -> None:
        self.copies = copies
        self.id, self.task, self.at = copies[0].id, copies[0].task, copies[0].parking.at
        self.handler = self.task.handler if self.task else None

    def replayed(self) -> Message:
        """Return the message that replays the task, the same one until the oldest copy is deleted.

        Raises:
            MalformedTask: The message is not a task.
            TaskTooLarge: The task does not fit on the queue.
        """
        if self.task is None:
            raise MalformedTask(self.copies[0].parking.because)
        return self.task.replayed(self.copies[0].message.message_id)

    def labels(self) -> tuple[str, ...]:
        """Return the short id, the handler, the event, and the project with the event's target."""
        if self.task is None:
            return self.id[:SHORT], "(not a task)", "", ""
        event = self.task.event
        target = (event.target_path or "").split("/", 3)[3:]
        about = " ".join(part for part in (event.project_path, *target) if part)
        return self.id[:SHORT], self.task.handler, event.event, about

    def describe(self) -> str:
        return "  ".join(filter(None, self.labels()))

    def summary(self) -> dict[str, Any]:
        """Return the fields of the task for programs."""
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
        """Return the summary, the copies and the payload for programs."""
        return {
            **self.summary(),
            "parkings": [copy.details() for copy in self.copies],
            "headers": self.task.event.headers if self.task else None,
            "payload": self.task.event.data if self.task else None,
            "body": None if self.task else self.copies[0].message.body,
        }


def group_copies(copies: Iterable[ParkedCopy]) -> list[ParkedTask]:
    """Return the parked tasks to which the copies belong, oldest first."""
    tasks: dict[str, list[ParkedCopy]] = defaultdict(list)
    for copy in sorted(copies, key=lambda copy: (copy.parking.at, copy.message.message_id)):
        tasks[copy.id].append(copy)
    return [ParkedTask(copies) for copies in tasks.values()]


@dataclass(frozen=True)
class TaskSelection:
    """A choice among the parked tasks: those that meet every condition.

    Attributes:
        ids: Beginnings of ids; a task needs one of them.
        handler: A handler's name, the name of its function, or a pattern with `*`.
        before: The Unix time until which the tasks were parked.
    """

    ids: tuple[str, ...] = ()
    handler: str | None = None
    before: float | None = None

    def of(self, tasks: Collection[ParkedTask]) -> list[ParkedTask]:
        """Return the selected tasks.

        Raises:
            Failure: A beginning is that of several ids.
        """
        for beginning in self.ids:
            if (number := sum(task.id.startswith(beginning) for task in tasks)) > 1:
                raise Failure(
                    f"{beginning} begins the ids of {number} parked tasks: write more of it."
                )
        return [
            task
            for task in tasks
            if (not self.ids or task.id.startswith(self.ids))
            and self._matches_handler(task.handler)
            and (self.before is None or task.at <= self.before)
        ]

    def check(self, tasks: Collection[ParkedTask]) -> None:
        """Check that each id and the handler exist among all parked tasks.

        Raises:
            Failure: One does not exist.
        """
        missing = [
            f"No parked task has an id that begins with {beginning}. It may have been replayed or "
            "dropped already: `gidgetlambda parked list` shows the parked tasks."
            for beginning in self.ids
            if not any(task.id.startswith(beginning) for task in tasks)
        ]
        handlers = {task.handler for task in tasks if task.handler}
        if self.handler is not None and not any(map(self._matches_handler, handlers)):
            known = ", ".join(sorted(handlers)) or "none"
            missing.append(f"No parked task has the handler {self.handler}. Handlers: {known}.")
        if missing:
            raise Failure("\n".join(missing))

    def _matches_handler(self, name: str | None) -> bool:
        if self.handler is None or not name:
            return self.handler is None
        function = name.replace(":", ".").rpartition(".")[2]
        return any(fnmatch.fnmatchcase(one, self.handler) for one in (name, function))
