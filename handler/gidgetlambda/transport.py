"""Transport: HTTP over httpcore's connections, without httpx's detour through anyio.

It behaves like `httpx.AsyncHTTPTransport` and raises the same exceptions, because they decide
whether a request may be repeated. It reads nothing from the environment, and keeps no cookies.

https://www.python-httpx.org/advanced/transports/
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from .network import Network
from .pool import Pool

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection

    from .proxies import Proxies

FAILURES = (
    *(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError),
    httpcore.ProxyError,
)
# Seconds that an idle connection is kept: shorter than the servers' usual 60.
KEEP_ALIVE = 30.0


class Transport(httpx.AsyncBaseTransport):
    """Sends the requests of an httpx client.

    Args:
        ssl_context: The certificate authorities.
        proxies: The proxies for the hosts that need one.
        trusted: The hosts, besides the proxies', that may have any address; see `Network`.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext, proxies: Proxies, trusted: Collection[str]
    ) -> None:
        self._ssl_context = ssl_context
        self._proxies = proxies
        self._network = Network({*trusted, *proxies.hosts})
        self._pools: dict[str | None, Pool] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return the answer before its body is read."""
        url = request.url
        if url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(
                f"the URL's scheme is {url.scheme!r}, not https or http"
            )
        sent = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        pool = self._pool(url)
        try:
            response, connection = await pool.send(sent)
        except FAILURES as error:
            raise _of_httpx(error) from error
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=Body(response.stream, partial(pool.put_back, connection)),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    def _pool(self, url: httpx.URL) -> Pool:
        proxy = self._proxies.for_host(url.scheme, url.host, url.port)
        pool = self._pools.get(proxy)
        if pool is None:
            pool = self._pools[proxy] = Pool(self._connections(proxy).create_connection)
        return pool

    def _connections(self, proxy: str | None) -> httpcore.AsyncConnectionPool:
        """Return what makes the connections, directly or through a proxy."""
        options: dict[str, Any] = {
            "ssl_context": self._ssl_context,
            "keepalive_expiry": KEEP_ALIVE,
            "network_backend": self._network,
        }
        if proxy is None:
            return httpcore.AsyncConnectionPool(**options)
        url = httpx.URL(proxy)
        auth = (url.username, url.password) if url.username else None
        address = str(url.copy_with(userinfo=b""))
        if url.scheme == "https":
            options["proxy_ssl_context"] = self._ssl_context
        return httpcore.AsyncHTTPProxy(address, proxy_auth=auth, **options)


class Body(httpx.AsyncByteStream):
    """The body of an answer, as it arrives.

    Args:
        stream: The body.
        put_back: Puts its connection back.
    """

    def __init__(self, stream: Any, put_back: Callable[[], Awaitable[None]]) -> None:
        self._stream = stream
        self._put_back = put_back
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                yield part
        except FAILURES as error:
            raise _of_httpx(error) from error

    async def aclose(self) -> None:
        """End the answer, whether its body was read or not."""
        if not self._closed:
            self._closed = True
            try:
                await self._stream.aclose()
            finally:
                await self._put_back()


def _of_httpx(error: Exception) -> Exception:
    """Return httpx's exception of the same name."""
    mapped: type[Exception] = getattr(httpx, type(error).__name__)
    return mapped(str(error))
