"""The public names: that they serve a module of gidgetlab's and cost no more than they must."""

import ast
import http
import inspect
import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gidgetlambda
import httpx
import pytest

from infra.sandbox import BOT_TOKEN, Sandbox
from tests.handler import payloads

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "handler" / "gidgetlambda"


def test_every_public_name_is_there() -> None:
    for name in gidgetlambda.__all__:
        assert getattr(gidgetlambda, name) is not None
    assert sorted(gidgetlambda.__all__) == gidgetlambda.__all__


def test_a_name_that_is_not_there_is_told() -> None:
    with pytest.raises(AttributeError, match="module 'gidgetlambda' has no attribute 'tornado'"):
        _ = gidgetlambda.tornado


# What a module that was written for gidgetlab 2.1 finds


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("routing", ["Router", "AsyncCallback"]),
        ("sansio", ["Event", "RateLimit", "create_headers", "decipher_response"]),
        ("abc", ["GitLabAPI"]),
        ("httpx", ["GitLabAPI"]),
        ("aiohttp", ["GitLabAPI", "GitLabBot"]),
        (
            "exceptions",
            [
                "GitLabException",
                "ValidationFailure",
                "HTTPException",
                "RedirectionException",
                "BadRequest",
                "RateLimitExceeded",
                "InvalidField",
                "GitLabBroken",
                "GraphQLException",
                "BadGraphQLRequest",
                "GraphQLAuthorizationFailure",
                "QueryError",
                "GraphQLResponseTypeError",
            ],
        ),
    ],
)
def test_gidgetlabs_modules_and_their_names(path: str, names: list[str]) -> None:
    module = getattr(gidgetlambda, path)
    for name in names:
        assert hasattr(module, name)
        if path in ("exceptions", "sansio") and hasattr(gidgetlambda, name):
            assert getattr(module, name) is getattr(gidgetlambda, name)


def parameters(func: Any) -> list[tuple[str, str]]:
    """Each parameter's name, and how it can be given: by place (p), by keyword (k), both (b)."""
    kinds = {
        inspect.Parameter.POSITIONAL_ONLY: "p",
        inspect.Parameter.POSITIONAL_OR_KEYWORD: "b",
        inspect.Parameter.KEYWORD_ONLY: "k",
        inspect.Parameter.VAR_KEYWORD: "**",
        inspect.Parameter.VAR_POSITIONAL: "*",
    }
    found = [(each.name, kinds[each.kind]) for each in inspect.signature(func).parameters.values()]
    return [each for each in found if each[0] != "self"]


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (gidgetlambda.GitLabAPI.getitem, "url b, params b"),
        (gidgetlambda.GitLabAPI.getiter, "url b, params b"),
        (gidgetlambda.GitLabAPI.head, "url b, params b"),
        (gidgetlambda.GitLabAPI.post, "url b, params b, data k"),
        (gidgetlambda.GitLabAPI.put, "url b, params b, data k"),
        (gidgetlambda.GitLabAPI.patch, "url b, params b, data k"),
        (gidgetlambda.GitLabAPI.delete, "url b, params b, data k"),
        (gidgetlambda.GitLabAPI.graphql, "query b, variables **"),
        (gidgetlambda.GitLabAPI.format_url, "url b, params b"),
        (gidgetlambda.GitLabAPI.sleep, "seconds b"),
        (
            gidgetlambda.GitLabAPI,
            "client b, requester b, access_token k, url k, api_version k, cache k",
        ),
        (gidgetlambda.Event.from_http, "headers b, body b, secret k"),
        (gidgetlambda.Router.dispatch, "event b, args *, kwargs **"),
        (gidgetlambda.sansio.create_headers, "requester b, access_token k"),
        (gidgetlambda.sansio.RateLimit, "limit k, remaining k, reset_epoch k"),
        (gidgetlambda.sansio.decipher_response, "status_code b, headers b, body b, method b"),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_gidgetlabs_signatures(func: Any, expected: str) -> None:
    assert ", ".join(f"{name} {kind}" for name, kind in parameters(func)) == expected


def test_a_bot_takes_gidgetlabs_arguments() -> None:
    named = dict(parameters(gidgetlambda.GitLabBot))
    assert named.pop("requester") == "b"
    for name in (
        "secret",
        "access_token",
        "cache",
        "ssl_context",
        "wait_consistency",
        "url",
        "api_version",
    ):
        assert named[name] == "k"


def test_an_event_takes_gidgetlabs_arguments() -> None:
    event = gidgetlambda.Event({}, event="Push Hook", secret="s")
    assert (event.data, event.event, event.secret) == ({}, "Push Hook", "s")


def test_exceptions_are_made_and_read_as_in_gidgetlab() -> None:
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


def test_exceptions_stand_in_gidgetlabs_tree() -> None:
    parents = {
        gidgetlambda.GitLabException: Exception,
        gidgetlambda.ValidationFailure: gidgetlambda.GitLabException,
        gidgetlambda.HTTPException: gidgetlambda.GitLabException,
        gidgetlambda.RedirectionException: gidgetlambda.HTTPException,
        gidgetlambda.BadRequest: gidgetlambda.HTTPException,
        gidgetlambda.RateLimitExceeded: gidgetlambda.BadRequest,
        gidgetlambda.InvalidField: gidgetlambda.BadRequest,
        gidgetlambda.GitLabBroken: gidgetlambda.HTTPException,
        gidgetlambda.GraphQLException: gidgetlambda.GitLabException,
        gidgetlambda.BadGraphQLRequest: gidgetlambda.GraphQLException,
        gidgetlambda.GraphQLAuthorizationFailure: gidgetlambda.BadGraphQLRequest,
        gidgetlambda.QueryError: gidgetlambda.GraphQLException,
        gidgetlambda.GraphQLResponseTypeError: gidgetlambda.GraphQLException,
    }
    for child, parent in parents.items():
        assert issubclass(child, parent)


