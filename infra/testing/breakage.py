"""How an ASGI app breaks a conversation: by silence, or by dropping the connection."""

import asyncio
from typing import cast

from starlette.types import Receive, Send


async def drop(receive: Receive, send: Send) -> None:
    """Close the connection without a byte of an answer.

    ASGI has no word for that. `send` must be uvicorn's own, which belongs to the exchange that
    holds the connection.
    """
    cast("asyncio.Transport", send.__self__.transport).abort()  # type: ignore[attr-defined]
    await hang(receive)


async def hang(receive: Receive) -> None:
    """Answer nothing until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
