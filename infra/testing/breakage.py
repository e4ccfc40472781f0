"""Two ways for an ASGI app to break a conversation."""

from typing import Any

from starlette.types import Receive, Send


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
