"""A distance between a bot and GitLab: TLS, and a delay on every byte each way.

    python -m tests.benchmarks.proxy PORT TO_PORT CERTIFICATE KEY ROUND_TRIP_MS

Two hops in one process. The first holds back whatever passes for half a round trip, and what a
client sends first for a whole one more, which is what the TCP handshake would take over that
distance; the loopback's own takes nothing. The second ends TLS, so that its handshake crosses the
distance too.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from functools import partial

CHUNK = 65536  # bytes


async def serve(port: int, to_port: int, certificate: str, key: str, round_trip: float) -> None:
    """Relay until cancelled.

    round_trip: in seconds.
    """
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    inner = await asyncio.start_server(
        partial(_relay, to_port=to_port, delay=0.0), "127.0.0.1", 0, ssl=tls
    )
    inner_port = inner.sockets[0].getsockname()[1]
    outer = await asyncio.start_server(
        partial(_relay, to_port=inner_port, delay=round_trip / 2), "127.0.0.1", port
    )
    async with inner, outer:
        await outer.serve_forever()


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_port: int, delay: float
) -> None:
    with contextlib.suppress(OSError):
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", to_port)
        await asyncio.gather(
            _pump(reader, there_writer, delay, first=2 * delay),
            _pump(there_reader, writer, delay, first=0.0),
        )


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, first: float
) -> None:
    """Pass bytes on, each `delay` seconds after it came; the first ones `first` seconds later."""
    loop = asyncio.get_running_loop()
    due = loop.time() + first + delay
    while data := await _read(reader):
        # What is due at the same time would change places.
        due = max(loop.time() + delay, due + 1e-6)
        loop.call_at(due, writer.write, data)
    # Either end may close; what still comes the other way has nobody left to read it.
    loop.call_at(max(loop.time() + delay, due + 1e-6), writer.close)


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(CHUNK)
    except OSError:
        return b""


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(
            serve(
                int(sys.argv[1]),
                int(sys.argv[2]),
                sys.argv[3],
                sys.argv[4],
                float(sys.argv[5]) / 1000,
            )
        )
