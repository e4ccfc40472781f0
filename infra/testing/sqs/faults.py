"""The errors that SQS answers, and the faults that a test can ask for."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SqsError(Exception):
    """An error in SQS's JSON protocol; without a `body`, one that all AWS services have.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
    """

    def __init__(self, code: str, message: str, status: int, body: bytes = b"") -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        common = {"__type": f"com.amazon.coral.service#{code}", "Message": message}
        self.body = body or json.dumps(common).encode()


class Fault(StrEnum):
    """A fault of one request. All but LOST and PARTIAL happen before SQS acts on it."""

    BROKEN = "500"
    UNAVAILABLE = "503"
    THROTTLED = "throttled"
    SILENT = "no answer"
    DROPPED = "connection dropped"
    LOST = "answer lost"  # SQS acts on it, and the connection drops before the answer
    PARTIAL = "accepted in part"  # only some entries of a batch; else the same as BROKEN


ANSWERS = {
    Fault.BROKEN: ("InternalFailure", "The request failed", 500),
    Fault.PARTIAL: ("InternalFailure", "The request failed", 500),
    Fault.UNAVAILABLE: ("ServiceUnavailable", "Try again", 503),
    Fault.THROTTLED: ("ThrottlingException", "Rate exceeded", 400),
}


class QueueFaults:
    """The faults of the next requests.

    Attributes:
        choose: Returns the fault for an action, or `None`; `add` takes precedence.
        happened: The action and the fault of each request that failed.
    """

    def __init__(self) -> None:
        self._added: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.choose: Callable[[str], Fault | None] = lambda action: None
        self.happened: list[tuple[str, Fault]] = []

    def add(self, action: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next requests for an action fail."""
        self._added[action].extend([fault] * times)

    def clear(self) -> None:
        self._added.clear()
        self.choose = lambda action: None

    def next(self, action: str) -> Fault | None:
        added = self._added[action]
        if fault := added.popleft() if added else self.choose(action):
            self.happened.append((action, fault))
        return fault
