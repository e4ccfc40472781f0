"""A clock that a test moves, so that nothing waits for delays of minutes or days."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager


class Clock:
    """The machine's time plus the time that a test skipped. It never goes back.

    Attributes:
        skipped: the seconds that were skipped so far.

    Args:
        guard: is held while time is skipped.
        pass_time: is called with the seconds that are skipped.
    """

    def __init__(
        self, guard: AbstractContextManager[bool], pass_time: Callable[[float], None]
    ) -> None:
        self.skipped = 0.0
        self._guard = guard
        self._pass_time = pass_time

    def now(self) -> float:
        """The time in seconds since the epoch."""
        return time.time() + self.skipped

    def advance(self, seconds: float) -> None:
        """Skip some time."""
        if seconds < 0:
            raise ValueError(f"the clock cannot go back {-seconds:g} s")
        with self._guard:
            self._pass_time(seconds)
            self.skipped += seconds

    def advance_to(self, moment: float) -> None:
        """Skip the time until a moment, unless it has passed."""
        with self._guard:
            self.advance(max(0.0, moment - self.now()))
