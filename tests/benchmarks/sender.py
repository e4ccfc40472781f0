"""Sends HTTP requests as GitLab sends webhooks: a connection for each, several at once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


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
        "Connection: close",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def send(requests: Sequence[bytes], port: int, concurrency: int) -> Sent:
    """Send all requests, `concurrency` at once.

    Raises:
        RuntimeError: An answer is not a success.
    """
    waiting = iter(requests)
    sent = Sent()
    started = time.perf_counter()
    await asyncio.gather(*(_send_some(waiting, port, sent) for _ in range(concurrency)))
    sent.seconds = time.perf_counter() - started
    return sent


async def _send_some(waiting: Iterator[bytes], port: int, sent: Sent) -> None:
    for request in waiting:
        started = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        if not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")):
            raise RuntimeError(f"a request was answered with {answer[:300]!r}")
        sent.milliseconds.append((time.perf_counter() - started) * 1000)
