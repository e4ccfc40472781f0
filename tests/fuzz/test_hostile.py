"""Hostile deliveries: a few hundred in `make test`, 100,000 in `make fuzz`.

An authentic delivery is never answered with a server error, whatever it contains. A forged delivery
is refused. No answer, log line or request to GitLab contains a secret.
"""

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from gidgetlambda import Event, GitLabAPI, GitLabBot
from gidgetlambda.event_types import EVENT_TYPES, belongs_to
from gidgetlambda.logs import LineFormatter, logger
from gidgetlambda.plugins import needs_review, thanks, thumbs_up, welcome
from gidgetlambda.runtime import Options, Runtime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mangum import Mangum

from infra.testing.events import answer_body, function_url_event, http_api_event, rest_api_event
from tests.fuzz.strategies import (
    ACCESS_TOKEN,
    BODIES,
    EVENT_NAMES,
    OTHER_HEADERS,
    SECRET,
    SECRETS,
    SIGNING_TOKEN,
    TEXT_HEADERS,
    Headers,
    forged_credentials,
    hostile_payloads,
    json_bodies,
    plain_headers,
    signature_headers,
)

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
GITLAB = "https://gitlab.example.com/git"
PROPERTIES = [name for name, kind in vars(Event).items() if isinstance(kind, property)]


def fuzzed(share: float) -> settings:
    """Return the settings for a share of all examples; the short run repeats the same ones."""
    return settings(
        max_examples=max(1, int(EXAMPLES * share)),
        deadline=None,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


class FuzzedRuntime(Runtime):
    """A bot's resources with GitLab in this process: HTTP is too slow for 100,000 deliveries."""

    gitlab: httpx.AsyncBaseTransport

    def _shared(self, *args: Any) -> httpx.AsyncBaseTransport:
        return self.gitlab


@dataclass
class Target:
    """The bot under test, and everything that it shows.

    Attributes:
        ran: The events that reached a handler.
        shown: The log lines, and the requests with the access token in a wrong place.
    """

    loop: asyncio.AbstractEventLoop
    bot: GitLabBot
    ran: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def send(self, headers: Headers, body: bytes) -> tuple[int, bytes]:
        """Send one request as an ASGI server does, and return the answer's status and body."""
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/webhook",
            "raw_path": b"/webhook",
            "query_string": b"",
            "root_path": "",
            "headers": headers,
        }
        self.loop.run_until_complete(self.bot.app(scope, receive, send))
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])

    def invoke(self, event: dict[str, Any]) -> tuple[int, bytes]:
        """Send one request as AWS does, and return the answer's status and body."""
        context: Any = None
        answer = Mangum(self.bot.app, lifespan="off")(json.loads(json.dumps(event)), context)
        return answer["statusCode"], answer_body(answer)

    def require_safe(self, answer: bytes) -> Any:
        """Require that no secret was shown and that the answer is short JSON, and return it."""
        shown = "\n".join((answer.decode("ascii"), *self.shown))
        self.shown.clear()
        for secret in SECRETS:
            assert secret not in shown
        assert len(answer) < 8192
        return json.loads(answer)


class ShownLines(logging.Handler):
    """Keeps log lines as they are written."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target

    def emit(self, record: logging.LogRecord) -> None:
        self._target.shown.append(LineFormatter().format(record))


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    bot = GitLabBot("tester")
    options = Options(secret=SECRET, access_token=ACCESS_TOKEN, url=GITLAB)
    bot.runtime = runtime = FuzzedRuntime(bot.requester, bot.router, options)
    bot.register_routers(welcome.router, thanks.router, thumbs_up.router, needs_review.router)
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        target = Target(runner.get_loop(), bot)
        register_handlers(bot, target)
        runtime.gitlab = httpx.MockTransport(gitlab_answers(target))
        for name in tuple(os.environ):
            if name.startswith(("GL_", "QUEUE_URL")):
                patch.delenv(name)
        patch.setenv("GL_SIGNING_TOKEN", SIGNING_TOKEN)
        patch.setenv("LOG_LEVEL", "DEBUG")
        patch.setattr(logger, "handlers", [ShownLines(target)])
        patch.setattr(logger, "propagate", False)
        level = logger.level
        yield target
        logger.setLevel(level)
        runner.run(runtime.gitlab.aclose())


def gitlab_answers(target: Target) -> Any:
    """Return a GitLab that accepts every request, and requires that it is sent to the instance."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert str(request.url).startswith(f"{GITLAB}/api/v4/")
        assert request.headers.pop("authorization") == f"Bearer {ACCESS_TOKEN}"
        if ACCESS_TOKEN in f"{request.url} {request.headers}":
            target.shown.append(f"{request.url} {request.headers}")
        if request.url.path.endswith("/user"):
            return httpx.Response(200, json={"id": 4, "username": "the-bot", "bot": True})
        if request.method == "GET" and request.url.path.endswith(("/notes", "/discussions")):
            return httpx.Response(200, json=[])
        return httpx.Response(201, json={"id": 1, "username": "alice"})

    return answer


