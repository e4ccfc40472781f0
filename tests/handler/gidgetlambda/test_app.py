"""Deliveries and their answers, as the table in docs/reference.md lists them.

The doors differ only in how they carry headers and bytes. The rows that depend on these pass
through every door, all others through the HTTP API of a deployment.
"""

import asyncio
import base64
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from gidgetlambda import Event, GitLabAPI, GitLabBot, __version__
from gidgetlambda.app import BODY_LIMIT, MISCONFIGURED, NOT_AUTHENTICATED, UNAVAILABLE
from gidgetlambda.task import Task

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.server import serve as serve_sandbox
from infra.sandbox.webhooks import sign
from infra.testing.stack import FunctionStack
from tests.event_payloads import EventPayload, outside_payloads, own_payloads
from tests.handler import payloads
from tests.handler.doors import DOORS, Door

SIGNING_TOKEN = "whsec_" + base64.b64encode(b"not a secret, only a test's key!").decode()
OTHER_SIGNING_TOKEN = "whsec_" + base64.b64encode(b"another key, of yet another hook").decode()
SECRETS = (SIGNING_TOKEN, "hook-secret", "previous-secret", BOT_TOKEN)
TRUST = httpx.create_ssl_context()
ISSUE = json.dumps(payloads.issue() | {"title": "é"}, ensure_ascii=False).encode()

http_api = DOORS["HTTP API"]

