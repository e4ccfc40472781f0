import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from gidgetlambda import (
    BadRequest,
    Event,
    GitLabAPI,
    GitLabBroken,
    GitLabException,
    GraphQLAuthorizationFailure,
    HTTPException,
    NoTarget,
    QueryError,
    RateLimitExceeded,
    RedirectionException,
    markers,
)
from gidgetlambda.notes import Origin
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from infra.sandbox import ALICE_TOKEN, BOT_READ_TOKEN, BOT_TOKEN, Sandbox
from infra.sandbox.seed import EXPIRED_TOKEN
from infra.sandbox.server import serve as serve_sandbox
from infra.testing.server import serve
from tests.handler import payloads

pytestmark = pytest.mark.anyio


TRUST = httpx.create_ssl_context()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all: each test opens an issue of its own."""
    with Sandbox() as instance, serve_sandbox(instance):
        yield instance


class UnhurriedAPI(GitLabAPI):
    """Waits no time, and tells for how long it would have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@asynccontextmanager
async def api_of(url: str, token: str | None = BOT_TOKEN, **options: Any) -> AsyncIterator[Any]:
    async with httpx.AsyncClient(trust_env=False, verify=TRUST) as client:
        yield UnhurriedAPI(client, "tester", access_token=token, url=url, **options)


@pytest.fixture
async def gl(sandbox: Sandbox) -> AsyncIterator[UnhurriedAPI]:
    async with api_of(sandbox.url) as api:
        yield api


Answer = httpx.Response | Exception


