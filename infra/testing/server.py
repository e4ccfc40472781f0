"""Serve an ASGI app over real HTTP from a thread, for as long as a `with` block lasts.

Knows uvicorn, sockets and threads; what the app does is the app's affair.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn

_START_SECONDS = 30.0
_STOP_SECONDS = 2


@contextlib.contextmanager
def serve(
    app: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    certificate: str | None = None,
    key: str | None = None,
) -> Iterator[str]:
    """Serve `app` and give its URL, without a slash at the end.

    Args:
        app: any ASGI application; its lifespan runs if it has one.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        certificate: path of a PEM file with the server's certificate; makes it HTTPS.
        key: path of a PEM file with the certificate's key.

    Raises:
        OSError: the port is taken.
        RuntimeError: the app failed to start, or did not listen within 30 seconds.
    """
    # Made anew from its number, a socket knows that it speaks TCP; asyncio sends small answers at
    # once (TCP_NODELAY) only on one that does, and each would cost 40 ms otherwise.
    listener = socket.socket(fileno=socket.create_server((host, port), backlog=512).detach())
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    server = _Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name=f"serve-{host}", daemon=True
    )
    thread.start()
    try:
        server.wait_until_listening()
        scheme = "https" if certificate else "http"
        yield f"{scheme}://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class _Server(uvicorn.Server):
    """A server that tells another thread when it listens, or that it never will."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._settled.set()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            # How uvicorn tells that the app did not start; `started` tells it here.
            with contextlib.suppress(SystemExit):
                super().run(sockets=sockets)
        finally:
            self._settled.set()

    def wait_until_listening(self) -> None:
        if not self._settled.wait(_START_SECONDS):
            raise RuntimeError(
                f"the app did not start within {_START_SECONDS:.0f} s; look at its lifespan"
            )
        if not self.started:
            raise RuntimeError("the app failed to start; its own log tells why")
