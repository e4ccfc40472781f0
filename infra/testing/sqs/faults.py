"""What may go wrong between a function and SQS, on request."""

import random
import threading
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING

from .refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable


class Fault(StrEnum):
    """What goes wrong with one request. All but LOST and PARTIAL happen before SQS acts on it."""

    BROKEN = "500"
    UNAVAILABLE = "503"
    THROTTLED = "throttled"
    SILENT = "no answer"
    DROPPED = "connection dropped"
    LOST = "answer lost"  # SQS acted on it, and the connection drops before the answer
    PARTIAL = "taken in part"  # of a batch, only some entries; else the same as BROKEN


class Faults:
    """Which requests go wrong.

    `choose` may be set to decide for every request by its action; what was asked for with `add`
    comes first.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._asked: dict[str, deque[Fault]] = {}
        self.choose: Callable[[str], Fault | None] = lambda action: None
        self.happened: list[tuple[str, Fault]] = []

    def add(self, action: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next requests for an action go wrong."""
        with self._guard:
            self._asked.setdefault(action, deque()).extend([fault] * times)

    def clear(self) -> None:
        with self._guard:
            self._asked.clear()
            self.choose = lambda action: None

    def next(self, action: str) -> Fault | None:
        with self._guard:
            asked = self._asked.get(action)
            fault = asked.popleft() if asked else None
        fault = fault or self.choose(action)
        if fault is not None:
            self.happened.append((action, fault))
        return fault


def refusal_of(fault: Fault) -> Refusal:
    """What SQS answers for a fault that has an answer."""
    if fault is Fault.THROTTLED:
        return Refusal("ThrottlingException", "Rate exceeded", common=True)
    if fault is Fault.UNAVAILABLE:
        return Refusal("ServiceUnavailable", "Try again", status=503, common=True)
    return Refusal("InternalFailure", "The request failed", status=500, common=True)


def some(entries: int) -> set[int]:
    """Which entries of a batch are not taken: some, and not all where there are several."""
    count = random.randint(1, max(1, entries - 1))
    return set(random.sample(range(entries), count))
