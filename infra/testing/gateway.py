"""Stands where API Gateway stands: HTTP in front, a function behind.

    with Emulator(...) as function, serve(HttpApi(function)) as url:
        httpx.post(f"{url}/webhook", ...)

As with an emulator, there is one execution environment: requests wait for each other.
"""

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from infra.testing.emulator import Emulator, FunctionError
from infra.testing.events import answer_body, http_api_event


class HttpApi:
    """An ASGI app that has a function answer, as an HTTP API with one `$default` stage does."""

    def __init__(self, function: Emulator) -> None:
        self._function = function
        self._one_at_a_time = anyio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"an HTTP API takes no {scope['type']}")
        request = Request(scope, receive)
        event = http_api_event(
            request.method,
            f"{request.url.path}?{request.url.query}".rstrip("?"),
            request.headers.items(),
            await request.body(),
        )
        async with self._one_at_a_time:
            response = await anyio.to_thread.run_sync(self._answer, event)
        await response(scope, receive, send)

    def _answer(self, event: dict[str, object]) -> Response:
        try:
            answer = self._function.invoke(event)
        except FunctionError:
            return Response(b'{"message":"Internal Server Error"}', 500)
        return Response(answer_body(answer), answer["statusCode"], answer.get("headers"))
