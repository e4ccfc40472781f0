"""A clock that a test moves, so that nobody waits for delays of minutes or days."""

import threading
import time


class Clock:
    """The real time, and what was skipped of it. It never goes back.

    A function that runs under test keeps the machine's own clock: what it is told of times (when
    a message was sent, say) is therefore given by `real`, as if the skipped time had passed.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._skipped = 0.0

    def now(self) -> float:
        """The time here, in seconds since the epoch."""
        return time.time() + self._skipped

    def real(self, moment: float) -> float:
        """A moment of this clock, as far back (or ahead) of the machine's clock as of this one."""
        return moment - self._skipped

    @property
    def skipped(self) -> float:
        """How much was skipped so far, in seconds."""
        return self._skipped

    def advance(self, seconds: float) -> None:
        """Skip some time."""
        if seconds < 0:
            raise ValueError(f"the clock cannot go back {-seconds:g} s")
        with self._guard:
            self._skipped += seconds

    def advance_to(self, moment: float) -> None:
        """Skip the time until a moment, unless it has passed."""
        with self._guard:
            self._skipped += max(0.0, moment - time.time() - self._skipped)