def register_handlers(bot: GitLabBot, target: Target) -> None:
    """Register handlers that read everything, write everything they can, and fail."""

    @bot.router.register("*", from_self=True)
    async def reads_every_property(event: Event, gl: GitLabAPI) -> None:
        target.ran.append(event.event)
        assert repr(event)
        for name in PROPERTIES:
            try:
                getattr(event, name)
            except AttributeError:
                assert name == "project_id"

    @bot.router.register("*", from_self=True)
    async def answers(event: Event, gl: GitLabAPI) -> None:
        if event.target_path is not None:
            await gl.reply(event, f"{event.username} {event.labels} {event.action}")
            await gl.comment(event.target_path, str(event.kind), update=True)
        if event.awardable_path is not None:
            await gl.react(event, "eyes")

    @bot.router.register("*", from_self=True)
    async def fails_with_secrets(event: Event, gl: GitLabAPI) -> None:
        raise ValueError(f"{event.data} {gl.access_token} {SECRET}")

    @bot.router.register("*", action={"open", "update"}, title="x", iid=[1, 2, (3,)])
    @bot.router.register("*", note="x", labels=[], user={"id": 1})
    async def has_filters(event: Event, gl: GitLabAPI) -> None:
        pass

    @bot.router.register("*", when=lambda event: event.data["object_attributes"]["id"] > 0)
    async def has_a_careless_condition(event: Event, gl: GitLabAPI) -> None:
        pass


@fuzzed(0.35)
@given(event=EVENT_NAMES, body=BODIES, others=OTHER_HEADERS, signed=st.booleans())
def test_an_authentic_delivery_is_never_a_server_error(
    target: Target, event: bytes, body: bytes, others: Headers, signed: bool
) -> None:
    if signed:
        credentials = signature_headers(body)
        others = [pair for pair in others if pair[0] not in (b"webhook-id", b"webhook-timestamp")]
    else:
        credentials = [(b"x-gitlab-token", SECRET.encode())]
    status, answer = target.send([*plain_headers(event), *credentials, *others], body)
    assert status in (200, 400, 415), answer
    target.require_safe(answer)


@fuzzed(0.25)
@given(event=st.sampled_from(EVENT_TYPES), payload=hostile_payloads())
def test_an_authentic_json_object_reaches_the_handlers(
    target: Target, event: str, payload: Any
) -> None:
    target.ran.clear()
    headers = [*plain_headers(event.encode()), (b"x-gitlab-token", SECRET.encode())]
    status, answer = target.send(headers, json.dumps(payload).encode())
    shown = target.require_safe(answer)
    if not belongs_to(Event(payload, event=event).kind, event):
        assert (status, shown["status"], target.ran) == (200, "ignored", [])
        return
    handlers = shown["handlers"]
    assert (status, target.ran) == (200, [event]), answer
    outcomes = {name.rpartition(".")[2]: outcome for name, outcome in handlers.items()}
    assert outcomes["reads_every_property"] == outcomes["answers"] == "done"


@fuzzed(0.25)
@given(data=st.data(), event=EVENT_NAMES, body=BODIES)
def test_a_forged_delivery_is_refused(
    target: Target, data: st.DataObject, event: bytes, body: bytes
) -> None:
    target.ran.clear()
    credentials = data.draw(forged_credentials(body))
    status, answer = target.send([*plain_headers(event), *credentials], body)
    assert status == 401, answer
    assert target.require_safe(answer)["status"] == "refused"
    assert target.ran == []


@fuzzed(0.15)
@given(
    build=st.sampled_from([http_api_event, rest_api_event, function_url_event]),
    encoded=st.booleans(),
    token=st.sampled_from([SECRET, "wrong"]),
    event=st.sampled_from(EVENT_TYPES),
    body=json_bodies(),
    others=TEXT_HEADERS,
)
def test_an_invocation_by_aws_is_never_a_server_error(
    target: Target,
    build: Any,
    encoded: bool,
    token: str,
    event: str,
    body: bytes,
    others: list[tuple[str, str]],
) -> None:
    headers = [
        ("Content-Type", "application/json"),
        ("X-Gitlab-Event", event),
        ("X-Gitlab-Token", token),
        *others,
    ]
    try:
        body.decode()
    except UnicodeDecodeError:
        encoded = True
    status, answer = target.invoke(build("POST", "/webhook", headers, body, encoded=encoded))
    assert status in ((200, 400) if token == SECRET else (401,)), answer
    target.require_safe(answer)
