"""The ways in: how a delivery reaches a bot's application, over HTTP or through AWS.

A door is opened for a bot and gives a function that sends: one request in, one answer out.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from gidgetlambda import GitLabBot
from mangum import Mangum

from infra.testing.events import (
    answer_body,
    function_url_event,
    http_api_event,
    rest_api_event,
)
from infra.testing.server import serve

Pairs = list[tuple[str, str]]
TRUST = httpx.create_ssl_context()


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Send = Callable[..., Answer]
Door = Callable[[GitLabBot], AbstractContextManager[Send]]


class Switchboard:
    """An ASGI application that hands each request to the bot of the moment.

    One server serves the bots of many tests; they are closed when it ends.
    """

    def __init__(self) -> None:
        self.bot: GitLabBot | None = None
        self._bots: list[GitLabBot] = []

    @contextmanager
    def to(self, bot: GitLabBot) -> Iterator[None]:
        self.bot = bot
        self._bots.append(bot)
        try:
            yield
        finally:
            self.bot = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        assert self.bot is not None
        await self.bot.app(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for bot in self._bots:
            await bot.aclose()
        await send({"type": "lifespan.shutdown.complete"})


@contextmanager
def http_doors() -> Iterator[Door]:
    """Doors over real HTTP, all of one server."""
    switchboard = Switchboard()
    with serve(switchboard) as url, httpx.Client(trust_env=False, verify=TRUST) as client:

        @contextmanager
        def door(bot: GitLabBot) -> Iterator[Send]:
            def send(
                headers: Pairs, body: bytes, *, method: str = "POST", path: str = "/webhook"
            ) -> Answer:
                raw = [(name.encode(), value.encode()) for name, value in headers]
                response = client.request(method, url + path, headers=raw, content=body)
                kind = response.headers.get("content-type", "")
                return Answer(response.status_code, response.content, kind)

            with switchboard.to(bot):
                yield send

        yield door


def function_door(build: Callable[..., dict[str, Any]], *, encoded: bool) -> Door:
    """A door through Mangum, as AWS calls the function."""

    @contextmanager
    def door(bot: GitLabBot) -> Iterator[Send]:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        function = Mangum(bot.app, lifespan="off")

        def send(
            headers: Pairs, body: bytes, *, method: str = "POST", path: str = "/webhook"
        ) -> Answer:
            event = json.loads(json.dumps(build(method, path, headers, body, encoded=encoded)))
            context: Any = None
            answer = function(event, context)
            kind = answer["headers"].get("content-type", "")
            return Answer(answer["statusCode"], answer_body(answer), kind)

        try:
            yield send
        finally:
            loop.run_until_complete(bot.aclose())
            loop.close()
            asyncio.set_event_loop(None)

    return door


FUNCTION_DOORS = {
    "HTTP API": function_door(http_api_event, encoded=False),
    "HTTP API, base64": function_door(http_api_event, encoded=True),
    "REST API": function_door(rest_api_event, encoded=False),
    "REST API, base64": function_door(rest_api_event, encoded=True),
    "function URL": function_door(function_url_event, encoded=False),
    "function URL, base64": function_door(function_url_event, encoded=True),
}
