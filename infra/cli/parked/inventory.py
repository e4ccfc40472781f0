"""What is parked: messages → tasks, one for each however often it was parked.

Takes values and returns values; `queues` carries the messages.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from gidgetlambda.errors import MalformedTask
from gidgetlambda.task import Message, Parking, Task

from ..durations import moment
from .queues import Copy

SHORT = 12  # characters of an id that are shown; any beginning that is clear serves
_FAR_FUTURE = 1e11  # seconds since the epoch


@dataclass(frozen=True)
class Reading:
    """A message on the parked queue, and the task in it; `None` where it is none."""

    copy: Copy
    task: Task | None
    problem: str = ""

    @classmethod
    def of(cls, copy: Copy) -> "Reading":
        try:
            task = Task.decode(copy.body)
        except MalformedTask as error:
            return cls(copy, None, str(error))
        if not _is_sound(task):
            return cls(copy, None, "the message is no task: its times or its reason are none")
        return cls(copy, task)

    @property
    def key(self) -> str:
        """The same for every copy of one task."""
        if self.task is None:
            return self.copy.message_id.replace("-", "")
        return self.task.deduplication_id

    @property
    def parking(self) -> Parking | None:
        return self.task.parking if self.task is not None else None

    @property
    def at(self) -> float:
        """When it was parked, in seconds since the epoch."""
        return self.parking.at if self.parking is not None else self.copy.sent

    @property
    def because(self) -> str:
        if self.task is None:
            return self.problem
        if self.parking is not None:
            return self.parking.because
        return "SQS itself moved it here after too many tries: its worker kept dying"


def _is_sound(task: Task) -> bool:
    """Whether a task's parts are what they ought to be, which decoding leaves open."""
    times: list[object] = [task.received]
    texts: list[object] = []
    if task.parking is not None:
        times.append(task.parking.at)
        texts += [task.parking.because, task.parking.traceback or ""]
    return all(isinstance(text, str) for text in texts) and all(
        isinstance(at, int | float) and 0 <= at < _FAR_FUTURE for at in times
    )


@dataclass(frozen=True)
class Parked:
    """A parked task with all of its copies, oldest first."""

    readings: tuple[Reading, ...]

    @property
    def id(self) -> str:
        return self.readings[0].key

    @property
    def task(self) -> Task | None:
        return self.readings[0].task

    @property
    def copies(self) -> tuple[Copy, ...]:
        return tuple(reading.copy for reading in self.readings)

    @property
    def at(self) -> float:
        """When it was first parked, in seconds since the epoch."""
        return self.readings[0].at

    @property
    def because(self) -> str:
        """Why it was last parked."""
        return self.readings[-1].because

    @property
    def attempts(self) -> int | None:
        """How often it was tried before it was last parked, `None` where nothing tells."""
        parking = self.readings[-1].parking
        return parking.attempts if parking is not None else None

    @property
    def handler(self) -> str | None:
        return self.task.handler if self.task is not None else None

    @property
    def about(self) -> str:
        """What the event is about, as its project knows it."""
        if self.task is None:
            return ""
        event = self.task.event
        target = (event.target_path or "").split("/", 3)
        return " ".join(part for part in (event.project_path, *target[3:]) if part)

    @property
    def moved_by_sqs(self) -> bool:
        """Whether others may hide behind it: SQS leaves what it moves in its group."""
        return any(reading.parking is None for reading in self.readings)

    def replay(self) -> Message:
        """What to send to the queue, the same as long as the oldest copy is there.

        Raises `MalformedTask` for what is no task, and `TaskTooLarge`.
        """
        if self.task is None:
            raise MalformedTask(self.readings[0].problem)
        return replace(self.task, parking=None).moved_message(self.readings[0].copy.message_id)

    def summary(self) -> dict[str, Any]:
        """What a list tells of it, for programs."""
        event = self.task.event if self.task is not None else None
        return {
            "id": self.id,
            "handler": self.handler,
            "event": event.event if event else None,
            "delivery": event.delivery_id if event else None,
            "project": event.project_path if event else None,
            "target": event.target_path if event else None,
            "received_at": moment(self.task.received) if self.task else None,
            "parked_at": moment(self.at),
            "because": self.because,
            "attempts": self.attempts,
            "copies": len(self.readings),
        }

    def details(self) -> dict[str, Any]:
        """All that is known of it, for programs."""
        return {
            **self.summary(),
            "parkings": [
                {
                    "at": moment(reading.at),
                    "because": reading.because,
                    "attempts": reading.parking.attempts if reading.parking else None,
                    "traceback": reading.parking.traceback if reading.parking else None,
                    "group": reading.copy.group,
                    "message_id": reading.copy.message_id,
                    "moved_from": reading.copy.source,
                }
                for reading in self.readings
            ],
            "headers": self.task.event.headers if self.task else None,
            "payload": self.task.event.data if self.task else None,
            "body": None if self.task else self.readings[0].copy.body,
        }


def inventory(copies: Iterable[Copy]) -> list[Parked]:
    """The parked tasks in messages, oldest first."""
    by_key: dict[str, list[Reading]] = defaultdict(list)
    for reading in map(Reading.of, copies):
        by_key[reading.key].append(reading)
    parked = [
        Parked(tuple(sorted(readings, key=lambda one: (one.at, one.copy.message_id))))
        for readings in by_key.values()
    ]
    return sorted(parked, key=lambda one: (one.at, one.id))
