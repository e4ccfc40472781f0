import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from gidgetlambda import (
    BadRequest,
    Event,
    GitLabAPI,
    GitLabBroken,
    GitLabException,
    HTTPException,
    NoTarget,
    QueryError,
    RedirectionException,
)

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.server import serve
from infra.sandbox.state import Issue
from tests.handler import payloads
from tests.handler.apis import FAKE_TOKEN, INSTANCE, ScriptedGitLab, answer, for_run, sandbox_api

pytestmark = pytest.mark.anyio


@pytest.fixture
def gl(in_process: Sandbox) -> GitLabAPI:
    return sandbox_api(in_process)


async def as_list(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


# Requests and answers


async def test_each_method_changes_an_issue(gl: GitLabAPI, in_process: Sandbox) -> None:
    created = await gl.post("/projects/demo%2Fplayground/issues", data={"title": "A problem"})
    path = f"/projects/{created['project_id']}/issues/{created['iid']}"
    first = await gl.post(f"{path}/notes", data={"body": "Oops"})
    await gl.post(f"{path}/notes", data={"body": "Looking into it"})
    await gl.delete(f"{path}/notes/{first['id']}")
    await gl.put(path, data={"state_event": "close"})

    issue = in_process.project.issues[created["iid"]]
    assert (issue.title, issue.state) == ("A problem", "closed")
    assert [note.body for note in issue.notes if not note.system] == ["Looking into it"]


async def test_head_returns_the_headers(gl: GitLabAPI, in_process: Sandbox) -> None:
    headers = await gl.head("/projects/71/labels", {"per_page": 1})
    assert headers["x-total"] == str(len(in_process.project.labels))


async def test_needs_no_token(in_process: Sandbox) -> None:
    with pytest.raises(BadRequest, match="401 Unauthorized"):
        await sandbox_api(in_process, None).getitem("/user")


async def test_an_error_names_its_request(gl: GitLabAPI, in_process: Sandbox) -> None:
    with pytest.raises(BadRequest, match="404 Project Not Found") as error:
        await gl.getitem("/projects/9", {"private": "s3cret"})
    assert error.value.request == f"GET {in_process.url}/api/v4/projects/9"


async def test_sends_the_token_the_requester_and_the_data() -> None:
    gitlab = ScriptedGitLab(answer())
    await gitlab.api().post("/projects/1/issues", {"a": "b"}, data={"title": "é\ud800"})
    (request,) = gitlab.requests
    assert request.url == f"{INSTANCE}/api/v4/projects/1/issues?a=b"
    assert request.headers["authorization"] == f"Bearer {FAKE_TOKEN}"
    assert request.headers["user-agent"] == "tester"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(request.content) == {"title": "é\ud800"}


@pytest.mark.parametrize("data", [None, False, 0, "", [], {}])
async def test_sends_a_falsy_value(data: Any) -> None:
    gitlab = ScriptedGitLab(answer())
    await gitlab.api().patch("/projects/1", data=data)
    assert json.loads(gitlab.requests[0].content) == data


async def test_sends_no_body_without_data() -> None:
    gitlab = ScriptedGitLab(answer())
    await gitlab.api().put("/projects/1")
    await gitlab.api().post("/projects/1/issues/1/subscribe", data=b"")
    for request in gitlab.requests:
        assert request.content == b""
        assert request.headers["content-length"] == "0"
        assert "content-type" not in request.headers


async def test_keeps_the_rate_limit_of_the_last_answer() -> None:
    limits = {"ratelimit_limit": "2", "ratelimit_reset": "0"}
    answers = [answer(200, {}, ratelimit_remaining=left, **limits) for left in ("1", "0")]
    gl = ScriptedGitLab(*answers).api()
    for remaining in (1, 0):
        await gl.getitem("/user")
        assert gl.rate_limit is not None
        assert (gl.rate_limit.limit, gl.rate_limit.remaining) == (2, remaining)


def test_repr_hides_secrets() -> None:
    gl = ScriptedGitLab().api(url="https://bob:hunter2@gitlab.example.com")
    assert repr(gl) == "<GitLabAPI 'tester' at https://gitlab.example.com>"


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
            {"x": [1, 2], "y[]": (True,), "z": {"a": "b c", "d": [3]}, "w": []},
            "https://g.example/api/v4/projects/a%2Fb?x%5B%5D=1&x%5B%5D=2&y%5B%5D=true"
            "&z%5Ba%5D=b+c&z%5Bd%5D%5B%5D=3",
        ),
        (
            "https://g.example",
            "/p?iids[]=1&iids[]=2&q=a+b%2F&empty",
            {"iids": [3], "iids[]": None, "q2": {4}},
            "https://g.example/api/v4/p?q=a+b%2F&empty&iids%5B%5D=3&q2%5B%5D=4",
        ),
        (
            "https://g.example",
            "/p?a=1&b=",
            {"a": 2, "c": None, "d": True, "e": False},
            "https://g.example/api/v4/p?b=&a=2&d=true&e=false",
        ),
        ("https://g.example", "https://h.example/x?y=1", None, "https://h.example/x?y=1"),
        ("https://g.example", "//h.example/x", None, "https://g.example/api/v4/h.example/x"),
        ("https://g.example/git", "/../../../other", None, "https://g.example/other"),
    ],
)
def test_format_url(base: str, url: str, params: Any, formatted: str) -> None:
    assert ScriptedGitLab().api(url=base).format_url(url, params) == formatted


