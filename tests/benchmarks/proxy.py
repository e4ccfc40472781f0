"""A distance between a bot and GitLab: TLS, and a delay of every byte each way.

    python -m tests.benchmarks.proxy PORT TO_PORT CERTIFICATE KEY ROUND_TRIP_MS

Two hops in one process. The first delays all bytes by half a round trip. It delays a client's first
bytes by one more round trip, which is the time of a TCP handshake over that distance. The second
hop terminates TLS, so that the TLS handshake crosses the distance too.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from functools import partial

CHUNK = 65536  # bytes


async def serve(port: int, to_port: int, certificate: str, key: str, round_trip: float) -> None:
    """Relay until cancelled, with a round trip of that many seconds."""
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
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to_port)
        await asyncio.gather(
            _pump(reader, far_writer, delay, first=2 * delay),
            _pump(far_reader, writer, delay, first=0.0),
        )


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, first: float
) -> None:
    """Pass each byte on `delay` seconds after its arrival; the first bytes `first` s later."""
    loop = asyncio.get_running_loop()
    due = loop.time() + first + delay
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            # Calls that are due at the same moment run in no particular order.
            due = max(loop.time() + delay, due + 1e-6)
            loop.call_at(due, writer.write, data)
    loop.call_at(max(loop.time() + delay, due + 1e-6), writer.close)


if __name__ == "__main__":
    port, to_port, certificate, key, milliseconds = sys.argv[1:]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(port), int(to_port), certificate, key, float(milliseconds) / 1000))
