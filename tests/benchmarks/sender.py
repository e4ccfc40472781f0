"""Sends HTTP requests, several at once: with a connection for each, or on connections that stay.

GitLab opens a connection for each webhook. A reverse proxy in front of a bot may keep some.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass
class Sent:
    """The result of a series of requests.

    Attributes:
        milliseconds: The time from the start of each request to the end of its answer.
        seconds: The time from the first request to the last answer.
    """

    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0


def post(path: str, port: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a request as bytes on the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def send(
    requests: Sequence[bytes], port: int, concurrency: int, *, keep_alive: bool = False
) -> Sent:
    """Send all requests, `concurrency` at once.

    Args:
        requests: The requests, as bytes on the wire.
        port: The port of the server on 127.0.0.1.
        concurrency: The number of connections at once.
        keep_alive: Whether a connection serves many requests.

    Raises:
        RuntimeError: An answer is not a success.
    """
    waiting = iter(requests)
    sent = Sent()
    started = time.perf_counter()
    senders = (_send_some(waiting, port, sent, keep_alive) for _ in range(concurrency))
    await asyncio.gather(*senders)
    sent.seconds = time.perf_counter() - started
    return sent


async def _send_some(waiting: Iterator[bytes], port: int, sent: Sent, keep_alive: bool) -> None:
    writer: asyncio.StreamWriter | None = None
    for request in waiting:
        started = time.perf_counter()
        if writer is None or not keep_alive:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(answer)
        if not answer.startswith(b"HTTP/1.1 2") or length is None:
            raise RuntimeError(f"a request was answered with {answer[:300]!r}")
        await reader.readexactly(int(length[1]))
        if not keep_alive:
            writer.close()
        sent.milliseconds.append((time.perf_counter() - started) * 1000)
    if writer is not None:
        writer.close()
