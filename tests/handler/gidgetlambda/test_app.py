import base64
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from gidgetlambda import Event, GitLabAPI, GitLabBot, __version__
from gidgetlambda.app import BODY_LIMIT

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.server import serve as serve_sandbox
from infra.sandbox.webhooks import sign
from infra.testing.server import serve
from tests.handler import payloads
from tests.handler.doors import FUNCTION_DOORS, Answer, Door, Pairs, http_doors

SIGNING_TOKEN = "whsec_" + base64.b64encode(b"not a secret, only a test's key!").decode()
OTHER_SIGNING_TOKEN = "whsec_" + base64.b64encode(b"another key, of yet another hook").decode()
SECRETS = (SIGNING_TOKEN, "hook-secret", "previous-secret", BOT_TOKEN)
TRUST = httpx.create_ssl_context()
ISSUE = json.dumps(payloads.issue() | {"title": "é"}, ensure_ascii=False).encode()

SHARED = Path(__file__).parents[4] / "shared" / "payloads"
needs_payloads = pytest.mark.skipif(
    not SHARED.is_dir(), reason="shared/payloads is not beside this checkout"
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as instance, serve_sandbox(instance):
        yield instance


@pytest.fixture(scope="module")
def over_http() -> Iterator[Door]:
    with http_doors() as door:
        yield door


@pytest.fixture(params=["HTTP", *FUNCTION_DOORS])
def door(request: pytest.FixtureRequest, over_http: Door) -> Door:
    return over_http if request.param == "HTTP" else FUNCTION_DOORS[request.param]


@pytest.fixture
def bot(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> GitLabBot:
    """A bot that takes the token "hook-secret" and has no handler yet."""
    monkeypatch.setenv("GL_SECRET", "hook-secret")
    monkeypatch.setenv("GL_ACCESS_TOKEN", BOT_TOKEN)
    monkeypatch.setenv("GL_URL", sandbox.url)
    return GitLabBot("tester", ssl_context=TRUST)


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
class Row:
    """One row: what is configured, what arrives, and the answer."""

    name: str
    configured: dict[str, str]
    arrives: Pairs
    status: int
    answer: str
    body: bytes = ISSUE
    because: str = ""
    more: dict[str, Any] = field(default_factory=dict)


ROWS = [
    Row("signed and right", SIGNING, signed(), 200, "ignored"),
    Row("signed and right, token missing", BOTH, signed(), 200, "ignored"),
    Row("signed and right, token wrong", BOTH, signed(X_Gitlab_Token="no"), 200, "ignored"),
    Row("either key", {"GL_SIGNING_TOKEN": f"{OTHER_SIGNING_TOKEN} {SIGNING_TOKEN}"}, signed(), 200,
        "ignored"),
    Row("signed and wrong", BOTH, signed(OTHER_SIGNING_TOKEN), 401, "refused",
        because="the signature is not of the configured signing token"),
    Row("signed and wrong, token right", BOTH,
        signed(OTHER_SIGNING_TOKEN, X_Gitlab_Token="hook-secret"), 401, "refused"),
    Row("signed and stale", BOTH, signed(age=1000, X_Gitlab_Token="hook-secret"), 401, "refused",
        because="is the clock right?"),
    Row("signed and of tomorrow", BOTH, signed(age=-90_000), 401, "refused"),
    Row("signed, another body", SIGNING, signed(body=b"{}"), 401, "refused"),
    Row("signed, only a token configured", TOKEN,
        signed(OTHER_SIGNING_TOKEN, X_Gitlab_Token="hook-secret"), 200, "ignored"),
    Row("signed, only a token configured, and it is wrong", TOKEN,
        signed(X_Gitlab_Token="no"), 401, "refused"),
    Row("token right", TOKEN, tokened(), 200, "ignored"),
    Row("token right, both configured", BOTH, tokened(), 200, "ignored"),
    Row("previous token", ROTATING, tokened("previous-secret"), 200, "ignored"),
    Row("token wrong", ROTATING, tokened("no"), 401, "refused",
        because="X-Gitlab-Token is not the configured secret token"),
    Row("token beyond ASCII", TOKEN, tokened("hook-sécret"), 401, "refused"),
    Row("token missing", TOKEN, headers(), 401, "refused", because="X-Gitlab-Token is missing"),
    Row("token twice", TOKEN, [*tokened(), ("X-Gitlab-Token", "hook-secret")], 401, "refused"),
    Row("signature twice", SIGNING, [*signed(), signed()[-1]], 401, "refused"),
    Row("id twice", SIGNING, [*signed(), ("webhook-id", "delivery-1")], 401, "refused"),
    Row("not signed, only a signing token configured", SIGNING, tokened(), 401, "refused",
        because="the delivery is not signed"),
    Row("nothing configured", {}, tokened(), 503, "misconfigured",
        because="set GL_SIGNING_TOKEN or GL_SECRET"),
    Row("nothing configured, nothing sent", {}, [], 503, "misconfigured", body=b""),
    Row("a malformed signing token configured", TOKEN | {"GL_SIGNING_TOKEN": "whsec_!"}, tokened(),
        503, "misconfigured", because="GL_SIGNING_TOKEN must be base64"),
    Row("no event", TOKEN, headers(None, X_Gitlab_Token="hook-secret"), 400, "refused",
        because="X-Gitlab-Event is missing"),
    Row("malformed JSON", TOKEN, tokened(), 400, "refused", body=b'{"a": '),
    Row("no body", TOKEN, tokened(), 400, "refused", body=b""),
    Row("JSON that is no object", TOKEN, tokened(), 400, "refused", body=b'["a"]'),
    Row("JSON that is nested too deeply", TOKEN, tokened(), 400, "refused", body=b"[" * 100_000),
    Row("another content type", TOKEN, tokened(Content_Type="text/plain"), 415, "refused"),
    Row("a form", TOKEN, tokened(Content_Type="application/x-www-form-urlencoded"), 415, "refused",
        body=b"payload=%7B%7D"),
    Row("content type twice", TOKEN, [*tokened(), ("Content-Type", "application/json")], 415,
        "refused"),
    Row("too large", TOKEN, tokened(), 413, "refused", body=b" " * (BODY_LIMIT + 1)),
    Row("as large as it may be", TOKEN, tokened(), 200, "ignored",
        body=ISSUE + b" " * (BODY_LIMIT - len(ISSUE))),
    Row("no handler wants it", TOKEN, tokened(), 200, "ignored",
        because="no handler is registered for 'Issue Hook'"),
    Row("forged before it is malformed", TOKEN, tokened("no", Content_Type="text/plain"), 401,
        "refused", body=b"{"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_table_of_answers(row: Row, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in row.configured.items():
        monkeypatch.setenv(name, value)
    with door(GitLabBot("tester")) as send:
        answer: Answer = send(row.arrives, row.body)
    assert answer.status == row.status
    assert answer.content_type == "application/json"
    assert answer.json["status"] == row.answer
    assert row.because in answer.json["because"]
    assert len(answer.body) < 2000
    assert not any(secret in answer.body.decode() for secret in SECRETS)


@pytest.mark.parametrize("path", ["/", "/webhook"])
def test_handlers_run_and_are_told(door: Door, bot: GitLabBot, sandbox: Sandbox, path: str) -> None:
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

    body = json.dumps(payloads.issue(iid=issue.iid) | {"title": "é"}, ensure_ascii=False).encode()
    with door(bot) as send:
        answer = send(tokened(webhook_id="d1"), body, path=path)
    assert answer.status == 200
    names = [route.name for route in bot.router.routes]
    assert answer.json == {
        "status": "failed",
        "delivery": "d1",
        "handlers": {names[0]: "done", names[1]: "failed: ValueError: no ***"},
    }
    assert [note.body.splitlines()[0] for note in issue.notes] == ["Hello é"]


def test_a_delivery_whose_handlers_are_done_says_so(door: Door, bot: GitLabBot) -> None:
    @bot.router.register("*")
    async def takes_all(event: Event, gl: GitLabAPI) -> None:
        pass

    with door(bot) as send:
        answers = [send(tokened(), ISSUE).json for _ in range(2)]
    assert [answer["status"] for answer in answers] == ["done", "done"]


def test_an_own_event_is_told_as_ignored(door: Door, bot: GitLabBot) -> None:
    @bot.router.register("Issue Hook")
    async def others(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    own = payloads.issue() | {"user": {"id": 4, "username": "playground-bot"}}
    with door(bot) as send:
        answer = send(tokened(), json.dumps(own).encode())
    assert (answer.status, answer.json["status"]) == (200, "ignored")
    assert "the bot's own event" in str(answer.json["handlers"])


def test_health_tells_liveness_and_version_and_no_secret(door: Door, bot: GitLabBot) -> None:
    with door(bot) as send:
        answer = send([], b"", method="GET", path="/health")
    assert answer.status == 200
    assert answer.json == {"status": "ok", "version": __version__}


def test_health_needs_no_setting(door: Door) -> None:
    with door(GitLabBot("tester")) as send:
        assert send([], b"", method="GET", path="/health").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
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
def test_other_routes(door: Door, bot: GitLabBot, method: str, path: str, status: int) -> None:
    with door(bot) as send:
        answer = send(tokened(), ISSUE, method=method, path=path)
    assert answer.status == status
    assert answer.content_type == "application/json"


# Every payload there is


def shared_payloads() -> Iterator[tuple[str, str, bytes]]:
    for index in sorted(SHARED.glob("*.headers.json")):
        folder = SHARED / index.name.removesuffix(".headers.json")
        for name, told in json.loads(index.read_text()).items():
            event, _, legacy = told.partition(" (legacy: ")
            for each in filter(None, (event, legacy.rstrip(")"))):
                yield f"{folder.name}/{name}", each, (folder / name).read_bytes()


@needs_payloads
def test_every_shared_payload_is_taken_and_reaches_a_catch_all(door: Door, bot: GitLabBot) -> None:
    seen: list[str] = []

    @bot.router.register("*", from_self=True)
    async def catches_all(event: Event, gl: GitLabAPI) -> None:
        seen.append(event.event)

    sent = []
    with door(bot) as send:
        for name, event, body in shared_payloads():
            answer = send(headers(event, X_Gitlab_Token="hook-secret"), body)
            assert (name, answer.status, answer.json["status"]) == (name, 200, "done")
            sent.append(event)
    assert seen == sent
    assert len(sent) > 50


def test_the_sandboxs_own_webhooks_are_taken(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real, signed deliveries of every kind that the sandbox sends."""
    monkeypatch.setenv("GL_SIGNING_TOKEN", SIGNING_TOKEN)
    bot = GitLabBot("tester", access_token=BOT_TOKEN, url=sandbox.url, ssl_context=TRUST)
    events: list[str] = []

    @bot.router.register("*")
    async def catches_all(event: Event, gl: GitLabAPI) -> None:
        events.append(event.event)

    with serve(bot.app) as url:
        hook = sandbox.add_hook(f"{url}/webhook", token="another", signing_token=SIGNING_TOKEN)
        issue = sandbox.open_issue("A bug")
        sandbox.comment(issue, "Me too")
        sandbox.award(issue, "thumbsup")
        sandbox.open_issue("A secret", confidential=True)
        sandbox.merge(sandbox.open_merge_request("A change"))
        sandbox.push("main", "A commit")
        sandbox.tag("v1")
        sandbox.settle()
        del sandbox.project.hooks[hook.id]
    assert {event.response_status for event in hook.events} == {"200"}
    assert set(events) == {
        "Issue Hook",
        "Confidential Issue Hook",
        "Note Hook",
        "Emoji Hook",
        "Merge Request Hook",
        "Push Hook",
        "Tag Push Hook",
    }


# Settings


def test_all_that_is_missing_is_named_at_once(
    over_http: Door, caplog: pytest.LogCaptureFixture
) -> None:
    with over_http(GitLabBot("tester")) as send:
        because = send(tokened(), ISSUE).json["because"]
    assert "GL_SECRET" in because
    assert "GL_ACCESS_TOKEN" in because
    (record,) = [record for record in caplog.records if record.message == "delivery"]
    assert record.levelno == logging.ERROR
    assert record.__dict__["because"] == because


def test_what_only_works_elsewhere_is_not_missed_here(
    over_http: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks.fifo")
    with over_http(GitLabBot("tester")) as send:
        assert "GL_ACCESS_TOKEN" not in send(tokened(), ISSUE).json["because"]


def test_without_an_access_token_an_event_that_somebody_wants_is_503(
    over_http: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GL_SECRET", "hook-secret")
    bot = GitLabBot("tester")

    @bot.router.register("Issue Hook")
    async def wants_it(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    with over_http(bot) as send:
        answer = send(tokened(), ISSUE)
        other = send(headers("Push Hook", X_Gitlab_Token="hook-secret"), ISSUE)
    assert (answer.status, answer.json["status"]) == (503, "misconfigured")
    assert "set GL_ACCESS_TOKEN" in answer.json["because"]
    assert (other.status, other.json["status"]) == (200, "ignored")


def test_a_setting_that_is_mended_is_taken_up(
    over_http: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    with over_http(GitLabBot("tester")) as send:
        assert send(tokened(), ISSUE).status == 503
        monkeypatch.setenv("GL_SECRET", "hook-secret")
        assert send(tokened(), ISSUE).status == 200


# What is told


def records(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    return [record.__dict__ for record in caplog.records if record.message == message]


def test_why_no_handler_wanted_it(over_http: Door, bot: GitLabBot) -> None:
    @bot.router.register("Issue Hook", action="close")
    async def closed(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    with over_http(bot) as send:
        because = send(tokened(), ISSUE).json["because"]
    assert because.endswith("closed: action is 'open', not 'close'")


def test_a_delivery_in_the_log(
    over_http: Door, bot: GitLabBot, caplog: pytest.LogCaptureFixture
) -> None:
    @bot.router.register("Issue Hook")
    async def handler(event: Event, gl: GitLabAPI) -> None:
        pass

    with over_http(bot) as send:
        send(tokened(webhook_id="d1"), ISSUE)
        send(tokened("wrong"), ISSUE)
    let_in, refused = records(caplog, "delivery")
    assert (let_in["delivery"], let_in["event"]) == ("d1", "Issue Hook")
    assert let_in["project"] == "demo/playground"
    assert [name.rpartition(".")[2] for name in let_in["handlers"]] == ["handler"]
    assert (let_in["outcome"], let_in["status"]) == ("done", 200)
    assert let_in["milliseconds"] >= 0
    assert (refused["outcome"], refused["status"]) == ("refused", 401)
    assert "X-Gitlab-Token" in refused["because"]
    assert not any(secret in str(each) for secret in SECRETS for each in (let_in, refused))


def test_each_route_is_told_when_debugging(
    over_http: Door,
    bot: GitLabBot,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")

    @bot.router.register("Issue Hook")
    async def takes_it(event: Event, gl: GitLabAPI) -> None:
        pass

    @bot.router.register("Push Hook")
    async def leaves_it(event: Event, gl: GitLabAPI) -> None:
        pass

    with over_http(bot) as send:
        send(tokened(webhook_id="d1"), ISSUE)
    told = {
        r["handler"].rpartition(".")[2]: (r["matched"], r["because"])
        for r in records(caplog, "route")
    }
    assert told == {
        "takes_it": (True, "its conditions hold"),
        "leaves_it": (False, "it takes 'Push Hook'"),
    }


def test_unchecked_signatures_are_told_once(
    over_http: Door, bot: GitLabBot, caplog: pytest.LogCaptureFixture
) -> None:
    with over_http(bot) as send:
        for _ in range(3):
            send(signed(OTHER_SIGNING_TOKEN, X_Gitlab_Token="hook-secret"), ISSUE)
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert [r.getMessage() for r in warnings] == [
        "deliveries are signed and go unchecked: set GL_SIGNING_TOKEN"
    ]


def test_an_event_that_gitlab_does_not_send_is_warned_about_at_start(
    bot: GitLabBot, caplog: pytest.LogCaptureFixture
) -> None:
    for event_type in ("Issues Hook", "Issue Hook", "*", "Xyz"):

        @bot.router.register(event_type)
        async def handler(event: Event, gl: GitLabAPI) -> None:
            pass

    assert bot.app
    assert [record.getMessage() for record in caplog.records] == [
        "GitLab sends no event called 'Issues Hook': did you mean 'Issue Hook'?",
        "GitLab sends no event called 'Xyz'",
    ]


def test_a_secret_in_a_payload_is_not_answered(over_http: Door, bot: GitLabBot) -> None:
    """Somebody pasted the bot's token into an issue; the answer goes to the hook's owner."""

    @bot.router.register("Issue Hook", title="something else")
    async def handler(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    body = json.dumps(payloads.issue(title=f"{BOT_TOKEN} \ud800")).encode()
    with over_http(bot) as send:
        answer = send(tokened(), body)
    assert answer.status == 200
    assert "title is '***" in answer.json["because"]
    assert BOT_TOKEN not in answer.body.decode()


# What only ASGI can do


@pytest.mark.anyio
async def test_a_delivery_that_breaks_off_is_no_crash(bot: GitLabBot) -> None:
    sent: list[Any] = []
    messages = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhook",
        "headers": [],
        "query_string": b"",
    }
    await bot.app(scope, receive, send)
    assert sent[0]["status"] == 400


@pytest.mark.anyio
async def test_deliveries_do_not_wait_for_each_other(bot: GitLabBot) -> None:
    met = anyio.Event()
    waiting = 0

    @bot.router.register("Issue Hook")
    async def meet(event: Event, gl: GitLabAPI) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 5:
            met.set()
        await met.wait()

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(bot.app), base_url="http://bot"
    ) as client:
        answers: list[str] = []

        async def deliver() -> None:
            answer = await client.post("/webhook", headers=tokened(), content=ISSUE)
            answers.append(answer.json()["status"])

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(deliver)
    await bot.aclose()
    assert answers == ["done"] * 5