# A module as it would be written for gidgetlab, but for its import line

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


async def push(event):
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


@pytest.mark.anyio
async def test_a_module_of_gidgetlabs_needs_one_new_import_line(sandbox: Sandbox) -> None:
    module = types.ModuleType("written_for_gidgetlab")
    vars(module)["URL"] = sandbox.url
    exec(compile(MODULE, "<module>", "exec"), vars(module))
    issue = sandbox.open_issue("A bug")
    headers = {"X-Gitlab-Event": "Issue Hook", "X-Gitlab-Token": "hook-secret"}
    transport = httpx.ASGITransport(module.bot.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        opened = await client.post("/", headers=headers, json=payloads.issue(iid=issue.iid))
        noted = await client.post(
            "/", headers=headers | {"X-Gitlab-Event": "Note Hook"}, json=payloads.note()
        )
    await module.bot.aclose()
    assert opened.json()["handlers"] == {"written_for_gidgetlab:issue_opened": "done"}
    assert list(noted.json()["handlers"].values()) == ["failed: GitLabException: not here"]
    assert module.seen == ["playground-bot", 404, "QueryError", "username", True]
    assert [label.name for label in issue.labels] == ["bug"]
    event = gidgetlambda.Event(payloads.push(), event="Push Hook", secret="s")
    await module.second.dispatch(event)
    assert module.seen[-1] == "s"


@pytest.mark.anyio
async def test_a_script_of_gidgetlabs(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    import gidgetlambda as gidgetlab

    monkeypatch.setenv("GL_URL", sandbox.url)
    async with httpx.AsyncClient() as client:
        gl = gidgetlab.httpx.GitLabAPI(client, "beenje", access_token=BOT_TOKEN)
        created = await gl.post("/projects/71/issues", data={"title": "We got a problem"})
    assert created["title"] == "We got a problem"


# What importing costs and does


def python(script: str, **environ: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GL_", "LOG_LEVEL"))}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=ROOT,
        env=kept | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_importing_the_names_imports_no_server_and_no_aws() -> None:
    script = """
import sys, json, gidgetlambda, bot
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    imported = set(json.loads(python(script)))
    assert "httpx" in imported
    unwanted = {
        "fastapi",
        "starlette",
        "pydantic",
        "mangum",
        "uvicorn",
        "boto3",
        "botocore",
        "infra",
    }
    assert not imported & unwanted


HOSTILE_ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {
        "GL_SECRET": "a\nb",
        "GL_SECRET_PREVIOUS": "\x01",
        "GL_SIGNING_TOKEN": "whsec_???",
        "GL_ACCESS_TOKEN": "é é",
        "GL_URL": "http://[",
        "GL_IGNORE_SELF": "perhaps",
        "GL_CA_FILE": "/nowhere/ca.pem",
        "LOG_LEVEL": "loudest",
        "QUEUE_URL": "nonsense",
    },
]


@pytest.mark.parametrize("environ", HOSTILE_ENVIRONMENTS, ids=["nothing", "nonsense"])
def test_importing_never_fails(environ: dict[str, str]) -> None:
    script = """
import pkgutil, importlib, gidgetlambda
for module in pkgutil.walk_packages(gidgetlambda.__path__, "gidgetlambda."):
    importlib.import_module(module.name)
print("imported")
"""
    assert python(script, **environ) == "imported\n"


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    """Every imported module: as it is written, dots included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield prefix
            if not node.module:
                yield from (f"{prefix}{alias.name}" for alias in node.names)


def test_the_package_imports_itself_relatively_and_nothing_that_does_not_ship() -> None:
    shipped = {"fastapi", "starlette", "mangum", "httpx"}
    # What is there where it is used: on one's own machine, and in Lambda's runtime.
    elsewhere = {"gitlabbot": {"uvicorn"}, "sqs": {"botocore"}}
    for path, tree in modules():
        known = shipped | elsewhere.get(path.stem, set()) | sys.stdlib_module_names
        for name in imports(tree):
            own = name.startswith("gidgetlambda" if path.parent.name == "plugins" else ".")
            assert own or name.partition(".")[0] in known, (path, name)


def test_what_does_no_io_imports_nothing_that_could() -> None:
    sans_io = {"delivery", "event", "router", "markers", "response", "rate_limit", "errors", "task"}
    doing = {"asyncio", "httpx", "os", "socket", "time", "logging", "subprocess", "pathlib", "ssl"}
    for path, tree in modules():
        if path.parent == PACKAGE and path.stem in sans_io:
            assert not doing & set(imports(tree)), path


def test_only_the_application_imports_fastapi() -> None:
    for path, tree in modules():
        users = {"fastapi", "starlette"} & {name.partition(".")[0] for name in imports(tree)}
        if path.stem not in ("app", "gitlabbot"):
            assert not users, path
