"""Serves ASGI apps over real HTTP from a thread; `drop` and `hang` break a conversation."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import Receive, Send


@contextlib.contextmanager
def serve(
    app: Any, *, host: str = "127.0.0.1", port: int = 0, certificate: str = "", key: str = ""
) -> Iterator[str]:
    """Serve an ASGI app, with its lifespan, and give its URL, without a slash at the end.

    Args:
        app: The ASGI app.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        certificate: The path of a PEM file with the server's certificate; makes it HTTPS.
        key: The path of a PEM file with the certificate's key.

    Raises:
        OSError: The port is taken.
        RuntimeError: The app failed to start, or did not within 30 seconds.
    """
    # A socket that is made from a number knows that it speaks TCP. asyncio sends small answers at
    # once (TCP_NODELAY) only on such a socket, and each answer would cost 40 ms otherwise.
    listener = socket.socket(fileno=socket.create_server((host, port), backlog=512).detach())
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
    )

    def run() -> None:
        with contextlib.suppress(SystemExit):  # uvicorn raises it if the app does not start
            server.run(sockets=[listener])

    thread = threading.Thread(target=run, name=f"serve-{host}", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        scheme = "https" if certificate else "http"
        yield f"{scheme}://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    end = time.monotonic() + 30
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise RuntimeError("the app failed to start, or took too long; see its log")
        time.sleep(0.002)


async def drop(receive: Receive, send: Send) -> None:
    """Close the connection without a byte of an answer.

    ASGI has no message for that: `send` must be uvicorn's own, which belongs to the object that
    holds the connection.
    """
    exchange: Any = send.__self__  # type: ignore[attr-defined]
    exchange.transport.abort()
    await hang(receive)


async def hang(receive: Receive) -> None:
    """Answer nothing until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