def test_uses_the_url_of_the_environment_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    client = ScriptedGitLab().client()
    assert GitLabAPI(client, "bot").api_url == "https://gitlab.com/api/v4/"
    monkeypatch.setenv("GL_URL", "https://g.example/git/")
    assert GitLabAPI(client, "bot").api_url == "https://g.example/git/api/v4/"
    gl = GitLabAPI(client, "bot", url="https://h.example", api_version="v5")
    assert gl.api_url == "https://h.example/api/v5/"
    assert gl.graphql_endpoint == "https://h.example/api/graphql"


async def test_reads_pages_below_a_sub_path_with_a_name_that_is_not_ascii() -> None:
    """Over real HTTP, which must carry the name."""
    with Sandbox() as sandbox, serve(sandbox, sub_path="/gitlab") as url:
        for number in range(3):
            sandbox.instance.add_label(sandbox.project, f"label-{number}")
        async with httpx.AsyncClient(trust_env=False) as client:
            gl = GitLabAPI(client, "Zoë's bot", access_token=BOT_TOKEN, url=url)
            labels = await as_list(gl.getiter("/projects/71/labels?per_page=2"))
    assert {label["name"] for label in labels} == set(sandbox.project.labels)


# Pages


@pytest.mark.parametrize(
    ("base", "link", "requested"),
    [
        (INSTANCE, f"{INSTANCE}/api/v4/projects?id_after=5&x=%5B&x=a+b", None),
        # GitLab writes its `external_url`.
        (INSTANCE, "http://gitlab.internal:8080/api/v4/x?page=2", f"{INSTANCE}/api/v4/x?page=2"),
        (INSTANCE, "https://gitlab.com/git/api/v4/x?page=2", f"{INSTANCE}/api/v4/x?page=2"),
        (f"{INSTANCE}/git", f"{INSTANCE}/api/v4/x?page=2", f"{INSTANCE}/git/api/v4/x?page=2"),
        (INSTANCE, "http://[/api/v4/x", f"{INSTANCE}/api/v4/x"),
        (INSTANCE, "/api/v4/x?page=2", f"{INSTANCE}/api/v4/x?page=2"),
        (
            INSTANCE,
            "https://evil.example/api/v4//evil.example/",
            f"{INSTANCE}/api/v4//evil.example/",
        ),
    ],
)
async def test_getiter_requests_the_next_page_from_the_configured_instance(
    base: str, link: str, requested: str | None
) -> None:
    gitlab = ScriptedGitLab(answer(200, [1], link=f'<{link}>; rel="next"'), answer(200, [2]))
    pages = gitlab.api(url=base).getiter("/projects", {"x": "first", "per_page": 1})
    assert await as_list(pages) == [1, 2]
    first, second = gitlab.requests
    assert first.url.query == b"x=first&per_page=1"
    assert str(second.url) == (requested or link)
    assert "authorization" in second.headers


@pytest.mark.parametrize("link", ["http://[>", "mailto:x", "https://gitlab.example.com/login"])
async def test_getiter_raises_for_a_next_page_that_is_not_of_the_api(link: str) -> None:
    gitlab = ScriptedGitLab(answer(200, [1], link=f'<{link}>; rel="next"'))
    with pytest.raises(GitLabException, match="is not one of its API"):
        await as_list(gitlab.api().getiter("/projects"))


@pytest.mark.parametrize("length", [1, 2, 3])
async def test_getiter_raises_if_the_pages_lead_in_a_circle(length: int) -> None:
    pages = [f"{INSTANCE}/api/v4/projects?page={number}" for number in range(length)]
    answers = [answer(200, [1], link=f'<{page}>; rel="next"') for page in pages[1:] + pages[:1]]
    gitlab = ScriptedGitLab(*answers)
    with pytest.raises(GitLabException, match="lead in a circle"):
        await as_list(gitlab.api().getiter("/projects?page=0"))
    assert len(gitlab.requests) == length