class Scripted:
    """A GitLab that answers as written, request by request; for what no sandbox does."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def api(self, **options: Any) -> UnhurriedAPI:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        url = options.pop("url", "https://gitlab.example.com")
        return UnhurriedAPI(client, "tester", access_token="glpat-fake", url=url, **options)


def answer(status: int = 200, data: Any = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=data, headers=named)


async def everything(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


# Requests and answers


async def test_a_script_creates_an_issue_comments_on_it_and_closes_it(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    created = await gl.post(
        "/projects/demo%2Fplayground/issues", data={"title": "We got a problem", "labels": "bug"}
    )
    path = f"/projects/{created['project_id']}/issues/{created['iid']}"
    note = await gl.post(f"{path}/notes", data={"body": "Looking into it"})
    await gl.put(path, data={"state_event": "close"})

    issue = sandbox.project.issues[created["iid"]]
    assert (issue.title, issue.state) == ("We got a problem", "closed")
    assert [each.body for each in issue.notes if not each.system] == ["Looking into it"]
    assert note["body"] == "Looking into it"


async def test_params_alone_can_be_posted(gl: GitLabAPI, sandbox: Sandbox) -> None:
    issue = await gl.post(
        "/projects/71/issues", params={"title": "By query", "confidential": True}, data=b""
    )
    assert sandbox.project.issues[issue["iid"]].confidential


async def test_delete_gives_nothing(gl: GitLabAPI, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    note = await gl.post(f"/projects/71/issues/{issue.iid}/notes", data={"body": "Oops"})
    deletion: Any = gl.delete(f"/projects/71/issues/{issue.iid}/notes/{note['id']}")
    assert await deletion is None
    assert issue.notes == []


async def test_head_gives_headers(gl: GitLabAPI, sandbox: Sandbox) -> None:
    headers = await gl.head("/projects/71/labels", {"per_page": 1})
    assert headers["x-total"] == str(len(sandbox.project.labels))


async def test_a_token_that_is_wrong_or_may_only_read(sandbox: Sandbox) -> None:
    async with api_of(sandbox.url, "glpat-wrong") as api:
        with pytest.raises(BadRequest, match="401 Unauthorized") as unknown:
            await api.getitem("/user")
    assert unknown.value.status_code == 401
    async with api_of(sandbox.url, EXPIRED_TOKEN) as api:
        with pytest.raises(BadRequest, match="invalid_token: Token is expired"):
            await api.getitem("/user")
    async with api_of(sandbox.url, BOT_READ_TOKEN) as api:
        with pytest.raises(BadRequest, match="insufficient_scope"):
            await api.post("/projects/71/issues", data={"title": "No"})
    async with api_of(sandbox.url, None) as api:
        with pytest.raises(BadRequest, match="401"):
            await api.getitem("/user")


async def test_an_error_names_its_request_without_the_query(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    with pytest.raises(BadRequest, match="404 Project Not Found") as error:
        await gl.getitem("/projects/9", {"private": "s3cret"})
    assert error.value.request == f"GET {sandbox.url}/api/v4/projects/9"


async def test_an_error_names_where_its_request_was_redirected_to() -> None:
    """As by a server that has moved to https, while GL_URL says http still."""
    gitlab = Scripted(
        answer(301, location="https://gitlab.example.com/api/v4/user?private=s3cret"),
        answer(401, {"message": "401 Unauthorized"}),
    )
    with pytest.raises(BadRequest, match="401 Unauthorized") as error:
        await gitlab.api(url="http://gitlab.example.com").getitem("/user")
    assert error.value.request == (
        "GET http://gitlab.example.com/api/v4/user, redirected to "
        "https://gitlab.example.com/api/v4/user, where no token is sent"
    )


async def test_an_error_names_a_redirect_within_the_instance() -> None:
    gitlab = Scripted(answer(301, location="/api/v4/projects/2"), answer(404))
    with pytest.raises(BadRequest) as error:
        await gitlab.api().getitem("/projects/1")
    assert error.value.request == (
        "GET https://gitlab.example.com/api/v4/projects/1, redirected to "
        "https://gitlab.example.com/api/v4/projects/2"
    )


@pytest.mark.parametrize("status", [499, 599, 418, 299])
async def test_an_unknown_status_is_no_crash(status: int) -> None:
    with pytest.raises(HTTPException) as error:
        await Scripted(answer(status)).api().getitem("/projects/1")
    assert error.value.status_code == status


async def test_broken_json() -> None:
    broken = httpx.Response(200, content=b"{", headers={"content-type": "application/json"})
    with pytest.raises(GitLabBroken, match="not the JSON"):
        await Scripted(broken).api().getitem("/projects/1")


async def test_what_is_sent() -> None:
    gitlab = Scripted(answer())
    await gitlab.api().post("/projects/1/issues", {"a": "b"}, data={"title": "é\ud800"})
    (request,) = gitlab.requests
    assert str(request.url) == "https://gitlab.example.com/api/v4/projects/1/issues?a=b"
    assert request.headers["authorization"] == "Bearer glpat-fake"
    assert request.headers["user-agent"] == "tester"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(request.content) == {"title": "é\ud800"}


async def test_a_requester_may_have_any_name(sandbox: Sandbox) -> None:
    async with httpx.AsyncClient(trust_env=False, verify=TRUST) as client:
        api = GitLabAPI(client, "Zoë's bot", access_token=BOT_TOKEN, url=sandbox.url)
        assert (await api.getitem("/user"))["bot"]


@pytest.mark.parametrize("data", [None, False, 0, "", [], {}])
async def test_a_value_that_is_not_much_is_still_sent(data: Any) -> None:
    gitlab = Scripted(answer())
    await gitlab.api().patch("/projects/1", data=data)
    assert json.loads(gitlab.requests[0].content) == data


async def test_no_data_is_no_body() -> None:
    gitlab = Scripted(answer())
    await gitlab.api().put("/projects/1")
    await gitlab.api().post("/projects/1/issues/1/subscribe", data=b"")
    for request in gitlab.requests:
        assert request.content == b""
        assert request.headers["content-length"] == "0"
        assert "content-type" not in request.headers


# URLs


@pytest.mark.parametrize(
    ("base", "url", "params", "formatted"),
    [
        ("https://g.example", "/projects/1", None, "https://g.example/api/v4/projects/1"),
        ("https://g.example/", "projects/1", {}, "https://g.example/api/v4/projects/1"),
        ("https://g.example/git/", "/user", None, "https://g.example/git/api/v4/user"),
        (
            "https://g.example",
            "/projects/a%2Fb",
            {"x": [1, 2]},
            "https://g.example/api/v4/projects/a%2Fb?x=1&x=2",
        ),
        (
            "https://g.example",
            "/p?a=1&b=",
            {"a": 2, "c": None, "d": True, "e": False},
            "https://g.example/api/v4/p?a=2&b=&d=true&e=false",
        ),
        ("https://g.example", "https://h.example/x?y=1", None, "https://h.example/x?y=1"),
        ("https://g.example", "//h.example/x", None, "https://g.example/api/v4/h.example/x"),
    ],
)
async def test_format_url(base: str, url: str, params: Any, formatted: str) -> None:
    async with api_of(base) as api:
        assert api.format_url(url, params) == formatted


async def test_the_instance_comes_from_the_argument_then_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with httpx.AsyncClient(verify=TRUST) as client:
        assert GitLabAPI(client, "bot").api_url == "https://gitlab.com/api/v4/"
        monkeypatch.setenv("GL_URL", "https://g.example/git/")
        assert GitLabAPI(client, "bot").api_url == "https://g.example/git/api/v4/"
        api = GitLabAPI(client, "bot", url="https://h.example", api_version="v5")
        assert api.api_url == "https://h.example/api/v5/"
        assert api.graphql_endpoint == "https://h.example/api/graphql"


async def test_an_instance_below_a_sub_path() -> None:
    with Sandbox() as sandbox, serve_sandbox(sandbox, sub_path="/gitlab") as url:
        for number in range(3):
            sandbox.instance.add_label(sandbox.project, f"label-{number}")
        async with api_of(url) as api:
            project = await api.getitem("/projects/demo%2Fplayground")
            labels = await everything(api.getiter(f"/projects/{project['id']}/labels?per_page=2"))
    assert len(labels) == 5


# Pages


async def test_a_list_is_followed_to_its_end(gl: GitLabAPI, sandbox: Sandbox) -> None:
    for number in range(45):
        sandbox.instance.add_label(sandbox.project, f"label-{number}")
    labels = await everything(gl.getiter("/projects/71/labels"))
    assert {label["name"] for label in labels} == set(sandbox.project.labels)


async def test_more_pages_than_python_recurses() -> None:
    def page(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params.get("page", 1))
        link = f'<{request.url.copy_set_param("page", number + 1)}>; rel="next"'
        return httpx.Response(200, json=[number], headers={"link": link} if number < 1500 else {})

    async with httpx.AsyncClient(transport=httpx.MockTransport(page)) as client:
        api = GitLabAPI(client, "tester")
        assert await everything(api.getiter("/projects")) == list(range(1, 1501))


async def test_the_link_is_followed_as_it_is() -> None:
    following = "https://gitlab.example.com/api/v4/projects?id_after=5&x=%5B&x=a+b"
    gitlab = Scripted(answer(200, [1], link=f'<{following}>; rel="next"'), answer(200, [2]))
    pages = gitlab.api().getiter("/projects", {"x": "first", "per_page": 1})
    assert await everything(pages) == [1, 2]
    first, second = gitlab.requests
    assert first.url.query == b"x=first&per_page=1"
    assert str(second.url) == following


async def test_a_page_that_leads_to_itself_ends() -> None:
    link = '<https://gitlab.example.com/api/v4/projects>; rel="next"'
    with pytest.raises(GitLabException, match="the page itself"):
        await everything(Scripted(answer(200, [1], link=link)).api().getiter("/projects"))


async def test_what_is_no_list_is_told(gl: GitLabAPI) -> None:
    with pytest.raises(GitLabException, match="is no list: ask for it with getitem"):
        await everything(gl.getiter("/projects/71"))


async def test_a_list_of_nothing() -> None:
    assert await everything(Scripted(httpx.Response(204)).api().getiter("/projects")) == []


# Waiting and trying again


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_short_429_is_waited_out_whatever_was_asked(method: str) -> None:
    gitlab = Scripted(answer(429, retry_after="2"), answer(200, {"id": 1}))
    api = gitlab.api()
    assert await sent(api, method) in ({"id": 1}, None)
    assert api.slept == [2.0]


@pytest.mark.parametrize(
    ("headers", "retry_after"), [({"retry_after": "6"}, 6.0), ({}, None)], ids=["long", "unknown"]
)
async def test_another_429_is_raised_at_once(
    headers: dict[str, str], retry_after: float | None
) -> None:
    gitlab = Scripted(answer(429, **headers))
    api = gitlab.api()
    with pytest.raises(RateLimitExceeded) as error:
        await api.getitem("/user")
    assert error.value.retry_after == retry_after
    assert (len(gitlab.requests), api.slept) == (1, [])


async def ask_often(api: GitLabAPI) -> None:
    for _ in range(5):
        await api.getitem("/user")


async def test_a_sandbox_that_has_had_enough() -> None:
    with Sandbox(rate_limit=1) as sandbox, serve_sandbox(sandbox) as url:
        async with api_of(url) as api:
            await api.getitem("/user")
            assert api.rate_limit is not None
            assert (api.rate_limit.limit, api.rate_limit.remaining) == (1, 0)
            with pytest.raises(RateLimitExceeded, match="Retry later"):
                await ask_often(api)


@pytest.mark.parametrize("retry_after", ["0", "1", "2"])
async def test_patience_ends_whatever_gitlab_asks(retry_after: str) -> None:
    gitlab = Scripted(answer(429, retry_after=retry_after))
    api = gitlab.api()
    with pytest.raises(RateLimitExceeded):
        await api.getitem("/user")
    assert 0 < sum(api.slept) <= 5
    assert len(gitlab.requests) == len(api.slept) + 1


async def test_a_403_with_nothing_remaining_is_raised() -> None:
    spent = answer(403, ratelimit_limit="5", ratelimit_remaining="0", ratelimit_reset="9999999999")
    gitlab = Scripted(spent)
    with pytest.raises(RateLimitExceeded) as error:
        await gitlab.api().getitem("/user")
    assert error.value.retry_after is not None
    assert error.value.retry_after > 0
    assert len(gitlab.requests) == 1


async def sent(api: GitLabAPI, method: str) -> Any:
    calls: dict[str, Callable[[], Any]] = {
        "GET": lambda: api.getitem("/x"),
        "HEAD": lambda: api.head("/x"),
        "POST": lambda: api.post("/x", data={}),
        "PUT": lambda: api.put("/x", data={}),
        "PATCH": lambda: api.patch("/x", data={}),
        "DELETE": lambda: api.delete("/x"),
        "GRAPHQL": lambda: api.graphql("mutation { x }"),
    }
    return await calls[method]()


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize(
    ("method", "again"),
    [
        ("GET", True),
        ("HEAD", True),
        ("PUT", True),
        ("DELETE", True),
        ("POST", False),
        ("PATCH", False),
        ("GRAPHQL", False),
    ],
)
async def test_what_passes_is_asked_again_unless_gitlab_may_have_acted(
    status: int, method: str, again: bool
) -> None:
    gitlab = Scripted(answer(status), answer(status), answer(200, {}))
    if again:
        await sent(gitlab.api(), method)
    else:
        with pytest.raises(GitLabBroken):
            await sent(gitlab.api(), method)
    assert len(gitlab.requests) == (3 if again else 1)


async def test_a_500_is_raised_at_once() -> None:
    gitlab = Scripted(answer(500))
    with pytest.raises(GitLabBroken):
        await gitlab.api().getitem("/x")
    assert len(gitlab.requests) == 1


async def test_a_gateway_that_stays_bad_is_raised_in_the_end() -> None:
    gitlab = Scripted(answer(502))
    api = gitlab.api()
    with pytest.raises(GitLabBroken):
        await api.getitem("/x")
    assert api.slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("method", "error", "again"),
    [
        ("GET", httpx.ConnectError("refused"), True),
        ("POST", httpx.ConnectError("refused"), True),
        ("PATCH", httpx.ConnectTimeout("late"), True),
        ("GRAPHQL", httpx.ConnectError("refused"), True),
        ("GET", httpx.RemoteProtocolError("dropped"), True),
        ("PUT", httpx.ReadError("reset"), True),
        ("POST", httpx.RemoteProtocolError("dropped"), False),
        ("POST", httpx.ReadError("reset"), False),
        ("POST", httpx.WriteError("reset"), False),
        ("PATCH", httpx.ReadError("reset"), False),
        ("POST", httpx.ReadTimeout("late"), False),
        ("GET", httpx.ReadTimeout("late"), False),
    ],
    ids=lambda value: (
        getattr(type(value), "__name__", "") if isinstance(value, Exception) else value
    ),
)
async def test_a_broken_connection(method: str, error: httpx.TransportError, again: bool) -> None:
    gitlab = Scripted(error, answer(200, {"data": {}}))
    if again:
        await sent(gitlab.api(), method)
    else:
        with pytest.raises(type(error)):
            await sent(gitlab.api(), method)
    assert len(gitlab.requests) == 1 + again


async def test_a_gitlab_that_is_away_is_told_as_the_transport_tells_it() -> None:
    async with api_of("http://127.0.0.1:1") as api:
        with pytest.raises(httpx.ConnectError):
            await api.post("/projects/71/issues", data={"title": "Anyone?"})
        assert api.slept == [0.5, 1.0, 2.0]


# Where the token goes


class Foreign:
    """Somebody else's server, which keeps what it is sent."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []

    def app(self) -> Starlette:
        async def keep(request: Request) -> Response:
            self.headers.append(dict(request.headers))
            return JSONResponse([])

        return Starlette(routes=[Route("/{path:path}", keep, methods=["GET", "POST"])])


