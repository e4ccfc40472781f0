"""Outcome: the result of one handler's run on one event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Outcome:
    """The result of one handler's run.

    Attributes:
        status: A failed run of a queued task becomes "retrying" or "parked".
        because: The reason, unless the run is done.
        error: The exception that the handler failed with.
        unanswered_write: GitLab may still act on a request whose answer never came.
    """

    status: Literal["done", "ignored", "failed", "retrying", "parked"]
    because: str | None = None
    error: BaseException | None = field(default=None, repr=False, compare=False)
    unanswered_write: bool = False

    def __str__(self) -> str:
        return f"{self.status}: {self.because}" if self.because else self.status
