"""What is remembered of messages beside moto: moto's clock and its memory are not a test's."""

from collections import defaultdict
from dataclasses import dataclass, replace

REMEMBERED = 5 * 60.0  # seconds; SQS's deduplication interval


@dataclass(frozen=True, slots=True)
class Stored:
    """A message on a queue, as it was sent.

    `queue` is the queue's name, `sent` the clock's time in seconds.
    """

    message_id: str
    queue: str
    body: str
    group: str
    deduplication_id: str
    sequence_number: str
    sent: float


class Messages:
    """The messages that are on queues."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, dict[str, Stored]] = defaultdict(dict)
        self._where: dict[str, str] = {}

    def get(self, message_id: str) -> Stored | None:
        return self._queues[self._where.get(message_id, "")].get(message_id)

    def add(self, message: Stored) -> None:
        self._queues[message.queue][message.message_id] = message
        self._where[message.message_id] = message.queue

    def move(self, message_id: str, queue: str) -> None:
        """Note where a message was received: SQS itself moves some to a dead-letter queue."""
        stored = self.get(message_id)
        if stored is not None and stored.queue != queue:
            self.forget(message_id)
            self.add(replace(stored, queue=queue))

    def forget(self, message_id: str) -> None:
        self._queues[self._where.pop(message_id, "")].pop(message_id, None)

    def forget_queue(self, queue: str) -> None:
        for message in self.on(queue):
            self.forget(message.message_id)

    def on(self, queue: str) -> list[Stored]:
        """Those that are on a queue, oldest first."""
        return list(self._queues[queue].values())

    def count(self, queue: str) -> int:
        return len(self._queues[queue])


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was taken under a de-duplication id."""

    message_id: str
    sequence_number: str
    at: float


class Deduplication:
    """Remembers de-duplication ids for five minutes, whatever becomes of the messages.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
    """

    def __init__(self) -> None:
        self._taken: dict[tuple[str, ...], Taken] = {}

    def earlier(self, key: tuple[str, ...], now: float) -> Taken | None:
        """The message that a repeat stands for, if it is one."""
        taken = self._taken.get(key)
        if taken is not None and now - taken.at >= REMEMBERED:
            del self._taken[key]
            return None
        return taken

    def remember(self, key: tuple[str, ...], taken: Taken) -> None:
        self._taken[key] = taken


@dataclass(slots=True)
class Receipt:
    """One receipt of a message.

    `received` and `hidden_until` are the clock's times in seconds. While it is `held`, skipped time
    does not pass for it: `skipped` is how much of it the clock had skipped when they were set.
    """

    handle: str
    message_id: str
    queue: str
    received: float
    hidden_until: float
    skipped: float
    held: bool = False

    def catch_up(self, skipped: float) -> None:
        """Leave out the time that was skipped since."""
        self.received += skipped - self.skipped
        self.hidden_until += skipped - self.skipped
        self.skipped = skipped


class Receipts:
    """Which messages are invisible, and until when.

    moto hides them for longer than any test runs, and is told when they appear again.
    """

    def __init__(self) -> None:
        self._queues: defaultdict[str, dict[str, Receipt]] = defaultdict(dict)
        self._known: dict[str, Receipt] = {}

    def get(self, handle: str) -> Receipt | None:
        return self._known.get(handle)

    def add(self, receipt: Receipt) -> None:
        self._known[receipt.handle] = self._queues[receipt.queue][receipt.handle] = receipt

    def pop(self, handle: str) -> None:
        if receipt := self._known.pop(handle, None):
            del self._queues[receipt.queue][handle]

    def count(self, queue: str) -> int:
        """How many messages are invisible, as far as `due` was asked."""
        return len(self._queues[queue])

    def due(self, queue: str, now: float) -> list[Receipt]:
        """Those whose message appears on a queue again by now."""
        return [one for one in self._waiting(queue) if one.hidden_until <= now]

    def next(self, queue: str) -> float | None:
        """When the next message appears on a queue again, `None` where none is waiting to."""
        return min((one.hidden_until for one in self._waiting(queue)), default=None)

    def _waiting(self, queue: str) -> list[Receipt]:
        return [one for one in self._queues[queue].values() if not one.held]
