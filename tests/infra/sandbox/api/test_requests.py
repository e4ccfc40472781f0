"""The behavior that all API requests share: tokens, rate limits, parameters, errors."""

from datetime import UTC, date, datetime

import httpx
import pytest

from infra.sandbox import BOB_TOKEN, BOT_READ_TOKEN, BOT_TOKEN, ROOT_TOKEN, Sandbox
from infra.sandbox.state import Token
from tests.infra.sandbox.conftest import Connect

ISSUES = "/projects/demo%2Fplayground/issues"


def test_accepts_a_token_in_both_headers(connect: Connect) -> None:
    user = connect(BOT_TOKEN).get("/user").json()
    assert (user["username"], user["bot"]) == ("playground-bot", True)
    user = connect("").get("/user", headers={"PRIVATE-TOKEN": ROOT_TOKEN}).json()
    assert (user["username"], user["bot"], user["is_admin"]) == ("root", False, True)


@pytest.mark.parametrize("name", ["Authorization", "PRIVATE-TOKEN"])
@pytest.mark.parametrize("value", ["", "nonsense", "Bearer nonsense", f"Basic {BOT_TOKEN}"])
def test_refuses_a_missing_or_unknown_token(connect: Connect, name: str, value: str) -> None:
    answer = connect("").get("/user", headers={name: value})
    assert (answer.status_code, answer.json()) == (401, {"message": "401 Unauthorized"})


def test_a_read_only_token_may_not_write(connect: Connect) -> None:
    client = connect(BOT_READ_TOKEN)
    assert client.get(ISSUES).status_code == 200
    answer = client.post(ISSUES, json={"title": "Help"})
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    "settings", [{"rate_limit": 2, "now": lambda: datetime(2026, 11, 22, 12, 0, 50, tzinfo=UTC)}]
)
def test_limits_the_requests_of_each_user(connect: Connect) -> None:
    bot = connect(BOT_TOKEN)
    answers = [bot.get("/user") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2].text, answers[2].headers["Retry-After"]) == ("Retry later\n", "10")
    names = ("Limit", "Observed", "Remaining")
    reported = [[answer.headers[f"RateLimit-{name}"] for name in names] for answer in answers]
    assert reported == [["2", "1", "1"], ["2", "2", "0"], ["2", "3", "0"]]
    reset = datetime(2026, 11, 22, 12, 1, tzinfo=UTC).timestamp()
    assert answers[0].headers["RateLimit-Reset"] == f"{reset:.0f}"
    assert connect(BOB_TOKEN).get("/user").status_code == 200


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'"text"', b'{"title": "\\ud800"}', b"\xff", b"[" * 100_000]
)
def test_refuses_invalid_json(alice: httpx.Client, content: bytes) -> None:
    answer = alice.post(ISSUES, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json() == {"error": "message body does not match declared format"}


def test_reads_parameters_from_json_form_and_query(alice: httpx.Client) -> None:
    title = {"title": "T"}
    assert alice.post(ISSUES, json=title).status_code == 201
    assert alice.post(ISSUES, data=title).status_code == 201
    assert alice.post(ISSUES, params=title).status_code == 201
    answer = alice.post(ISSUES, data={"title": "T", "labels[]": ["a", "b"]})
    assert answer.json()["labels"] == ["a", "b"]
    assert alice.post(ISSUES, files={"title": b"T"}).status_code == 415


def test_an_unchanged_response_is_304(alice: httpx.Client) -> None:
    etag = alice.get(ISSUES).headers["ETag"]
    again = alice.get(ISSUES, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    alice.post(ISSUES, json={"title": "Help"})
    assert alice.get(ISSUES, headers={"If-None-Match": etag}).status_code == 200


def test_a_private_project_is_hidden_from_others(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.instance.tokens["carol-token"] = Token(user=sandbox.instance.add_user("carol"))
    carol = connect("carol-token")
    assert carol.get("/projects/71").json() == {"message": "404 Project Not Found"}
    assert carol.get("/projects").json() == []


def test_members_have_an_access_level(alice: httpx.Client) -> None:
    members = [alice.get(f"/projects/71/members/all/{number}").json() for number in (1, 2, 3, 4)]
    levels = {member["username"]: member["access_level"] for member in members}
    assert levels == {"root": 50, "alice": 40, "bob": 10, "playground-bot": 30}


def test_a_token_describes_itself(connect: Connect) -> None:
    token = connect(BOT_TOKEN).get("/personal_access_tokens/self").json()
    assert (token["user_id"], token["scopes"], token["active"]) == (4, ["api"], True)
    left = date.fromisoformat(token["expires_at"]) - datetime.now(UTC).date()
    assert left.days in (364, 365)


def test_graphql_returns_the_current_user(sandbox: Sandbox, connect: Connect) -> None:
    bot, url = connect(BOT_TOKEN), f"{sandbox.url}/api/graphql"
    answer = bot.post(url, json={"query": "query { currentUser { username bot } }"})
    assert answer.json()["data"]["currentUser"] == {"username": "playground-bot", "bot": True}
    answer = bot.post(url, json={"query": "{ project { id } }"})
    message = answer.json()["errors"][0]["message"]
    assert message == "Field 'project' doesn't exist on type 'Query'"
