"""A URL for a function: HTTP in front, `FunctionTransport` behind.

with Emulator(...) as function, serve(HttpApi(function)) as url:
    httpx.post(f"{url}/webhook", ...)
"""

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .functions import Function
from .transport import FunctionTransport


class HttpApi:
    """An ASGI app that answers as an HTTP API with one `$default` stage does."""

    def __init__(self, function: Function) -> None:
        self._transport = FunctionTransport([function])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"an HTTP API does not handle {scope['type']}")
        request = Request(scope, receive)
        answer = await self._transport.handle_async_request(
            httpx.Request(
                request.method,
                str(request.url),
                headers=request.headers.raw,
                content=await request.body(),
            )
        )
        response = Response(answer.content, answer.status_code, dict(answer.headers))
        await response(scope, receive, send)
