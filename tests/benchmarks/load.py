"""Sends webhooks as GitLab does, a connection for each, and keeps a number of them under way."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class Webhook:
    """One delivery, ready to be written.

    key: what it will be known by afterwards.
    """

    key: str
    request: bytes


@dataclass(frozen=True)
class Load:
    """What came of a series of webhooks.

    sent: when each was begun, in nanoseconds of the monotonic clock, by its key.
    seconds: from the first to the last answer.
    """

    sent: dict[str, int]
    seconds: float


def webhook(key: str, path: str, port: int, headers: dict[str, str], body: bytes) -> Webhook:
    """A delivery as bytes on the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return Webhook(key, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)


async def send(webhooks: Sequence[Webhook], port: int, concurrency: int) -> Load:
    """Send them all, `concurrency` at a time. Raises `RuntimeError` for any answer but success."""
    waiting = iter(webhooks)
    sent: dict[str, int] = {}
    started = time.perf_counter()
    await asyncio.gather(*(_work(waiting, port, sent) for _ in range(concurrency)))
    return Load(sent, time.perf_counter() - started)


async def _work(waiting: Iterator[Webhook], port: int, sent: dict[str, int]) -> None:
    for one in waiting:
        sent[one.key] = time.monotonic_ns()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(one.request)
        answer = await reader.read()
        writer.close()
        if not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")):
            raise RuntimeError(f"a webhook was answered with {answer[:300]!r}")
