"""The public names, for a module that was written for gidgetlab 2.1."""

import http
import inspect
import types
from typing import Any

import gidgetlambda
import httpx
import pytest
from gidgetlambda import errors

from infra.sandbox import Sandbox
from tests.handler import payloads
from tests.handler.processes import run_python

pytestmark = pytest.mark.anyio


IMPORTS = """
import gidgetlambda as gidgetlab
print(*(getattr(gidgetlab, name).__name__ for name in ("routing", "sansio", "exceptions")))
from gidgetlambda.abc import GitLabAPI
from gidgetlambda.aiohttp import GitLabAPI, GitLabBot
from gidgetlambda.exceptions import (
    BadGraphQLRequest, BadRequest, GitLabBroken, GitLabException, GraphQLAuthorizationFailure,
    GraphQLException, GraphQLResponseTypeError, HTTPException, InvalidField, QueryError,
    RateLimitExceeded, RedirectionException, ValidationFailure,
)
from gidgetlambda.httpx import GitLabAPI
from gidgetlambda.routing import AsyncCallback, Router
from gidgetlambda.sansio import Event, RateLimit, create_headers, decipher_response
for name in gidgetlab.__all__:
    assert globals().get(name, getattr(gidgetlab, name)) is getattr(gidgetlab, name)
"""


def test_has_gidgetlabs_names_and_submodules() -> None:
    assert sorted(gidgetlambda.__all__) == gidgetlambda.__all__
    with pytest.raises(AttributeError, match="module 'gidgetlambda' has no attribute 'tornado'"):
        _ = gidgetlambda.tornado
    names = "gidgetlambda.routing gidgetlambda.sansio gidgetlambda.exceptions"
    assert run_python(IMPORTS) == f"{names}\n"


KINDS = {
    "positional or keyword": "{}",
    "keyword-only": "{}=",
    "variadic positional": "*{}",
    "variadic keyword": "**{}",
}


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (gidgetlambda.GitLabAPI.getitem, "url params"),
        (gidgetlambda.GitLabAPI.getiter, "url params"),
        (gidgetlambda.GitLabAPI.head, "url params"),
        (gidgetlambda.GitLabAPI.post, "url params data="),
        (gidgetlambda.GitLabAPI.put, "url params data="),
        (gidgetlambda.GitLabAPI.patch, "url params data="),
        (gidgetlambda.GitLabAPI.delete, "url params data="),
        (gidgetlambda.GitLabAPI.graphql, "query **variables"),
        (gidgetlambda.GitLabAPI.format_url, "url params"),
        (gidgetlambda.GitLabAPI.sleep, "seconds"),
        (
            gidgetlambda.GitLabAPI,
            "client requester access_token= url= api_version= cache= response_limit=",
        ),
        (
            gidgetlambda.GitLabBot,
            "requester secret= access_token= cache= ssl_context= wait_consistency= url= "
            "api_version= time_limit= request_timeout= response_limit=",
        ),
        (gidgetlambda.Event, "data event= secret= headers= delivery_id="),
        (gidgetlambda.Event.from_http, "headers body secret="),
        (gidgetlambda.Router.dispatch, "event *args **kwargs"),
        (gidgetlambda.sansio.create_headers, "requester access_token="),
        (gidgetlambda.sansio.RateLimit, "limit= remaining= reset_epoch="),
        (gidgetlambda.sansio.decipher_response, "status_code headers body method"),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_accepts_gidgetlabs_arguments(func: Any, expected: str) -> None:
    parameters = inspect.signature(func).parameters.values()
    accepted = [
        KINDS[one.kind.description].format(one.name) for one in parameters if one.name != "self"
    ]
    assert accepted == expected.split()


# Exceptions


def test_exceptions_are_created_and_read_as_in_gidgetlab() -> None:
    error = gidgetlambda.HTTPException(http.HTTPStatus.NOT_FOUND)
    assert (error.status_code, str(error)) == (404, "Not Found")
    assert str(gidgetlambda.BadRequest(http.HTTPStatus.BAD_REQUEST, "no")) == "no"
    limit = gidgetlambda.sansio.RateLimit(limit=1, remaining=0, reset_epoch=0)
    exceeded = gidgetlambda.RateLimitExceeded(limit)
    assert (exceeded.rate_limit, exceeded.status_code) == (limit, 403)
    assert str(exceeded) == "rate limit exceeded"
    invalid = gidgetlambda.InvalidField([{"field": "title"}], "message")
    assert (invalid.errors, invalid.status_code) == ([{"field": "title"}], 422)
    response = {"errors": [{"message": "no"}]}
    query = gidgetlambda.QueryError(response)
    assert (query.response, str(query)) == (response, "no")
    bad = gidgetlambda.BadGraphQLRequest(http.HTTPStatus.BAD_REQUEST, response)
    assert (bad.status_code, bad.response, str(bad)) == (400, response, "no")
    assert gidgetlambda.GraphQLAuthorizationFailure(response).status_code == 401
    assert gidgetlambda.GraphQLResponseTypeError("text/html", "x").response == "x"


