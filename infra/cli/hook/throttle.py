"""Throttle: no more requests in a minute than GitLab takes."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

MINUTE = 61.0  # seconds; one more than GitLab's, whose clock is another


class Throttle:
    """Lets `limit` requests through in any minute, one after the other.

    clock: tells seconds.
    sleep: waits seconds.
    waiting: told of each wait before it begins, in seconds.
    """

    def __init__(
        self,
        limit: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        waiting: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._waiting = waiting
        self._ended: deque[float] = deque(maxlen=limit)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until a request may be sent; the block is the request."""
        if len(self._ended) == self._ended.maxlen:
            await self.pause(self._ended[0] + MINUTE - self._clock())
        try:
            yield
        finally:
            # GitLab counted the request at some time before this.
            self._ended.append(self._clock())

    async def pause(self, seconds: float) -> None:
        """Wait, in seconds."""
        if seconds > 0:
            self._waiting(seconds)
            await self._sleep(seconds)
