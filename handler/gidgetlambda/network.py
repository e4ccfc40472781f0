"""Network: connections on asyncio, to permitted addresses only.

A host's name is resolved here, and the connection goes to the address that was checked. Otherwise,
a name could resolve to another address in between.

https://www.encode.io/httpcore/network-backends/
"""

from __future__ import annotations

import asyncio
import ipaddress
import select
import socket
from typing import TYPE_CHECKING, Any, cast

import httpcore

from .addresses import is_permitted, is_private
from .errors import AddressRefused

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection, Iterable

WRITTEN_AT_ONCE = 64 * 1024  # bytes
RECEIVED_AHEAD = 256 * 1024  # bytes


class Network(httpcore.AsyncNetworkBackend):
    """Opens connections on asyncio.

    Args:
        trusted: The hosts that may have any address: GitLab's, the queue's, a proxy's. Another host
            may have a private address only after a trusted one had one.
    """

    def __init__(self, trusted: Collection[str]) -> None:
        self._trusted = trusted
        self._private = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> Stream:
        """Connect to a host.

        Args:
            host: A name or an address.
            port: The port.
            timeout: The time limit in seconds, for all addresses of the host together.
            local_address: Unused.
            socket_options: Unused.

        Raises:
            AddressRefused: The host has no permitted address.
            httpcore.ConnectError: The connection failed.
            httpcore.ConnectTimeout: The time limit was reached.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
                return await _connect_to_any(addresses, port, timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        await asyncio.sleep(seconds)

    async def _resolve(self, host: str, port: int) -> list[str]:
        """Return the permitted addresses of a host, in the order of their preference."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        parsed = {one: ipaddress.ip_address(one.partition("%")[0]) for one in addresses}
        if host in self._trusted:
            self._private = self._private or any(map(is_private, parsed.values()))
            return addresses
        permitted = [one for one in addresses if is_permitted(parsed[one], private=self._private)]
        if not permitted:
            raise AddressRefused(
                f"{host} has the address {addresses[0]}, which GitLab may not redirect to"
            )
        return permitted


class Stream(httpcore.AsyncNetworkStream):
    """A connection.

    Small writes are collected and sent with the next read: the head and the body of a request in
    one packet.
    """

    def __init__(self, transport: asyncio.Transport, received: Received) -> None:
        self._transport = transport
        self._received = received
        self._unsent = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return up to `max_bytes`; empty after the end.

        Raises:
            httpcore.ReadError: The connection broke.
            httpcore.ReadTimeout: Nothing arrived within `timeout` seconds.
        """
        self._flush()
        try:
            async with asyncio.timeout(timeout):
                return await self._received.take(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes.

        Raises:
            httpcore.WriteError: The connection is closed.
            httpcore.WriteTimeout: The peer accepts nothing for `timeout` seconds.
        """
        self._unsent += buffer
        if len(self._unsent) < WRITTEN_AT_ONCE:
            return
        if self._received.closed:
            raise httpcore.WriteError("the connection is closed")
        self._flush()
        try:
            async with asyncio.timeout(timeout):
                await self._received.until_writable()
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error

    async def aclose(self) -> None:
        """Close the connection."""
        self._transport.abort()
        await asyncio.sleep(0)  # asyncio closes the socket in its next step

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Stream:
        """Encrypt the connection.

        Raises:
            httpcore.ConnectError: The handshake failed.
            httpcore.ConnectTimeout: The handshake did not end within `timeout` seconds.
        """
        self._flush()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                encrypted = await loop.start_tls(
                    self._transport, self._received, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:  # `ssl.SSLError` is one
            raise httpcore.ConnectError(str(error)) from error
        if encrypted is None:
            raise httpcore.ConnectError("the connection was closed in the handshake")
        self._received.connection_made(encrypted)
        return Stream(encrypted, self._received)

    def get_extra_info(self, info: str) -> Any:
        """Return one of httpcore's pieces of information about the connection."""
        if info == "is_readable":
            return self._received.closed or _is_readable(self._transport)
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))

    def _flush(self) -> None:
        if self._unsent:
            self._transport.write(self._unsent)
            self._unsent = b""


class Received(asyncio.Protocol):
    """The bytes that arrived on a connection and were not read yet."""

    def __init__(self) -> None:
        self.closed = False
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None
        self._failure: Exception | None = None
        self._writable = True
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, which TLS replaces."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep bytes; slow the peer down if too many are not read."""
        self._data += data
        if len(self._data) > RECEIVED_AHEAD and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Note the end; without TLS, the request can still be sent."""
        self.closed = True
        self._wake()
        return self._transport is not None and not self._transport.get_extra_info("sslcontext")

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end and its reason."""
        self.closed = True
        self._failure = exc
        self._writable = True
        self._wake()

    def pause_writing(self) -> None:
        """Note that the peer is slow."""
        self._writable = False

    def resume_writing(self) -> None:
        """Note that the peer accepts bytes again."""
        self._writable = True
        self._wake()

    async def take(self, limit: int) -> bytes:
        """Return up to `limit` bytes as soon as there are some; empty after the end.

        Raises:
            OSError: The connection broke.
        """
        while not self._data and not self.closed:
            await self._change()
        if not self._data and self._failure is not None:
            raise self._failure
        taken = bytes(self._data[:limit])
        del self._data[:limit]
        if self._transport is not None and not self._transport.is_reading() and not self.closed:
            self._transport.resume_reading()
        return taken

    async def until_writable(self) -> None:
        """Wait until the peer accepts bytes, or the connection ends."""
        while not self._writable and not self.closed:
            await self._change()

    async def _change(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def _connect_to_any(addresses: list[str], port: int, limit: float | None) -> Stream:
    """Connect to the first address that answers; each one has an equal share of the time."""
    share = None if limit is None else limit / len(addresses)
    for number, address in enumerate(addresses, start=1):
        last = number == len(addresses)
        try:
            async with asyncio.timeout(None if last else share):
                return await _connect(address, port)
        except OSError:  # `TimeoutError` is one
            if last:
                raise
    raise AssertionError("unreachable")


async def _connect(address: str, port: int) -> Stream:
    loop = asyncio.get_running_loop()
    transport, received = await loop.create_connection(Received, address, port)
    return Stream(transport, received)


def _is_readable(transport: asyncio.Transport) -> bool:
    """Return whether bytes, or the end, wait in the socket of a connection that awaits none.

    While Lambda freezes a container, its event loop does not notice that a peer closes.
    """
    found = transport.get_extra_info("socket")
    descriptor = -1 if found is None else found.fileno()
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
