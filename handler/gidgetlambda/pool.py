"""Pool: connections that serve many requests, one after the other.

The connections, and with them the protocol, are httpcore's. Its pool is not used: it assigns one
idle connection to all requests that ask before the first one begins, and then assigns the others
again; docs/performance.md has the figures.

https://www.encode.io/httpcore/connections/
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpcore

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS = 100
IDLE_CONNECTIONS = 20


class Pool:
    """Connections to any origins.

    Args:
        connect: Returns a new connection to an origin.
    """

    def __init__(
        self, connect: Callable[[httpcore.Origin], httpcore.AsyncConnectionInterface]
    ) -> None:
        self._connect = connect
        self._idle: list[httpcore.AsyncConnectionInterface] = []  # the one used last at the end
        self._most_idle = IDLE_CONNECTIONS
        self._free = asyncio.Semaphore(CONNECTIONS)

    async def send(
        self, request: httpcore.Request
    ) -> tuple[httpcore.Response, httpcore.AsyncConnectionInterface]:
        """Send a request; return the answer before its body is read, and its connection.

        The caller puts the connection back after it closed the body.

        Raises:
            httpcore.PoolTimeout: All connections were in use for too long.
        """
        await self._wait(request.extensions["timeout"]["pool"])
        connection: httpcore.AsyncConnectionInterface | None = None
        try:
            connection = await self._take(request.url.origin)
            return await connection.handle_async_request(request), connection
        except BaseException:
            self._free.release()
            if connection is not None:
                await connection.aclose()
            raise

    async def put_back(self, connection: httpcore.AsyncConnectionInterface) -> None:
        """Keep a connection for further requests, if it is still open."""
        self._free.release()
        if connection.is_idle():
            self._idle.append(connection)
        await self._close_idle()

    async def aclose(self) -> None:
        """Close the idle connections, and those in use as soon as they are put back."""
        self._most_idle = 0
        await self._close_idle()

    async def _wait(self, limit: float | None) -> None:
        """Wait until a connection may be used."""
        if not self._free.locked():
            await self._free.acquire()  # at once
            return
        try:
            async with asyncio.timeout(limit):
                await self._free.acquire()
        except TimeoutError as error:
            raise httpcore.PoolTimeout(str(error)) from error

    async def _take(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        """Return the connection to an origin that was used last, or a new one."""
        while found := [one for one in self._idle if one.can_handle_request(origin)]:
            self._idle.remove(found[-1])
            if not found[-1].has_expired():
                return found[-1]
            await found[-1].aclose()
        return self._connect(origin)

    async def _close_idle(self) -> None:
        """Close the idle connections that have expired, and the oldest of too many."""
        while self._idle and (len(self._idle) > self._most_idle or self._idle[0].has_expired()):
            await self._idle.pop(0).aclose()
