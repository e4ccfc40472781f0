"""Doors: the ways in which a delivery reaches a bot, over HTTP or through AWS and Mangum.

A door is a context manager for a bot; it returns an `httpx.Client` whose requests reach the bot.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
from gidgetlambda import GitLabBot
from mangum import Mangum

from infra.server import serve
from infra.testing.events import answer_body, function_url_event, http_api_event, rest_api_event

Builder = Callable[..., dict[str, Any]]
Door = Callable[[GitLabBot], AbstractContextManager[httpx.Client]]


@contextmanager
def http_door(bot: GitLabBot) -> Iterator[httpx.Client]:
    with serve(bot.app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def function_door(build: Builder, *, encoded: bool) -> Door:
    """Return a door through Mangum.

    Args:
        build: The builder of AWS's event, from `infra.testing.events`.
        encoded: Whether the event contains the body in base64.
    """

    @contextmanager
    def door(bot: GitLabBot) -> Iterator[httpx.Client]:
        with asyncio.Runner() as runner:
            runner.get_loop()  # makes it the current loop, which Mangum uses
            function = Mangum(bot.app, lifespan="off")
            transport = httpx.MockTransport(
                lambda request: _invoke(function, build, request, encoded)
            )
            try:
                yield httpx.Client(transport=transport, base_url="https://bot.example.com")
            finally:
                runner.run(bot.aclose())

    return door


def _invoke(
    function: Mangum, build: Builder, request: httpx.Request, encoded: bool
) -> httpx.Response:
    path = request.url.raw_path.decode()
    headers = request.headers.multi_items()
    event = build(request.method, path, headers, request.read(), encoded=encoded)
    context: Any = None
    answer = function(json.loads(json.dumps(event)), context)
    return httpx.Response(
        answer["statusCode"], headers=answer["headers"], content=answer_body(answer)
    )


DOORS: dict[str, Door] = {
    "HTTP": http_door,
    "HTTP API": function_door(http_api_event, encoded=False),
    "HTTP API, base64": function_door(http_api_event, encoded=True),
    "REST API": function_door(rest_api_event, encoded=False),
    "REST API, base64": function_door(rest_api_event, encoded=True),
    "function URL": function_door(function_url_event, encoded=False),
    "function URL, base64": function_door(function_url_event, encoded=True),
}
