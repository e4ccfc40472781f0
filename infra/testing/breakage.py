"""How an ASGI app breaks a conversation: by silence, or by dropping the connection."""

from typing import Any

from starlette.types import Receive, Send


async def drop(receive: Receive, send: Send) -> None:
    """Close the connection without a byte of an answer.

    ASGI has no word for that. `send` must be uvicorn's own, which belongs to the exchange that
    holds the connection.
    """
    exchange: Any = send.__self__  # type: ignore[attr-defined]
    exchange.transport.abort()
    await hang(receive)


async def hang(receive: Receive) -> None:
    """Answer nothing until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
