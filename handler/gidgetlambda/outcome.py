"""Outcome: what became of one handler's run on one event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Outcome:
    """What became of one handler's run.

    status: done, ignored or failed; a failed run of a queued task ends as again or parked.
    because: why, where it is not done.
    error: what the handler failed with.
    unanswered_write: GitLab may still act on a request of it whose answer never came.
    """

    status: Literal["done", "ignored", "failed", "again", "parked"]
    because: str | None = None
    error: BaseException | None = field(default=None, repr=False, compare=False)
    unanswered_write: bool = False

    def __str__(self) -> str:
        return f"{self.status}: {self.because}" if self.because else self.status
