"""The transport, compared with httpx's own: what its exceptions are decides what is repeated."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import struct
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme
from gidgetlambda import pool
from gidgetlambda.errors import AddressRefused
from gidgetlambda.proxies import Proxies, parse_exclusions
from gidgetlambda.sender import DROPPED
from gidgetlambda.transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LARGE = b"x" * 3_000_000


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run each test on both event loops: the extra `server` contains uvloop."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ssl_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@contextlib.asynccontextmanager
async def listening(peer: Any, authority: trustme.CA | None = None) -> AsyncIterator[str]:
    """Yield the URL of a server that handles each connection by a function."""
    connections: set[asyncio.Task[None]] = set()
    transports: list[asyncio.WriteTransport] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        transports.append(writer.transport)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await peer(reader, writer)
        writer.close()

    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{port}/"
    finally:
        server.close()
        await asyncio.gather(*connections)
        for transport in transports:
            transport.abort()
        await asyncio.sleep(0)


def ours(ssl_context: ssl.SSLContext, proxies: Proxies | None = None) -> Transport:
    return Transport(ssl_context, proxies or Proxies(), {"127.0.0.1", "localhost"})


def request_to(url: str, body: bytes = b"", seconds: float = 5.0, **times: float) -> httpx.Request:
    timeout = httpx.Timeout(seconds, **times)
    method = "POST" if body else "GET"
    return httpx.Request(
        method, url, content=body or None, extensions={"timeout": timeout.as_dict()}
    )


async def outcome(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> Any:
    """Return the answer's status and body, or the exception's class."""
    try:
        response = await transport.handle_async_request(request)
        return response.status_code, await response.aread()
    except httpx.TransportError as error:
        return type(error)


# Peers


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")), b"")
    await reader.readexactly(int(length.partition(b":")[2] or 0))
    writer.write(OK)


async def closes_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


async def resets_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def sends(*parts: bytes, then: str = "close") -> Any:
    """Return a peer that reads the head of a request, sends parts, and ends."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if then == "reset":
            linger = struct.pack("ii", 1, 0)
            own = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        if then == "reset":
            writer.transport.abort()
        elif then == "silence":
            await reader.read()

    return peer


async def never_reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(0.5)