@pytest.fixture
def foreign() -> Iterator[tuple[Foreign, str]]:
    server = Foreign()
    with serve(server.app()) as url:
        yield server, url


def assert_asked_without_token(foreign: Foreign) -> None:
    assert foreign.headers
    for headers in foreign.headers:
        assert BOT_TOKEN not in str(headers)
        assert "authorization" not in headers


async def test_no_token_for_an_absolute_url_of_another_server(
    gl: GitLabAPI, foreign: tuple[Foreign, str]
) -> None:
    server, url = foreign
    await gl.getitem(f"{url}/api/v4/user")
    await gl.post(f"{url}/api/v4/projects/1/issues", data={})
    assert_asked_without_token(server)


async def test_no_token_for_a_next_page_on_another_server(foreign: tuple[Foreign, str]) -> None:
    server, foreign_url = foreign

    async def first_page(request: Request) -> Response:
        assert BOT_TOKEN in request.headers["authorization"]
        return JSONResponse([1], headers={"link": f'<{foreign_url}/more>; rel="next"'})

    with serve(Starlette(routes=[Route("/{path:path}", first_page)])) as url:
        async with api_of(url) as api:
            assert await everything(api.getiter("/projects")) == [1]
    assert_asked_without_token(server)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_no_token_for_the_target_of_a_redirect_to_another_server(
    foreign: tuple[Foreign, str], method: str
) -> None:
    server, foreign_url = foreign

    async def elsewhere(request: Request) -> Response:
        return RedirectResponse(f"{foreign_url}/api/v4/user", 302)

    with serve(Starlette(routes=[Route("/{path:path}", elsewhere)])) as url:
        async with api_of(url) as api:
            await sent(api, method)
    assert_asked_without_token(server)