Pairs = list[tuple[str, str]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as instance, serve_sandbox(instance):
        yield instance


@pytest.fixture
def bot(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> GitLabBot:
    """A bot without handlers that accepts the token "hook-secret"."""
    monkeypatch.setenv("GL_SECRET", "hook-secret")
    monkeypatch.setenv("GL_ACCESS_TOKEN", BOT_TOKEN)
    monkeypatch.setenv("GL_URL", sandbox.url)
    return GitLabBot("tester", ssl_context=TRUST)


@pytest.fixture
def client(bot: GitLabBot) -> Iterator[httpx.Client]:
    with http_api(bot) as client:
        yield client


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    return DOORS[request.param]


def headers(event: str | None = "Issue Hook", **more: str) -> Pairs:
    named = {"Content-Type": "application/json", **({"X-Gitlab-Event": event} if event else {})}
    return list((named | {name.replace("_", "-"): value for name, value in more.items()}).items())


def tokened(token: str = "hook-secret", **more: str) -> Pairs:
    return headers(X_Gitlab_Token=token, **more)


def signed(
    signing_token: str = SIGNING_TOKEN, *, body: bytes = ISSUE, age: int = 0, **more: str
) -> Pairs:
    timestamp = str(int(time.time()) - age)
    return headers(
        webhook_id="delivery-1",
        webhook_timestamp=timestamp,
        webhook_signature=sign(signing_token, "delivery-1", timestamp, body),
        **more,
    )


# The table of answers


TOKEN = {"GL_SECRET": "hook-secret"}
ROTATING = TOKEN | {"GL_SECRET_PREVIOUS": "previous-secret"}
SIGNING = {"GL_SIGNING_TOKEN": SIGNING_TOKEN}
BOTH = TOKEN | SIGNING


@dataclass(frozen=True)
class AnswerRow:
    """A row of the table: the settings, the delivery and the answer."""

    name: str
    settings: dict[str, str]
    headers: Callable[[], Pairs]  # called by the test, because a signature is short-lived
    status: int
    answer: str
    body: bytes = ISSUE
    because: str = ""


# The rows that depend on how the headers and the body arrive.
ROWS_FOR_EVERY_DOOR = [
    AnswerRow("signed", BOTH, signed, 200, "ignored"),
    AnswerRow("wrong signature", BOTH, lambda: signed(body=b"{}"), 401, "refused"),
    AnswerRow("signature twice", BOTH, lambda: [*signed(), signed()[-1]], 401, "refused"),
    AnswerRow("id twice", BOTH, lambda: [*signed(), ("webhook-id", "delivery-1")], 401, "refused"),
    AnswerRow("token", BOTH, tokened, 200, "ignored"),
    AnswerRow("non-ASCII token", BOTH, lambda: tokened("hook-sécret"), 401, "refused"),
    AnswerRow("token twice", BOTH, lambda: [*tokened(), ("X-Gitlab-Token", "hook-secret")], 401,
              "refused"),
    AnswerRow("nothing sent", BOTH, list, 401, "refused", body=b""),
    AnswerRow("no body", BOTH, tokened, 400, "refused", body=b""),
    AnswerRow("content type twice", BOTH,
              lambda: [*tokened(), ("Content-Type", "application/json")], 415, "refused"),
    AnswerRow("too large", BOTH, tokened, 413, "refused", body=b" " * (BODY_LIMIT + 1)),
]  # fmt: skip

ROWS = [
    AnswerRow("signed, wrong token", BOTH, lambda: signed(X_Gitlab_Token="no"), 200, "ignored"),
    AnswerRow("signed with another key", BOTH,
              lambda: signed(OTHER_SIGNING_TOKEN, X_Gitlab_Token="hook-secret"), 401, "refused",
              because="webhook-signature does not match"),
    AnswerRow("signed long ago", BOTH, lambda: signed(age=1000, X_Gitlab_Token="hook-secret"), 401,
              "refused", because="webhook-timestamp is more than 300 s from the current time"),
    AnswerRow("signed, only a token set", TOKEN,
              lambda: signed(OTHER_SIGNING_TOKEN, X_Gitlab_Token="hook-secret"), 200, "ignored"),
    AnswerRow("signed, only a signing token set", SIGNING, signed, 200, "ignored"),
    AnswerRow("token, only a secret token set", TOKEN, tokened, 200, "ignored"),
    AnswerRow("previous token", ROTATING, lambda: tokened("previous-secret"), 200, "ignored"),
    AnswerRow("token, only a signing token set", SIGNING, tokened, 401, "refused",
              because="the delivery is not signed"),
    AnswerRow("wrong token", ROTATING, lambda: tokened("no"), 401, "refused",
              because="X-Gitlab-Token does not match"),
    AnswerRow("token missing", TOKEN, headers, 401, "refused",
              because="X-Gitlab-Token is missing"),
    AnswerRow("nothing set", {}, tokened, 503, "misconfigured",
              because="set GL_SIGNING_TOKEN or GL_SECRET"),
    AnswerRow("malformed signing token set", TOKEN | {"GL_SIGNING_TOKEN": "whsec_!"}, tokened, 503,
              "misconfigured", because="GL_SIGNING_TOKEN must be base64"),
    AnswerRow("no event", TOKEN, lambda: headers(None, X_Gitlab_Token="hook-secret"), 400,
              "refused", because="X-Gitlab-Event is missing"),
    AnswerRow("malformed JSON", TOKEN, tokened, 400, "refused", body=b'{"a": '),
    AnswerRow("JSON other than an object", TOKEN, tokened, 400, "refused", body=b'["a"]'),
    AnswerRow("a form", TOKEN, lambda: tokened(Content_Type="application/x-www-form-urlencoded"),
              415, "refused", body=b"payload=%7B%7D"),
    AnswerRow("just not too large", TOKEN, tokened, 200, "ignored",
              body=ISSUE + b" " * (BODY_LIMIT - len(ISSUE))),
    AnswerRow("no handler", TOKEN, tokened, 200, "ignored",
              because="no handler is registered for 'Issue Hook'"),
]  # fmt: skip


# Strangers receive these answers, so the reason is only in the log.
GENERIC = {"misconfigured": MISCONFIGURED, "unavailable": UNAVAILABLE}


def check_answer(row: AnswerRow, client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    sent = httpx.Headers(row.headers(), encoding="utf-8")
    answer = client.post("/webhook", headers=sent, content=row.body)
    result = (row.name, answer.status_code, answer.json()["status"])
    assert result == (row.name, row.status, row.answer)
    assert answer.headers["content-type"] == "application/json"
    (record,) = records(caplog, "delivery")
    assert row.because in record["because"]
    generic = NOT_AUTHENTICATED if row.status == 401 else GENERIC.get(row.answer)
    assert answer.json()["because"] == (generic or record["because"])
    assert answer.json().get("delivery") == record.get("delivery")
    assert len(answer.content) < 2000
    assert not any(secret in answer.text for secret in SECRETS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_table_of_answers(
    row: AnswerRow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in row.settings.items():
        monkeypatch.setenv(name, value)
    with http_api(GitLabBot("tester")) as client:
        check_answer(row, client, caplog)


def test_table_of_answers_through_every_door(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in BOTH.items():
        monkeypatch.setenv(name, value)
    with door(GitLabBot("tester")) as client:
        for row in ROWS_FOR_EVERY_DOOR:
            check_answer(row, client, caplog)


def test_runs_handlers_through_every_door(door: Door, bot: GitLabBot, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")

    @bot.router.register("Issue Hook", action="open")
    async def greets(event: Event, gl: GitLabAPI) -> None:
        await gl.reply(event, f"Hello {event.data['title']}")

    @bot.router.register("Issue Hook", action="open")
    async def fails(event: Event, gl: GitLabAPI) -> None:
        raise ValueError(f"no {gl.access_token}")

    @bot.router.register("Issue Hook", action="close")
    async def never(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    body = json.dumps(payloads.issue(iid=issue.iid) | {"title": "é"}, ensure_ascii=False)
    with door(bot) as client:
        answer = client.post("/webhook", headers=tokened(webhook_id="d1"), content=body)
        health = client.get("/health")
    greeting, failing, _ = (route.name for route in bot.router.routes)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "failed",
        "delivery": "d1",
        "handlers": {greeting: "done", failing: "failed: ValueError: no ***"},
    }
    assert [note.body.splitlines()[0] for note in issue.notes] == ["Hello é"]
    assert (health.status_code, health.json()) == (200, {"status": "ok", "version": __version__})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/", 200),
        ("GET", "/health", 200),
        ("GET", "/", 405),
        ("GET", "/webhook", 405),
        ("PUT", "/webhook", 405),
        ("POST", "/health", 405),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("POST", "/elsewhere", 404),
        ("POST", "/webhook/", 404),
    ],
)
def test_routes(method: str, path: str, status: int, client: httpx.Client) -> None:
    answer = client.request(method, path, headers=tokened(), content=ISSUE)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"


def test_ignores_the_bots_own_event(bot: GitLabBot, client: httpx.Client) -> None:
    @bot.router.register("Issue Hook")
    async def takes_others(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    own = payloads.issue() | {"user": {"id": 4, "username": "playground-bot"}}
    answer = client.post("/", headers=tokened(), json=own)
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert "the bot's own event" in str(answer.json()["handlers"])


def test_says_why_each_handler_ignores_a_delivery(bot: GitLabBot, client: httpx.Client) -> None:
    @bot.router.register("Issue Hook", action="close")
    async def closed(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    @bot.router.register("Issue Hook", title="something else")
    async def titled(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    # Anybody may paste the bot's token into an issue, and the hook's owner sees the answer.
    body = json.dumps(payloads.issue(title=f"{BOT_TOKEN} \ud800"))
    answer = client.post("/", headers=tokened(), content=body)
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert "closed: action is 'open', not 'close'; " in answer.json()["because"]
    assert "titled: title is '***" in answer.json()["because"]
    assert BOT_TOKEN not in answer.text


def test_queues_a_renamed_handler_under_its_first_name(
    stack: FunctionStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack.environment("ReceiveFunction").items():
        monkeypatch.setenv(name, value)
    bot = GitLabBot("tester")

    @bot.router.register("Issue Hook", name="present", formerly="first")
    async def takes_issues(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    with http_api(bot) as client:
        answer = client.post("/", headers=tokened("the-webhook-secret"), content=ISSUE)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.json()["handlers"] == ["present"]
    (message,) = stack.sqs.messages(stack.queue())
    task = Task.decode(message.body)
    first = Task(task.event, "first", task.received)
    assert task.handler == "present"
    assert (message.group, message.deduplication_id) == (first.group, first.deduplication_id)


@pytest.fixture
def handled(bot: GitLabBot) -> list[str]:
    """The types of the events that a handler of the bot has received."""
    received: list[str] = []

    @bot.router.register("*", from_self=True)
    async def takes_all(event: Event, gl: GitLabAPI) -> None:
        received.append(event.event)

    return received


def check_runs_handler(client: httpx.Client, handled: list[str], payload: EventPayload) -> None:
    handled.clear()
    sent = headers(payload.event, X_Gitlab_Token="hook-secret")
    answer = client.post("/", headers=sent, content=payload.body)
    result = (payload.name, answer.status_code, answer.json()["status"])
    assert result == (payload.name, 200, "done")
    assert handled == [payload.event]


@pytest.mark.parametrize("payload", own_payloads(), ids=str)
def test_runs_a_handler_for_each_payload(
    client: httpx.Client, handled: list[str], payload: EventPayload
) -> None:
    check_runs_handler(client, handled, payload)


def test_runs_a_handler_for_each_outside_payload(client: httpx.Client, handled: list[str]) -> None:
    for payload in outside_payloads():
        check_runs_handler(client, handled, payload)


# Settings


@pytest.mark.parametrize("queue_url", ["", "https://sqs.eu-west-1.amazonaws.com/1/tasks.fifo"])
def test_names_every_missing_setting_at_once(
    queue_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("QUEUE_URL", queue_url)
    with http_api(GitLabBot("tester")) as client:
        assert client.post("/", headers=tokened(), content=ISSUE).status_code == 503
    (record,) = records(caplog, "delivery")
    assert record["levelno"] == logging.ERROR
    assert "GL_SECRET" in record["because"]
    assert ("GL_ACCESS_TOKEN" in record["because"]) is not bool(queue_url)


def test_needs_an_access_token_only_when_a_handler_matches(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GL_SECRET", "hook-secret")
    bot = GitLabBot("tester")

    @bot.router.register("Issue Hook")
    async def takes_issues(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    with http_api(bot) as client:
        issue = client.post("/", headers=tokened(), content=ISSUE)
        push = client.post("/", headers=headers("Push Hook", X_Gitlab_Token="hook-secret"), json={})
    assert (issue.status_code, issue.json()["status"]) == (503, "misconfigured")
    assert "set GL_ACCESS_TOKEN" in records(caplog, "delivery")[0]["because"]
    assert (push.status_code, push.json()["status"]) == (200, "ignored")


# The log


def records(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    return [record.__dict__ for record in caplog.records if record.message == message]


def test_logs_each_delivery_and_each_task(
    bot: GitLabBot, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    @bot.router.register("Issue Hook")
    async def handler(event: Event, gl: GitLabAPI) -> None:
        pass

    answer = client.post("/", headers=tokened(webhook_id="d1"), content=ISSUE)
    client.post("/", headers=tokened("wrong"), content=ISSUE)
    assert answer.json()["status"] == "done"
    accepted, refused = records(caplog, "delivery")
    assert (accepted["delivery"], accepted["event"]) == ("d1", "Issue Hook")
    assert accepted["project"] == "demo/playground"
    assert list(accepted["handlers"]) == [route.name for route in bot.router.routes]
    assert (accepted["outcome"], accepted["status"]) == ("done", 200)
    assert accepted["milliseconds"] >= 0
    assert (refused["outcome"], refused["status"]) == ("refused", 401)
    assert "X-Gitlab-Token" in refused["because"]
    (task,) = records(caplog, "task")
    assert (task["delivery"], task["handler"]) == ("d1", bot.router.routes[0].name)
    assert (task["outcome"], task["attempt"]) == ("done", 1)
    assert not any(secret in str(each) for secret in SECRETS for each in (accepted, refused))


def test_logs_each_route_at_debug_level(
    bot: GitLabBot, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")

    @bot.router.register("Issue Hook")
    async def takes_it(event: Event, gl: GitLabAPI) -> None:
        pass

    @bot.router.register("Push Hook")
    async def leaves_it(event: Event, gl: GitLabAPI) -> None:
        pass

    with http_api(bot) as client:
        client.post("/", headers=tokened(), content=ISSUE)
    takes, leaves = (route.name for route in bot.router.routes)
    logged = [(r["handler"], r["matched"], r["because"]) for r in records(caplog, "route")]
    assert logged == [
        (takes, True, "its conditions hold"),
        (leaves, False, "it takes 'Push Hook'"),
    ]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_warns_once_of_unchecked_signatures(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        client.post("/", headers=signed(X_Gitlab_Token="hook-secret"), content=ISSUE)
    (warning,) = warnings(caplog)
    assert "set GL_SIGNING_TOKEN" in warning


def test_warns_of_unknown_event_types_at_start(caplog: pytest.LogCaptureFixture) -> None:
    bot = GitLabBot("tester")

    @bot.router.register("Issues Hook", "Issue Hook", "*", "Xyz")
    async def handler(event: Event, gl: GitLabAPI) -> None: ...

    assert bot.app
    resembling, unknown = warnings(caplog)
    assert "'Issues Hook'" in resembling
    assert "'Issue Hook'" in resembling
    assert "'Xyz'" in unknown


# Connections


@pytest.mark.anyio
async def test_answers_400_when_the_client_disconnects(bot: GitLabBot) -> None:
    sent: list[Any] = []
    messages = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in tokened()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw, "query_string": b""}
    await bot.app(scope, receive, send)
    assert sent[0]["status"] == 400


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("own", "status"),
    [
        ({}, 401),
        ({"X-Gitlab-Token": "wrong"}, 401),
        ({"webhook-signature": "v1,aaaa", "webhook-id": "1", "webhook-timestamp": "1"}, 401),
        ({"webhook-signature": "nonsense", "webhook-id": "1"}, 401),
        ({"X-Gitlab-Token": "hook-secret"}, 408),
    ],
)
async def test_reads_no_body_that_the_headers_refuse(
    bot: GitLabBot, monkeypatch: pytest.MonkeyPatch, own: dict[str, str], status: int
) -> None:
    """The body never ends, and only the delivery with the right token waits for it."""
    monkeypatch.setenv("GL_SIGNING_TOKEN", SIGNING_TOKEN)
    monkeypatch.setattr("gidgetlambda.app.BODY_TIME", 0.05)
    sent: list[Any] = []
    reads = 0

    async def receive() -> Any:
        nonlocal reads
        reads += 1
        if reads > 1:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": b"{", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in [*headers(), *own.items()]]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw, "query_string": b""}
    await bot.app(scope, receive, send)
    assert sent[0]["status"] == status
    assert (reads > 0) == (status == 408)


def test_health_answers_head_like_get(client: httpx.Client) -> None:
    got, headed = client.get("/health"), client.head("/health")
    assert (headed.status_code, headed.headers) == (got.status_code, got.headers)


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        (tokened(), {"Received", "Accepted", "Ignored"}),
        (tokened("wrong"), {"Received", "Refused"}),
        (headers(None), None),
    ],
)
def test_writes_one_line_of_metrics_for_each_delivery_of_gitlab(
    bot: GitLabBot,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sent: Pairs,
    counted: set[str] | None,
) -> None:
    monkeypatch.setenv("METRICS_NAMESPACE", "Bots")
    with http_api(bot) as client:
        client.post("/", headers=sent, content=ISSUE)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [{name for name, value in line.items() if value == 1} for line in lines]
    assert found == ([] if counted is None else [counted])


# The event type


def test_runs_no_handler_if_the_event_type_was_changed(
    bot: GitLabBot, client: httpx.Client, handled: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    sent = headers("System Hook", X_Gitlab_Token="hook-secret")
    answer = client.post("/", headers=sent, content=ISSUE)
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert "GitLab sends no 'issue' payload as 'System Hook'" in answer.json()["because"]
    assert any("was changed" in warning for warning in warnings(caplog))
    assert handled == []