PEERS: dict[str, Any] = {
    "answers": answers,
    "closes at once": closes_at_once,
    "resets at once": resets_at_once,
    "closes without an answer": sends(),
    "resets without an answer": sends(then="reset"),
    "is silent": sends(then="silence"),
    "answers and closes": sends(OK),
    "answers and resets": sends(OK, then="reset"),
    "answers in parts": sends(OK[:10], OK[10:30], OK[30:]),
    "is cut short in the head": sends(OK[:20]),
    "is cut short in the body": sends(OK[:-1]),
    "resets in the body": sends(OK[:-1], then="reset"),
    "is silent in the body": sends(OK[:-1], then="silence"),
    "is cut short in a chunk": sends(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
    ),
    "is garbled": sends(b"\0\1\2\3 nonsense\r\n\r\n"),
    "has no length": sends(b"HTTP/1.1 200 OK\r\n\r\nok"),
    "has a wrong length": sends(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok"),
    "sends an endless head": sends(b"HTTP/1.1 200 OK\r\nX: " + LARGE),
    "informs first": sends(b"HTTP/1.1 103 Early Hints\r\n\r\n", OK),
    "never reads": never_reads,
}


@pytest.mark.parametrize("body", [b"", b"small", LARGE], ids=["GET", "POST", "large POST"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("peer", PEERS)
async def test_ends_as_httpx_own_transport(
    peer: str, tls: bool, body: bytes, ssl_context: ssl.SSLContext, authority: trustme.CA
) -> None:
    async with listening(PEERS[peer], authority if tls else None) as url:
        ends = []
        for transport in (httpx.AsyncHTTPTransport(verify=ssl_context), ours(ssl_context)):
            async with transport:
                ends.append(await outcome(transport, request_to(url, body, 0.1)))
    if peer in ("closes at once", "resets at once", "closes without an answer"):
        # The peer's packet races with the request: both mean that the connection was dropped.
        assert set(ends) <= set(DROPPED)
    else:
        assert ends[1] == ends[0]


# asyncio's server leaves the socket of a failed handshake open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_connects_as_httpx_own_transport(
    ssl_context: ssl.SSLContext, authority: trustme.CA
) -> None:
    foreign = trustme.CA()
    async with (
        listening(answers) as plain,
        listening(answers, foreign) as untrusted,
        listening(sends(then="silence")) as silent,
    ):
        urls = {
            "http://127.0.0.1:1/": 5.0,
            f"http://{'a' * 70}.invalid/": 5.0,
            plain.replace("http:", "https:"): 0.2,
            untrusted: 5.0,
            silent.replace("http:", "https:"): 0.1,
            "ftp://127.0.0.1/": 5.0,
        }
        for url, seconds in urls.items():
            ends = []
            for transport in (httpx.AsyncHTTPTransport(verify=ssl_context), ours(ssl_context)):
                async with transport:
                    ends.append(await outcome(transport, request_to(url, b"", seconds)))
            assert ends[1] == ends[0], url
    await asyncio.sleep(0.1)
    gc.collect()


# Connections


async def test_keeps_a_connection_until_the_peer_closes_it(ssl_context: ssl.SSLContext) -> None:
    ports = []

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports.append(writer.get_extra_info("peername")[1])
        for _ in range(2):
            await answers(reader, writer)

    async with listening(twice) as url, ours(ssl_context) as transport:
        for _ in range(5):
            assert await outcome(transport, request_to(url, b"x")) == (200, b"ok")
            await asyncio.sleep(0.02)
    assert len(ports) == len(set(ports)) == 3


async def test_notices_a_closed_connection_although_the_event_loop_did_not_run(
    ssl_context: ssl.SSLContext,
) -> None:
    """As in a container that Lambda froze: the kernel knows that the peer closed."""
    server = socket.create_server(("127.0.0.1", 0))
    closed = threading.Event()

    def serve() -> None:
        for _ in range(2):
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(OK)
            connection.close()
            closed.set()

    thread = threading.Thread(target=serve)
    thread.start()
    url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    async with ours(ssl_context) as transport:
        for _ in range(2):
            assert await outcome(transport, request_to(url, b"x")) == (200, b"ok")
            assert closed.wait(5)  # blocks the event loop
            closed.clear()
    thread.join()
    server.close()


async def test_waits_for_a_free_connection(
    ssl_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONNECTIONS", 1)
    async with listening(answers) as url, ours(ssl_context) as transport:
        unread = await transport.handle_async_request(request_to(url))
        waiting = request_to(url, pool=0.05)
        assert await outcome(transport, waiting) is httpx.PoolTimeout
        await unread.aclose()
        await unread.aclose()  # harmless
        assert await outcome(transport, waiting) == (200, b"ok")
        assert await outcome(transport, request_to("http://127.0.0.1:1/")) is httpx.ConnectError
        assert await outcome(transport, waiting) == (200, b"ok")


@pytest.mark.parametrize("idle", [0, 2])
async def test_keeps_a_number_of_idle_connections(
    idle: int, ssl_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "IDLE_CONNECTIONS", idle)
    ports = []

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports.append(writer.get_extra_info("peername")[1])
        for _ in range(2):
            await answers(reader, writer)

    async with listening(twice) as url, ours(ssl_context) as transport:
        for _ in range(2):
            requests = [outcome(transport, request_to(url)) for _ in range(3)]
            assert await asyncio.gather(*requests) == [(200, b"ok")] * 3
    assert len(ports) == 6 - idle


async def test_sends_head_and_body_at_once(ssl_context: ssl.SSLContext) -> None:
    received = []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(65536))
        writer.write(OK)

    async with listening(peer) as url, ours(ssl_context) as transport:
        await outcome(transport, request_to(url, b"the body"))
    assert received[0].startswith(b"POST / HTTP/1.1\r\n")
    assert received[0].endswith(b"\r\n\r\nthe body")


# Addresses


@pytest.mark.parametrize(
    ("addresses", "trusted", "private", "connected"),
    [
        (["127.0.0.1"], True, False, True),
        (["127.0.0.1"], False, False, False),
        (["127.0.0.1"], False, True, False),
        (["::1", "127.0.0.1"], False, True, False),
        (["169.254.169.254"], False, True, False),
        (["10.0.0.1"], False, False, False),
        (["::ffff:127.0.0.1"], False, True, False),
    ],
)
async def test_refuses_a_name_with_an_address_that_gitlab_may_not_choose(
    ssl_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    addresses: list[str],
    trusted: bool,
    private: bool,
    connected: bool,
) -> None:
    """The names resolve as a hostile DNS server would have it."""
    loop = asyncio.get_running_loop()
    async with listening(answers) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        names = {"gitlab.example.com": addresses, "own.example.com": ["192.168.1.7"]}

        async def getaddrinfo(host: str, *args: Any, **kwargs: Any) -> Any:
            return [(0, 0, 0, "", (address, port)) for address in names.get(host, [host])]

        hosts = {"own.example.com", *(["gitlab.example.com"] if trusted else [])}
        transport = Transport(ssl_context, Proxies(), hosts)
        if private:
            transport._network._private = True
        create = loop.create_connection

        async def create_connection(factory: Any, host: str, *args: Any) -> Any:
            return await create(factory, "127.0.0.1", port)

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(loop, "create_connection", create_connection)
        async with transport:
            request = request_to(f"http://gitlab.example.com:{port}/")
            if connected:
                assert await outcome(transport, request) == (200, b"ok")
            else:
                with pytest.raises(AddressRefused, match=addresses[0]):
                    await transport.handle_async_request(request)


# Proxies


async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer for plain HTTP, and connect for HTTPS, as a proxy does."""
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"CONNECT "):
        writer.write(OK.replace(b"ok", b"p1") if b"Proxy-Authorization: Basic" in head else OK)
        return
    host, _, port = head.split()[1].partition(b":")
    upstream_reader, upstream_writer = await asyncio.open_connection(host.decode(), int(port))
    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)

    async with asyncio.TaskGroup() as group:
        group.create_task(pump(upstream_reader, writer))
        await pump(reader, upstream_writer)
        upstream_writer.close()


async def test_uses_a_proxy_unless_the_host_is_excluded(
    ssl_context: ssl.SSLContext, authority: trustme.CA
) -> None:
    async with (
        listening(answers) as plain,
        listening(answers, authority) as encrypted,
        listening(proxy) as url,
    ):
        through = url.replace("//", "//bob:secret@")
        async with ours(ssl_context, Proxies(through, through)) as transport:
            assert await outcome(transport, request_to(plain)) == (200, b"p1")
            assert await outcome(transport, request_to(encrypted, b"x")) == (200, b"ok")
            assert await outcome(transport, request_to("http://elsewhere.invalid/")) == (200, b"p1")
        excluded = parse_exclusions("127.0.0.0/8") or ()
        async with ours(ssl_context, Proxies(through, through, excluded)) as transport:
            assert await outcome(transport, request_to(plain)) == (200, b"ok")
        refusing = Proxies("http://127.0.0.1:1", "http://127.0.0.1:1")
        async with ours(ssl_context, refusing) as transport:
            assert await outcome(transport, request_to(plain)) is httpx.ConnectError