# `except GitLabException` in a handler must not swallow control flow and internal exceptions.
TREE = {
    Exception: "GitLabException TryAgain NoTarget OutOfTime NotRun RunEnded TaskTooLarge "
    "MalformedTask UnknownHandler QueueUnavailable",
    errors.GitLabException: "ValidationFailure MalformedDelivery HTTPException GraphQLException "
    "ResponseTooLarge AddressRefused SettingsError",
    errors.HTTPException: "RedirectionException BadRequest GitLabBroken",
    errors.BadRequest: "RateLimitExceeded InvalidField",
    errors.GraphQLException: "BadGraphQLRequest QueryError GraphQLResponseTypeError",
    errors.BadGraphQLRequest: "GraphQLAuthorizationFailure",
}


def test_exceptions_form_the_documented_tree() -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    parents = {one.__name__: one.__bases__ for one in classes if issubclass(one, Exception)}
    assert parents == {name: (one,) for one, names in TREE.items() for name in names.split()}


# A module for gidgetlab with a changed import line

MODULE = """
import gidgetlambda as gidgetlab

first = gidgetlab.routing.Router()
second = gidgetlab.routing.Router(first)
seen = []


@first.register("Issue Hook", action="open")
async def issue_opened(event, gl, *args, **kwargs):
    assert isinstance(event, gidgetlab.sansio.Event)
    iid = event.object_attributes["iid"]
    url = f"/projects/{event.project_id}/issues/{iid}/notes"
    await gl.post(url, data={"body": f"Thanks @{event.data['user']['username']}!"})
    async for note in gl.getiter(url, {"sort": "asc"}):
        seen.append(note["author"]["username"])
    await gl.put(f"/projects/{event.project_id}/issues/{iid}", params={"add_labels": "bug"})
    try:
        await gl.getitem(f"/projects/{event.project_id}/issues/99999")
    except gidgetlab.exceptions.BadRequest as error:
        seen.append(int(error.status_code))
    try:
        await gl.graphql("query { nothing }", first=1)
    except gidgetlab.QueryError as error:
        seen.append(type(error).__name__)
    seen.append(gl.requester)
    seen.append(gl.rate_limit is None or bool(gl.rate_limit))


async def push(event, *args, **kwargs):
    seen.append(event.secret)

second.add(push, "Push Hook", ref="refs/heads/main")

bot = gidgetlab.aiohttp.GitLabBot(
    "username",
    secret="hook-secret",
    access_token="sandbox-bot-token",
    cache={},
    ssl_context=None,
    wait_consistency=False,
    url=URL,
    api_version="v4",
)
bot.register_routers(gidgetlab.routing.Router(first), second)


@bot.router.register("Note Hook", noteable_type="Issue")
async def noted(event, gl, *args, **kwargs):
    raise gidgetlab.GitLabException("not here")
"""


async def test_a_module_for_gidgetlab_runs_after_one_changed_line(sandbox: Sandbox) -> None:
    module = types.ModuleType("written_for_gidgetlab")
    vars(module)["URL"] = sandbox.url
    exec(compile(MODULE, "<module>", "exec"), vars(module))
    issue = sandbox.open_issue("A bug")
    headers = {"X-Gitlab-Event": "Issue Hook", "X-Gitlab-Token": "hook-secret"}
    transport = httpx.ASGITransport(module.bot.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        opened = await client.post("/", headers=headers, json=payloads.issue(iid=issue.iid))
        headers["X-Gitlab-Event"] = "Note Hook"
        noted = await client.post("/", headers=headers, json=payloads.note())
    await module.bot.aclose()
    assert opened.json()["handlers"] == {"written_for_gidgetlab:issue_opened": "done"}
    assert list(noted.json()["handlers"].values()) == ["failed: GitLabException: not here"]
    assert module.seen == ["playground-bot", 404, "QueryError", "username", True]
    assert [label.name for label in issue.labels] == ["bug"]
    event = gidgetlambda.Event(payloads.push(), event="Push Hook", secret="s")
    await module.second.dispatch(event)
    assert module.seen[-1] == "s"