@pytest.mark.parametrize(
    ("base", "url", "trusted"),
    [
        ("https://g.example", "https://g.example/api/v4/user", True),
        ("https://g.example", "https://G.EXAMPLE:443/api/v4/user", True),
        ("https://g.example:443", "https://g.example/api/v4/user", True),
        ("https://g.example", "https://bob:x@g.example/api/v4/user", True),
        ("https://g.example", "http://g.example/api/v4/user", False),
        ("https://g.example", "https://g.example:8443/api/v4/user", False),
        ("https://g.example", "https://g.example.evil.example/api/v4/user", False),
        ("https://g.example", "https://evil-g.example/api/v4/user", False),
        ("https://g.example", "https://g.example@evil.example/api/v4/user", False),
        ("https://g.example", "https://g.example:443@evil.example/api/v4/user", False),
        ("https://g.example", "https://evil.example/https://g.example/user", False),
        ("https://g.example", "https://evil.example#@g.example/user", False),
        ("https://g.example", "https://evil.example?@g.example/user", False),
        ("https://g.example", "https://evil.example\\@g.example/user", False),
        ("https://g.example", "https://g.example./api/v4/user", False),
        ("https://g.example/git", "https://g.example/git/api/v4/user", True),
        ("https://g.example/git", "https://g.example/git", False),
        ("https://g.example/git", "https://g.example/api/v4/user", False),
        ("https://g.example/git", "https://g.example/github/api/v4/user", False),
        ("https://g.example/git", "https://g.example/git/../other/user", False),
        ("https://g.example/git", "https://g.example/git/%2e%2e/other/user", False),
        ("https://g.example/git", "https://g.example/git/..%2fother/user", False),
        ("https://g.example/git", "https://g.example/git/%2E%2E%2Fother/user", False),
        ("https://g.example/git", "https://g.example/git/..%5cother/user", False),
        ("https://g.example/git", "https://g.example//git/api/v4/user", False),
        ("https://g.example/git", "../../../other/user", False),
        ("https://g.example/git", "/../../../other/user", False),
    ],
)
async def test_the_token_goes_to_the_configured_instance_only(
    base: str, url: str, trusted: bool
) -> None:
    gitlab = Scripted(answer(200, {}))
    try:
        await gitlab.api(url=base).getitem(url)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        assert not trusted
        return
    (request,) = gitlab.requests
    if not trusted:
        assert "glpat-fake" not in str(request.headers.raw)
    elif "@" not in url:
        assert request.headers["authorization"] == "Bearer glpat-fake"


