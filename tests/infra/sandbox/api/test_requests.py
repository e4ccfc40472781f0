"""Tokens, rate limits, parameters and complaints: what every API request meets."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from infra.sandbox import BOB_TOKEN, BOT_READ_TOKEN, BOT_TOKEN, ROOT_TOKEN, Sandbox
from infra.sandbox.seed import EXPIRED_TOKEN

pytestmark = pytest.mark.anyio

ISSUES = "/projects/demo%2Fplayground/issues"


async def test_both_headers_carry_a_token(in_process: Sandbox, connect: Any) -> None:
    async with connect(BOT_TOKEN) as client:
        user = (await client.get("/user")).json()
        assert (user["username"], user["bot"]) == ("playground-bot", True)
    async with connect("") as client:
        user = (await client.get("/user", headers={"PRIVATE-TOKEN": ROOT_TOKEN})).json()
        assert (user["username"], user["bot"], user["is_admin"]) == ("root", False, True)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Basic {BOT_TOKEN}"},
        {"PRIVATE-TOKEN": "nonsense"},
    ],
)
async def test_no_token_and_a_wrong_one_are_401(connect: Any, headers: dict[str, str]) -> None:
    async with connect("") as client:
        answer = await client.get("/user", headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"message": "401 Unauthorized"}


async def test_an_expired_token_says_so(connect: Any) -> None:
    async with connect(EXPIRED_TOKEN) as client:
        answer = await client.get("/user")
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_token"


async def test_a_reading_token_may_not_write(connect: Any) -> None:
    async with connect(BOT_READ_TOKEN) as client:
        assert (await client.get(ISSUES)).status_code == 200
        answer = await client.post(ISSUES, json={"title": "Help"})
    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_scope"


async def test_answers_tell_the_rate_limit(alice: httpx.AsyncClient) -> None:
    first, second = await alice.get("/user"), await alice.get("/user")
    assert first.headers["RateLimit-Observed"] == "1"
    assert second.headers["RateLimit-Observed"] == "2"
    limit, remaining = second.headers["RateLimit-Limit"], second.headers["RateLimit-Remaining"]
    assert int(limit) - int(remaining) == 2
    assert int(second.headers["RateLimit-Reset"]) > datetime.now(UTC).timestamp() - 1


async def test_too_many_requests_are_429(receiver: Any) -> None:
    now = datetime(2026, 11, 22, 12, 0, 50, tzinfo=UTC)
    sandbox = Sandbox(rate_limit=1, now=lambda: now)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(sandbox.app),
        base_url=f"{sandbox.url}/api/v4",
        headers={"PRIVATE-TOKEN": BOT_TOKEN},
    ) as client:
        assert (await client.get("/user")).status_code == 200
        answer = await client.get("/user")
        others = await client.get("/user", headers={"PRIVATE-TOKEN": BOB_TOKEN})
    assert answer.status_code == 429
    assert answer.text == "Retry later\n"
    assert answer.headers["Retry-After"] == "10"
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert others.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/nothing", 404, {"error": "404 Not Found"}),
        ("GET", "/projects/9", 404, {"message": "404 Project Not Found"}),
        ("GET", "/projects/demo%2Fother/issues", 404, {"message": "404 Project Not Found"}),
        ("GET", f"{ISSUES}/9", 404, {"message": "404 Not Found"}),
        ("GET", f"{ISSUES}/nine", 400, {"error": "issue_iid is invalid"}),
        ("GET", f"{ISSUES}?page=x", 400, {"error": "page is invalid"}),
        ("GET", f"{ISSUES}?sort=up", 400, {"error": "sort does not have a valid value"}),
        ("POST", ISSUES, 400, {"error": "title is missing"}),
        ("GET", "/users/99", 404, {"message": "404 User Not Found"}),
    ],
)
async def test_complaints_are_gitlabs(
    alice: httpx.AsyncClient, method: str, path: str, status: int, body: dict[str, Any]
) -> None:
    answer = await alice.request(method, path)
    assert (answer.status_code, answer.json()) == (status, body)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'"text"', b'{"title": "\\ud800"}', b"\xff", b"[" * 100_000]
)
async def test_bad_json_is_400(alice: httpx.AsyncClient, content: bytes) -> None:
    answer = await alice.post(ISSUES, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json() == {"error": "message body does not match declared format"}


async def test_parameters_come_as_json_form_or_query(alice: httpx.AsyncClient) -> None:
    for sent in ({"json": {"title": "T"}}, {"data": {"title": "T"}}, {"params": {"title": "T"}}):
        answer = await alice.post(ISSUES, **sent)  # type: ignore[arg-type]
        assert answer.status_code == 201
    answer = await alice.post(ISSUES, data={"title": "T", "labels[]": ["a", "b"]})
    assert answer.json()["labels"] == ["a", "b"]
    answer = await alice.post(ISSUES, files={"title": b"T"})
    assert answer.status_code == 415


@pytest.mark.parametrize("value", [["a"], {"a": 1}])
async def test_a_parameter_of_the_wrong_type_is_400(alice: httpx.AsyncClient, value: Any) -> None:
    answer = await alice.post(ISSUES, json={"title": value})
    assert answer.json() == {"error": "title is invalid"}


async def test_an_unchanged_answer_is_304(alice: httpx.AsyncClient) -> None:
    etag = (await alice.get(ISSUES)).headers["ETag"]
    again = await alice.get(ISSUES, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    await alice.post(ISSUES, json={"title": "Help"})
    assert (await alice.get(ISSUES, headers={"If-None-Match": etag})).status_code == 200


async def test_strangers_see_no_private_project(in_process: Sandbox, connect: Any) -> None:
    stranger = in_process.instance.add_user("stranger")
    in_process.instance.add_token("stranger-token", stranger)
    async with connect("stranger-token") as client:
        assert (await client.get("/projects/71")).json() == {"message": "404 Project Not Found"}
        assert (await client.get("/projects")).json() == []


async def test_members_tell_their_access_level(alice: httpx.AsyncClient) -> None:
    levels = {}
    for number in (1, 2, 3, 4):
        member = (await alice.get(f"/projects/71/members/all/{number}")).json()
        levels[member["username"]] = member["access_level"]
    assert levels == {"root": 50, "alice": 40, "bob": 10, "playground-bot": 30}
    assert (await alice.get("/projects/71/members/all/99")).status_code == 404


async def test_graphql_tells_the_current_user(in_process: Sandbox, connect: Any) -> None:
    async with connect(BOT_TOKEN) as client:
        url = f"{in_process.url}/api/graphql"
        answer = await client.post(url, json={"query": "query { currentUser { username bot } }"})
        assert answer.json() == {
            "data": {"currentUser": {"username": "playground-bot", "bot": True}}
        }
        answer = await client.post(url, json={"query": "{ project { id } }"})
        message = answer.json()["errors"][0]["message"]
        assert message == "Field 'project' doesn't exist on type 'Query'"