async def test_getiter_raises_for_an_answer_that_is_not_a_list(gl: GitLabAPI) -> None:
    with pytest.raises(GitLabException, match="is not a list: request it with getitem"):
        await as_list(gl.getiter("/projects/71"))


async def test_getiter_yields_nothing_without_content() -> None:
    gitlab = ScriptedGitLab(httpx.Response(204))
    assert await as_list(gitlab.api().getiter("/projects")) == []


# The cache


async def test_cache_keeps_pages_that_gitlab_confirms() -> None:
    date = "Sun, 13 Apr 2025 21:02:13 GMT"
    link = f'<{INSTANCE}/api/v4/x?page=2>; rel="next"'
    first_page = answer(200, [1], etag='W/"1"', last_modified=date, link=link)
    gitlab = ScriptedGitLab(first_page, answer(200, [2]), answer(304), answer(200, [3]))
    gl = gitlab.api(cache={})
    assert await as_list(gl.getiter("/x")) == [1, 2]
    assert await as_list(gl.getiter("/x")) == [1, 3]
    assert gitlab.requests[2].headers["if-none-match"] == 'W/"1"'
    assert gitlab.requests[2].headers["if-modified-since"] == date
    assert "if-none-match" not in gitlab.requests[3].headers


async def test_cache_returns_new_objects() -> None:
    gitlab = ScriptedGitLab(answer(200, {"labels": ["bug"]}, etag="a"), answer(304))
    gl = gitlab.api(cache={})
    for _ in range(3):
        issue = await gl.getitem("/x")
        assert issue == {"labels": ["bug"]}
        issue["labels"].append("changed")


async def test_cache_is_bounded() -> None:
    cache: dict[str, Any] = {}
    gl = ScriptedGitLab(answer(200, {}, etag="a")).api(cache=cache)
    for number in range(501):
        await gl.getitem(f"/{number}")
    large = answer(200, "x" * 100_001, etag="a")
    await ScriptedGitLab(large).api(cache=cache).getitem("/large")
    assert len(cache) == 500
    assert not {f"{gl.api_url}0", f"{gl.api_url}large"} & cache.keys()


async def test_cache_replaces_a_changed_answer() -> None:
    gitlab = ScriptedGitLab(answer(200, 1, etag="a"), answer(200, 2, etag="b"), answer(304))
    gl = gitlab.api(cache={})
    assert [await gl.getitem("/x") for _ in range(3)] == [1, 2, 2]
    assert gitlab.requests[2].headers["if-none-match"] == "b"


async def test_cache_keeps_only_answers_to_get_that_gitlab_can_confirm() -> None:
    cache: dict[str, Any] = {}
    gl = ScriptedGitLab(answer(200, {}, etag="a")).api(cache=cache)
    await gl.head("/x")
    await gl.post("/x", data={})
    await ScriptedGitLab(answer(200, {})).api(cache=cache).getitem("/x")
    assert cache == {}


async def test_raises_for_an_unexpected_304() -> None:
    with pytest.raises(RedirectionException):
        await ScriptedGitLab(answer(304)).api(cache={}).getitem("/x")


# GraphQL


async def test_graphql_returns_the_data_or_raises(gl: GitLabAPI) -> None:
    data = await gl.graphql("query { currentUser { username bot } }")
    assert data == {"currentUser": {"username": "playground-bot", "bot": True}}
    with pytest.raises(QueryError, match="doesn't exist on type 'Query'"):
        await gl.graphql("query { nothing { id } }")


async def test_a_graphql_error_names_its_request() -> None:
    with pytest.raises(GitLabBroken) as error:
        await ScriptedGitLab(answer(500)).api().graphql("query { x }")
    assert error.value.request == f"POST {INSTANCE}/api/graphql"


@pytest.mark.parametrize(
    ("query", "requests"),
    [
        ("{ currentUser { id } }", 2),
        ('query { search(text: "a \\" mutation") { id } }', 2),
        ("# a mutation\n{ a }", 2),
        ('query { a(text: """a mutation " # """) }', 2),
        ("mutation { createNote(input: {}) { note { id } } }", 1),
        ("query A { a } mutation B($c: ID!) { b }", 1),
        ('# "\nmutation { a }', 1),
    ],
)
async def test_graphql_repeats_only_a_query_that_changes_nothing(query: str, requests: int) -> None:
    gitlab = ScriptedGitLab(answer(502), answer(data={"data": {}}))
    api = gitlab.api()
    with contextlib.suppress(GitLabBroken):
        await api.graphql(query)
    assert len(gitlab.requests) == requests
    assert api.unanswered_write is (requests == 1)