async def test_the_token_follows_a_redirect_within_the_instance() -> None:
    gitlab = Scripted(answer(301, location="/api/v4/projects/2"), answer(200, {"id": 2}))
    assert await gitlab.api().getitem("/projects/1") == {"id": 2}
    assert gitlab.requests[1].headers["authorization"] == "Bearer glpat-fake"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_redirected_write_is_told_and_not_followed(method: str) -> None:
    gitlab = Scripted(answer(301, location="https://gitlab.example.com/api/v4/new"))
    with pytest.raises(RedirectionException, match="moved to https://gitlab"):
        await sent(gitlab.api(), method)
    assert len(gitlab.requests) == 1


async def test_redirects_in_a_circle_end() -> None:
    gitlab = Scripted(answer(302, location="/api/v4/x"))
    with pytest.raises(RedirectionException):
        await gitlab.api().getitem("/x")
    assert len(gitlab.requests) == 6


@pytest.mark.parametrize("location", ["http://[", "https://gitlab.example.com:port/", ""])
async def test_a_redirect_to_nowhere_is_told(location: str) -> None:
    with pytest.raises((RedirectionException, httpx.RemoteProtocolError)):
        await Scripted(answer(302, location=location)).api().getitem("/x")


async def test_no_secret_in_its_repr_or_in_an_error() -> None:
    api = Scripted(answer(404)).api(url="https://bob:hunter2@gitlab.example.com")
    assert "glpat-fake" not in repr(api)
    assert "hunter2" not in repr(api)
    with pytest.raises(BadRequest) as error:
        await api.getitem("/x?private_token=glpat-fake")
    assert "glpat-fake" not in f"{error.value} {error.value.request}"
    assert "hunter2" not in f"{error.value} {error.value.request}"


# The cache


