"""HTTP/1.1 over bare sockets: records what a function asks of another side, and asks it again.

What a bare socket waits for the same answers is the other side's own share of an invocation. Knows
requests and answers with a Content-Length, one after the other, and no others.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHUNK = 65536  # bytes
PATIENCE = 10.0  # seconds


def read_message(connection: socket.socket) -> bytes:
    """One request or answer; empty where the other end closed. Raises `OSError`."""
    message = b""
    while b"\r\n\r\n" not in message:
        chunk = connection.recv(CHUNK)
        if not chunk:
            return b""
        message += chunk
    head, _, body = message.partition(b"\r\n\r\n")
    missing = _content_length(head) - len(body)
    while missing > 0:
        chunk = connection.recv(CHUNK)
        if not chunk:
            return b""
        message += chunk
        missing -= len(chunk)
    return message


def connect(port: int) -> socket.socket:
    """A connection to a port of 127.0.0.1. Raises `OSError`."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


@contextlib.contextmanager
def recorder(to_port: int) -> Iterator[tuple[int, list[bytes]]]:
    """A port that passes on to another, and the requests that have passed so far."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_relay_all, args=(listener, to_port, requests), daemon=True).start()
        yield listener.getsockname()[1], requests
        # Closing alone would leave the thread waiting.
        listener.shutdown(socket.SHUT_RDWR)


def replay(rounds: Sequence[Sequence[bytes]], port: int) -> list[float]:
    """Send the requests of each round, one after the other, over one connection.

    Returns the microseconds that each round took; the first includes connecting. Raises
    `RuntimeError` for any answer but success.
    """
    taken = []
    started = time.perf_counter_ns()
    with connect(port) as connection:
        for requests in rounds:
            for request in requests:
                connection.sendall(request)
                answer = read_message(connection)
                if not answer.startswith(b"HTTP/1.1 2"):
                    raise RuntimeError(f"a repeated request was answered with {answer[:300]!r}")
            ended = time.perf_counter_ns()
            taken.append((ended - started) / 1000)
            started = ended
    return taken


def _relay_all(listener: socket.socket, to_port: int, requests: list[bytes]) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = listener.accept()
            with near, connect(to_port) as far:
                while request := read_message(near):
                    requests.append(request)
                    far.sendall(request)
                    near.sendall(read_message(far))


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