async def test_only_a_handlers_run_knows_the_account(gl: GitLabAPI) -> None:
    with pytest.raises(GitLabException, match="needs a handler's run"):
        _ = gl.me


async def test_graphql_sends_variables() -> None:
    gitlab = ScriptedGitLab(answer(200, {"data": 1}))
    query = "query($a: Int) { x(a: $a) }"
    await gitlab.api(url="https://g.example/git").graphql(query, a=1)
    (request,) = gitlab.requests
    assert str(request.url) == "https://g.example/git/api/graphql"
    assert json.loads(request.content) == {"query": query, "variables": {"a": 1}}


# A handler's run


def opened(issue: Issue) -> Event:
    return Event(payloads.issue(iid=issue.iid), event="Issue Hook", delivery_id="d-1")


async def test_reply_react_and_labels_raise_without_a_target() -> None:
    gitlab = ScriptedGitLab(answer())
    push = Event(payloads.push(), event="Push Hook")
    with pytest.raises(NoTarget, match="'Push Hook' event has no subject that can be commented"):
        await for_run(gitlab.api()).reply(push, "Hello")
    with pytest.raises(NoTarget, match="no subject that an emoji can be awarded to"):
        await gitlab.api().react(push, "thumbsup")
    with pytest.raises(TypeError, match=r"a path, not None: check event\.target_path"):
        await gitlab.api().comment(push.target_path, "Hello")  # type: ignore[arg-type]
    snippet = Event(payloads.note(snippet={"id": 5}), event="Note Hook")
    for event in (push, snippet):
        with pytest.raises(NoTarget, match="no issue or merge request to label"):
            await gitlab.api().add_labels(event, "bug")
    assert gitlab.requests == []


async def test_react_awards_an_emoji_once(gl: GitLabAPI, in_process: Sandbox) -> None:
    issue = in_process.open_issue("A bug")
    award = await gl.react(opened(issue), "thumbsup")
    assert award["name"] == "thumbsup"
    assert await gl.react(opened(issue), "thumbsup") is None
    awards = [(award.name, award.user.username) for award in issue.awards]
    assert awards == [("thumbsup", "playground-bot")]


async def test_react_raises_for_an_unknown_emoji(gl: GitLabAPI, in_process: Sandbox) -> None:
    with pytest.raises(BadRequest, match="not a valid emoji name"):
        await gl.react(opened(in_process.open_issue("A bug")), "no such emoji")


AWARD = {"name": "thumbsup", "user": {"id": 4}}


@pytest.mark.parametrize(
    ("name", "awards", "found"),
    [
        ("thumbsup", [AWARD], True),
        ("thumbsup", [None, {}, {"name": "thumbsup", "user": None}, AWARD], True),
        ("+1", [AWARD], True),
        ("thumbsup", [AWARD | {"user": {"id": 2}}], False),
        ("heart", [AWARD], False),
    ],
)
@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_react_finds_its_award_whatever_the_message(
    status: int, name: str, awards: list[Any], found: bool
) -> None:
    event = Event(payloads.issue(), event="Issue Hook")
    refusal = answer(status, {"message": "404 Award Emoji Name ist bereits vergeben"})
    for in_run in (True, False):
        account = [] if in_run else [answer(200, {"id": 4})]
        gl = ScriptedGitLab(refusal, *account, answer(200, awards)).api()
        if in_run:
            for_run(gl)
        if found:
            assert await gl.react(event, name) is None
        else:
            with pytest.raises(HTTPException, match="bereits vergeben"):
                await gl.react(event, name)


@pytest.mark.parametrize("kind", ["issue", "merge_request"])
async def test_changes_labels_and_keeps_others(
    gl: GitLabAPI, in_process: Sandbox, kind: str
) -> None:
    if kind == "issue":
        target: Any = in_process.open_issue("A bug", labels=["kept"])
        event = opened(target)
    else:
        target = in_process.open_merge_request("A change", labels=["kept"])
        event = Event(payloads.merge_request(iid=target.iid), event="Merge Request Hook")
        event.data["project"] = {"id": 71}
    for _ in range(2):
        await gl.add_labels(event, "a", "needs review", "b")
        await gl.remove_labels(event, "b", "other")
        assert await gl.add_labels(event) is None
    assert {label.name for label in target.labels} == {"kept", "a", "needs review"}
    with pytest.raises(ValueError, match="cannot contain a comma"):
        await gl.remove_labels(event, "a,kept")


def test_refuses_a_client_of_another_library() -> None:
    client: Any = type("ClientSession", (), {"__module__": "aiohttp.client"})()
    with pytest.raises(TypeError, match=r"aiohttp\.client\.ClientSession: open an httpx\.Async"):
        GitLabAPI(client, "tester")