async def test_an_answer_that_has_not_changed_is_not_sent_again() -> None:
    cache: dict[str, Any] = {}
    link = '<https://gitlab.example.com/api/v4/x?page=2>; rel="next"'
    gitlab = Scripted(answer(200, [1], etag='W/"1"', link=link), answer(200, [2]), answer(304))
    api = gitlab.api(cache=cache)
    assert await everything(api.getiter("/x")) == [1, 2]
    gitlab.answers = [answer(304), answer(200, [2])]
    assert await everything(api.getiter("/x")) == [1, 2]
    assert gitlab.requests[2].headers["if-none-match"] == 'W/"1"'
    assert "if-none-match" not in gitlab.requests[3].headers


async def test_an_answer_is_known_by_its_date_too() -> None:
    cache: dict[str, Any] = {}
    date = "Sun, 13 Apr 2025 21:02:13 GMT"
    gitlab = Scripted(answer(200, {"id": 1}, last_modified=date), answer(304))
    api = gitlab.api(cache=cache)
    assert [await api.getitem("/x"), await api.getitem("/x")] == [{"id": 1}] * 2
    assert gitlab.requests[1].headers["if-modified-since"] == date


async def test_a_changed_answer_takes_the_place_of_the_old_one() -> None:
    cache: dict[str, Any] = {}
    gitlab = Scripted(answer(200, 1, etag="a"), answer(200, 2, etag="b"), answer(304))
    api = gitlab.api(cache=cache)
    assert [await api.getitem("/x") for _ in range(3)] == [1, 2, 2]
    assert gitlab.requests[2].headers["if-none-match"] == "b"


async def test_what_nobody_asked_to_keep_is_not_kept() -> None:
    cache: dict[str, Any] = {}
    api = Scripted(answer(200, {}, etag="a")).api(cache=cache)
    await api.head("/x")
    await api.post("/x", data={})
    assert cache == {}
    await Scripted(answer(200, {})).api(cache=cache).getitem("/x")
    assert cache == {}


async def test_a_304_that_nobody_asked_for_is_told() -> None:
    with pytest.raises(RedirectionException):
        await Scripted(answer(304)).api(cache={}).getitem("/x")


# GraphQL


async def test_graphql(gl: GitLabAPI) -> None:
    data = await gl.graphql("query { currentUser { username bot } }")
    assert data == {"currentUser": {"username": "playground-bot", "bot": True}}


async def test_graphql_errors(gl: GitLabAPI, sandbox: Sandbox) -> None:
    with pytest.raises(QueryError, match="doesn't exist on type 'Query'") as error:
        await gl.graphql("query { nothing { id } }")
    assert "errors" in error.value.response
    async with api_of(sandbox.url, "glpat-wrong") as api:
        with pytest.raises(GraphQLAuthorizationFailure):
            await api.graphql("query { currentUser { id } }")


@pytest.mark.parametrize(("status", "kind"), [(500, GitLabBroken), (429, RateLimitExceeded)])
async def test_a_graphql_error_names_its_request(status: int, kind: type[HTTPException]) -> None:
    with pytest.raises(kind) as error:
        await Scripted(answer(status)).api().graphql("query { x }")
    assert error.value.request == "POST https://gitlab.example.com/api/graphql"


async def test_graphql_variables() -> None:
    gitlab = Scripted(answer(200, {"data": 1}))
    await gitlab.api(url="https://g.example/git").graphql("query($a: Int) { x(a: $a) }", a=1)
    (request,) = gitlab.requests
    assert str(request.url) == "https://g.example/git/api/graphql"
    assert json.loads(request.content) == {
        "query": "query($a: Int) { x(a: $a) }",
        "variables": {"a": 1},
    }


# Comments


BOT_ID = 4
ALICE_ID = 2


def for_event(
    api: GitLabAPI, *, delivery: str = "d1", handler: str = "m:h", user_id: int = BOT_ID
) -> GitLabAPI:
    """A new API over the same connection, for one handler's run on one delivery."""
    own = type(api)(
        api._client,
        api.requester,
        access_token=api.access_token,
        url=api.api_url.partition("/api/")[0],
    )
    own.act_for(Origin(delivery_id=delivery, handler=handler, user_id=user_id, event_uuid="u1"))
    return own


def notes_on(noteable: Any) -> list[str]:
    return [
        note.body.partition("\n\n<!-- gidgetlambda ")[0]
        for note in noteable.notes
        if not note.system
    ]


