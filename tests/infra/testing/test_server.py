"""Serving an ASGI app from a thread."""

import socket
from typing import Any

import httpx
import pytest

from infra.testing.server import serve


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def broken(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})


def test_it_listens_inside_the_block_and_not_after() -> None:
    with serve(hello) as url:
        assert httpx.get(url, trust_env=False).text == "hello"
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_several_serve_at_once() -> None:
    with serve(hello) as one, serve(hello) as two:
        assert one != two
        assert httpx.get(two, trust_env=False).text == "hello"


def test_an_app_that_does_not_start_is_told() -> None:
    with pytest.raises(RuntimeError, match="the app failed to start"), serve(broken):
        pass


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use"), serve(hello, port=port):
            pass


def test_an_error_inside_the_block_ends_the_server() -> None:
    with pytest.raises(ZeroDivisionError), serve(hello) as url:
        _ = 1 / 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
