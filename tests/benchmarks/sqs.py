"""The leanest SQS there can be: says that it took the one message of a batch, and keeps nothing.

    python -m tests.benchmarks.sqs PORT

What is measured with it is what our function spends; whether a message is a good one, and is there
afterwards, the tests tell.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from typing import TYPE_CHECKING

from .processes import Program, free_port, running
from .wire import read_message

if TYPE_CHECKING:
    from collections.abc import Iterator

TAKEN = json.dumps(
    {
        "Successful": [
            {
                "Id": "0",
                "MessageId": "5d4b2a2e-0f0b-4c3f-9a36-2f0d3a4f5b61",
                "MD5OfMessageBody": "0" * 32,
                "SequenceNumber": "18849496460467696128",
            }
        ]
    }
).encode()
ANSWER = b"\r\n".join(
    [
        b"HTTP/1.1 200 OK",
        b"x-amzn-RequestId: 8f1c7a52-6d5e-5b0e-9c1f-25a2f5a0a6b4",
        b"Date: Sun, 01 Nov 2026 12:00:00 GMT",
        b"Content-Type: application/x-amz-json-1.0",
        b"Content-Length: %d" % len(TAKEN),
        b"",
        TAKEN,
    ]
)


@contextlib.contextmanager
def started() -> Iterator[Program]:
    """Run this program until the block ends."""
    port = free_port()
    with running("sqs", [sys.executable, "-m", __name__, str(port)], port, {}) as program:
        yield program


def serve(port: int) -> None:
    """Answer until the process is ended."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, contextlib.suppress(OSError):
        while read_message(connection):
            connection.sendall(ANSWER)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