async def test_a_comment_is_posted_once_however_often_the_task_is_tried(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    path = f"/projects/71/issues/{issue.iid}"
    tried = [await for_event(gl).comment(path, "Thanks!") for _ in range(3)]
    assert notes_on(issue) == ["Thanks!"]
    assert len({note["id"] for note in tried}) == 1


async def test_another_delivery_handler_or_key_posts_another_comment(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    path = f"/projects/71/issues/{issue.iid}"
    await for_event(gl).comment(path, "one")
    await for_event(gl, delivery="d2").comment(path, "two")
    await for_event(gl, handler="m:other").comment(path, "three")
    await for_event(gl).comment(path, "four", key="k")
    assert notes_on(issue) == ["one", "two", "three", "four"]


async def test_the_comment_is_found_behind_a_hundred_others(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    path = f"/projects/71/issues/{issue.iid}"
    await for_event(gl).comment(path, "Thanks!")
    for number in range(120):
        sandbox.comment(issue, str(number))
    await for_event(gl).comment(path, "Thanks!")
    assert notes_on(issue).count("Thanks!") == 1


async def test_a_comment_is_not_looked_for_among_those_of_months_ago(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    path = f"/projects/71/issues/{issue.iid}"
    await for_event(gl).comment(path, "standing", update=True)
    for number in range(250):
        sandbox.comment(issue, str(number))
    for note in issue.notes:
        note.created_at -= timedelta(days=61)
    asked: list[str] = []

    async def count(request: httpx.Request) -> None:
        asked.append(request.method)

    gl._client.event_hooks["request"].append(count)
    await for_event(gl).comment(path, "Thanks!")
    await for_event(gl).comment(path, "Thanks!")
    assert asked == ["GET", "POST", "GET"]
    await for_event(gl).comment(path, "standing", update=True)
    assert notes_on(issue).count("standing") == 1


async def test_every_target_takes_a_comment_once(gl: GitLabAPI, sandbox: Sandbox) -> None:
    merge_request = sandbox.open_merge_request("A change")
    (commit,) = sandbox.push("main", "A commit")
    (snippet,) = sandbox.project.snippets.values()
    targets = {
        f"/projects/71/merge_requests/{merge_request.iid}": merge_request,
        f"/projects/71/repository/commits/{commit.sha}": commit,
        f"/projects/71/snippets/{snippet.id}": snippet,
    }
    for path, target in targets.items():
        for _ in range(2):
            await for_event(gl).comment(path, "Thanks!")
        assert notes_on(target) == ["Thanks!"]


async def test_a_standing_comment_is_changed_in_place(gl: GitLabAPI, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    path = f"/projects/71/issues/{issue.iid}"
    for delivery, text in (("d1", "1 of 2"), ("d2", "2 of 2"), ("d2", "2 of 2")):
        await for_event(gl, delivery=delivery).comment(path, text, update=True)
    await for_event(gl, delivery="d2").comment(path, "once")
    await for_event(gl, handler="m:other").comment(path, "another's", update=True)
    assert notes_on(issue) == ["2 of 2", "once", "another's"]


async def test_a_standing_comment_that_is_the_same_is_not_written_again(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    path = f"/projects/71/issues/{issue.iid}"
    await for_event(gl).comment(path, "same", update=True)
    await for_event(gl, delivery="d2").comment(path, "same", update=True)
    assert issue.notes[-1].updated_by is None


async def test_a_standing_comment_on_a_commit_is_changed_in_its_discussion() -> None:
    identity = Origin("d0", "m:h", BOT_ID).comment_identity(
        "/projects/1/repository/commits/abc1234", "", standing=True
    )
    note = {"id": 5, "author": {"id": BOT_ID}, "body": markers.mark("1 of 2", identity)}
    gitlab = Scripted(answer(200, [{"id": "6a9c", "notes": [note]}]), answer(200, {"id": 5}))
    api = for_event(gitlab.api())
    await api.comment("/projects/1/repository/commits/abc1234", "2 of 2", update=True)
    request = gitlab.requests[-1]
    assert request.method == "PUT"
    assert request.url.path.endswith("/commits/abc1234/discussions/6a9c/notes/5")
    assert markers.find(json.loads(request.content)["body"]) == identity


async def test_a_mark_that_somebody_else_wrote_means_nothing(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    path = f"/projects/71/issues/{issue.iid}"
    for standing in (True, False):
        forged = Origin("d1", "m:h", ALICE_ID).comment_identity(path, "", standing=standing)
        sandbox.comment(issue, f"Not the bot\n\n<!-- gidgetlambda {forged} -->", by="alice")
    await for_event(gl).comment(path, "Thanks!")
    await for_event(gl).comment(path, "Standing", update=True)
    assert notes_on(issue)[2:] == ["Thanks!", "Standing"]
    assert [note.author.username for note in issue.notes] == ["alice"] * 2 + ["playground-bot"] * 2


async def test_a_mark_within_echoed_text_means_nothing(gl: GitLabAPI, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    path = f"/projects/71/issues/{issue.iid}"
    coming = Origin("d2", "m:h", BOT_ID).comment_identity(path, "", standing=False)
    echoed = f"You said: <!-- gidgetlambda {coming} -->"
    await for_event(gl).comment(path, echoed)
    await for_event(gl, delivery="d2").comment(path, "Thanks!")
    assert notes_on(issue)[-1] == "Thanks!"


async def test_quick_actions_alone_are_done_and_make_no_note(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    await for_event(gl).comment(f"/projects/71/issues/{issue.iid}", "/close")
    assert issue.state == "closed"
    assert notes_on(issue) == []


async def test_a_text_with_a_quick_action_makes_a_marked_note(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    for _ in range(2):
        await for_event(gl).comment(f"/projects/71/issues/{issue.iid}", "Done.\n/close")
    assert issue.state == "closed"
    assert len(notes_on(issue)) == 1


async def test_an_open_code_block_does_not_show_the_mark(gl: GitLabAPI, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    await for_event(gl).comment(f"/projects/71/issues/{issue.iid}", "```\nTraceback")
    assert notes_on(issue) == ["```\nTraceback\n```"]


async def test_a_script_comments_each_time_and_without_a_mark(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    path = f"/projects/71/issues/{issue.iid}"
    for _ in range(2):
        await gl.comment(path, "Hi")
    assert [note.body for note in issue.notes] == ["Hi", "Hi"]
    with pytest.raises(GitLabException, match="not in a script"):
        await gl.comment(path, "Hi", update=True)


async def test_every_note_for_an_event_is_marked_whichever_method_posts_it(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    path = f"/projects/71/issues/{issue.iid}"
    own = for_event(gl)
    given = {"body": "by post"}
    note = await own.post(f"{path}/notes", data=given)
    await own.post(f"{path}/notes", {"body": "by query"}, data=b"")
    await own.post(f"{path}/discussions", data={"body": "a discussion"})
    await own.put(f"{path}/notes/{note['id']}", data={"body": "by put"})
    assert notes_on(issue) == ["by put", "by query", "a discussion"]
    assert all(markers.find(note.body) for note in issue.notes)
    assert given == {"body": "by post"}


# Replies


def event_on(issue: Any) -> Event:
    return Event(payloads.issue(iid=issue.iid), event="Issue Hook", delivery_id="d1")


async def test_two_replies_of_one_handler_stay_two_on_every_try(
    gl: GitLabAPI, sandbox: Sandbox
) -> None:
    issue = sandbox.open_issue("A bug")
    for _ in range(2):
        own = for_event(gl)
        await own.reply(event_on(issue), "Hello")
        await own.reply(event_on(issue), "Hello")
        await own.reply(event_on(issue), "By name", key="greeting")
    assert notes_on(issue) == ["Hello", "Hello", "By name"]


async def test_a_reply_to_nothing_is_told() -> None:
    gitlab = Scripted(answer())
    event = Event(payloads.push(), event="Push Hook")
    with pytest.raises(NoTarget, match="'Push Hook' event is about nothing that can be commented"):
        await for_event(gitlab.api()).reply(event, "Hello")
    with pytest.raises(NoTarget, match="takes an emoji"):
        await for_event(gitlab.api()).react(event, "thumbsup")
    assert gitlab.requests == []


async def test_the_chain_is_told_to_gitlab() -> None:
    gitlab = Scripted(answer(200, {"data": {}}))
    own = for_event(gitlab.api())
    await own.getitem("/x")
    await own.post("/x", data={})
    await own.graphql("query { x }")
    assert [request.headers["x-gitlab-event-uuid"] for request in gitlab.requests] == ["u1"] * 3
    await gitlab.api().getitem("/x")
    assert "x-gitlab-event-uuid" not in gitlab.requests[-1].headers


# Reactions


async def test_an_emoji_that_is_there_already_is_success(gl: GitLabAPI, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    award = await for_event(gl).react(event_on(issue), "thumbsup")
    assert award["name"] == "thumbsup"
    assert await for_event(gl).react(event_on(issue), "thumbsup") is None
    assert [(each.name, each.user.username) for each in issue.awards] == [
        ("thumbsup", "playground-bot")
    ]


async def test_an_emoji_for_a_comment_goes_to_the_comment(gl: GitLabAPI, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    note = sandbox.comment(issue, "Me too")
    data = payloads.note(issue={"iid": issue.iid})
    data["object_attributes"]["id"] = note.id
    await for_event(gl).react(Event(data, event="Note Hook"), "eyes")
    assert [each.name for each in note.awards] == ["eyes"]
    assert issue.awards == []


async def test_an_emoji_that_gitlab_does_not_know_is_told(gl: GitLabAPI, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    with pytest.raises(BadRequest, match="not a valid emoji name"):
        await for_event(gl).react(event_on(issue), "no such emoji")


async def test_alice_s_token_is_alice(sandbox: Sandbox) -> None:
    async with api_of(sandbox.url, ALICE_TOKEN) as api:
        assert (await api.getitem("/user"))["id"] == ALICE_ID
