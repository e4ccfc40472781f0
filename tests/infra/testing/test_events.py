import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mangum import Mangum
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from infra.testing.events import (
    answer_body,
    function_url_event,
    http_api_event,
    rest_api_event,
)

Builder = Callable[..., dict[str, Any]]
BODY = '{"title": "Größe ☃"}'.encode()


async def echo(request: Request) -> JSONResponse:
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "query": request.query_params.multi_items(),
            "headers": request.headers.items(),
            "body": (await request.body()).decode(),
        }
    )


every_form = pytest.mark.parametrize("build", [http_api_event, rest_api_event, function_url_event])
Ask = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """An app behind Mangum, which tells what arrived. Mangum takes the thread's event loop."""
    app = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])])
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        adapter = Mangum(app, lifespan="off")
        yield lambda event: dict(json.loads(answer_body(adapter(event, object()))))  # type: ignore[arg-type]
        asyncio.set_event_loop(None)


@every_form
@pytest.mark.parametrize("encoded", [False, True])
def test_a_request_arrives_as_it_was_sent(build: Builder, ask: Ask, encoded: bool) -> None:
    headers = {"Content-Type": "application/json", "X-Gitlab-Event": "Issue Hook"}
    arrived = ask(build("POST", "/webhook?a=1&b=2", headers, BODY, encoded=encoded))
    assert arrived["method"] == "POST"
    assert arrived["path"] == "/webhook"
    assert arrived["query"] == [["a", "1"], ["b", "2"]]
    assert arrived["body"] == BODY.decode()
    assert ["x-gitlab-event", "Issue Hook"] in arrived["headers"]


@every_form
def test_a_request_without_a_body_or_headers_arrives(build: Builder, ask: Ask) -> None:
    arrived = ask(build("GET", "/health"))
    assert (arrived["method"], arrived["path"], arrived["body"]) == ("GET", "/health", "")


@pytest.mark.parametrize("build", [http_api_event, function_url_event])
def test_repeated_headers_are_joined_by_commas(build: Builder) -> None:
    event = build("POST", "/", [("X-Gitlab-Token", "one"), ("x-gitlab-token", "two")])
    assert event["headers"]["x-gitlab-token"] == "one,two"


def test_a_rest_api_passes_repeated_headers_apart() -> None:
    event = rest_api_event("POST", "/", [("X-Gitlab-Token", "one"), ("X-Gitlab-Token", "two")])
    assert event["headers"] == {"X-Gitlab-Token": "two"}
    assert event["multiValueHeaders"] == {"X-Gitlab-Token": ["one", "two"]}


def test_an_encoded_answer_is_decoded() -> None:
    assert answer_body({"body": "4piD", "isBase64Encoded": True}) == "☃".encode()
    assert answer_body({"body": "☃"}) == "☃".encode()
    assert answer_body({}) == b""
