"""Carries HTTP requests to functions as an HTTP API does, without a network."""

import asyncio
import queue
from collections.abc import Iterable

import httpx

from .emulator import FunctionError
from .events import answer_body, http_api_event
from .functions import Function


class FunctionTransport(httpx.AsyncBaseTransport):
    """A transport whose every request is an invocation, whatever host the URL names.

    Args:
        functions: the execution environments of one function; each answers one request at a time.
    """

    def __init__(self, functions: Iterable[Function] = ()) -> None:
        self._idle: queue.SimpleQueue[Function] = queue.SimpleQueue()
        for function in functions:
            self.add(function)

    def add(self, function: Function) -> None:
        """Add an execution environment."""
        self._idle.put(function)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path, headers = request.url.raw_path.decode(), request.headers.multi_items()
        event = http_api_event(request.method, path, headers, await request.aread())
        return await asyncio.to_thread(self._invoke, event)

    def _invoke(self, event: object) -> httpx.Response:
        function = self._idle.get()
        try:
            answer = function.invoke(event)
        except FunctionError:
            return httpx.Response(500, content=b'{"message":"Internal Server Error"}')
        finally:
            self.add(function)
        headers = answer.get("headers") or {}
        return httpx.Response(answer["statusCode"], headers=headers, content=answer_body(answer))
