"""Hostile deliveries, generated: a few hundred in `make test`, 100,000 in `make fuzz`.

Whatever an authentic delivery holds, the answer is no server error; a forged one is refused; and
neither an answer, nor a log line, nor a request to GitLab shows a secret.
"""

import asyncio
import base64
import copy
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from gidgetlambda import Event, GitLabAPI, GitLabBot
from gidgetlambda.logs import LineFormatter, logger
from gidgetlambda.plugins import needs_review, thanks, thumbs_up, welcome
from gidgetlambda.router import EVENT_TYPES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.sandbox.webhooks import sign
from infra.testing.events import function_url_event, http_api_event, rest_api_event
from tests.handler import payloads
from tests.handler.doors import function_door

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
SECRET = "hook-secret-token"
ACCESS_TOKEN = "glpat-obviously-fake"
SIGNING_TOKEN = "whsec_" + base64.b64encode(b"not a secret, only a test's key!").decode()
OTHER_SIGNING_TOKEN = "whsec_" + base64.b64encode(b"another key, of yet another hook").decode()
SECRETS = (SECRET, ACCESS_TOKEN, SIGNING_TOKEN)
GITLAB = "https://gitlab.example.com/git"
PROPERTIES = [name for name, kind in vars(Event).items() if isinstance(kind, property)]


def fuzzed(share: float) -> settings:
    """A share of all examples; the short form tries the same ones each time."""
    return settings(
        max_examples=max(1, int(EXAMPLES * share)),
        deadline=None,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# What is sent

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.sampled_from(
        [
            *SECRETS,
            "../../../user",
            "1/../../user",
            "https://evil.example/",
            "@all",
            "/close",
            "x" * 5000,
            "\ud800",
            "\x00",
            "a\nINFO task outcome=done",
            "<!-- gidgetlambda 0123456789abcdef0123456789abcdef -->",
            "{username}",
            "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
            "issue",
            "note",
            "merge_request",
            "emoji",
            "pipeline",
            "open",
        ]
    ),
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([10**400, -(10**4000), 2**64, 0, -1, 1e308]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
KEYS = st.one_of(
    st.sampled_from(
        ["id", "iid", "title", "action", "note", "labels", "user", "issue", "username"]
    ),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
SHAPES: list[Callable[[], Any]] = [
    payloads.issue,
    payloads.merge_request,
    lambda: payloads.merge_request("merge"),
    payloads.note,
    lambda: payloads.note(merge_request={"iid": 7, "author_id": 2, "labels": [{"title": "a"}]}),
    lambda: payloads.note(commit={"id": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"}),
    lambda: payloads.note(snippet={"id": 5}),
    lambda: payloads.note(issue={"iid": 1}, note={"id": 5}) | {"object_kind": "emoji"},
    payloads.push,
    lambda: {"object_kind": "pipeline", "project": {"id": 1}, "merge_request": {"iid": 1}},
    lambda: (
        payloads.issue("update")
        | {"changes": {"labels": {"previous": [{"title": "a"}], "current": [{"title": "b"}]}}}
    ),
]


@st.composite
def hostile_payloads(draw: st.DrawFn) -> Any:
    """A payload in one of GitLab's shapes with some parts replaced, removed or added."""
    payload = draw(st.sampled_from(SHAPES))()
    for _ in range(draw(st.integers(0, 4))):
        part = payload
        while True:
            key = draw(st.one_of(st.sampled_from(sorted(part)), KEYS) if part else KEYS)
            inner = part.get(key)
            if not isinstance(inner, dict) or draw(st.booleans()):
                break
            part = inner
        if draw(st.booleans()):
            part.pop(key, None)
        else:
            part[key] = copy.deepcopy(draw(VALUES))
    return payload


@st.composite
def json_bodies(draw: st.DrawFn) -> bytes:
    """A payload as JSON, with what Python would not write: deep nesting and keys that repeat."""
    text = json.dumps(draw(hostile_payloads()), ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 9)) == 0:
        key = draw(st.sampled_from(["object_attributes", "project", "user", "deep"]))
        depth = draw(st.sampled_from([1, 50, 500, 900, 5000]))
        opening, closing = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
        value = opening * depth + "1" + closing * depth
        text = (
            f'{{"{key}": {value}, {text[1:]}'
            if draw(st.booleans())
            else (f'{text[:-1]}, "{key}": {value}}}')
        )
    return text.encode("utf-8", "surrogatepass")


BROKEN_BODIES = st.one_of(
    st.binary(max_size=200),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            b"",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"a": ' + b"9" * 10_000 + b"}",
            b'{"a": NaN}',
            b'{"object_attributes": null, "project": null, "user": null}',
            b'{"user": {"id": 1e400}}',
            b"\xff\xfe{}",
            b"\xef\xbb\xbf{}",
        ]
    ),
)
BODIES = st.one_of(json_bodies(), json_bodies(), json_bodies(), BROKEN_BODIES)

HEADER_VALUES = st.one_of(
    st.binary(max_size=30),
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"", b"x" * 20_000, b"a,a", b"\xe9", "é".encode(), SECRET.encode()]),
)
EVENT_NAMES = st.one_of(
    st.sampled_from([name.encode() for name in EVENT_TYPES]),
    st.sampled_from([name.encode() for name in EVENT_TYPES]),
    HEADER_VALUES,
)
OTHER_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"webhook-id",
                b"webhook-timestamp",
                b"idempotency-key",
                b"x-gitlab-webhook-uuid",
                b"x-gitlab-event-uuid",
                b"x-gitlab-instance",
                b"user-agent",
                b"x-gitlab-event",
                b"content-type",
                b"\xff",
                b"",
            ]
        ),
        HEADER_VALUES,
    ),
    max_size=4,
)

Headers = list[tuple[bytes, bytes]]


def plain_headers(event: bytes) -> Headers:
    return [(b"content-type", b"application/json"), (b"x-gitlab-event", event)]


def signature_headers(body: bytes, signing_token: str = SIGNING_TOKEN) -> Headers:
    timestamp = str(int(time.time()))
    return [
        (b"webhook-id", b"delivery-1"),
        (b"webhook-timestamp", timestamp.encode()),
        (b"webhook-signature", sign(signing_token, "delivery-1", timestamp, body).encode()),
    ]


# Whom it is sent to


@dataclass
class World:
    """A bot with every kind of handler, a GitLab that answers anything, and what they showed."""

    loop: asyncio.AbstractEventLoop
    bot: GitLabBot
    ran: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def send(self, headers: Headers, body: bytes) -> tuple[int, bytes]:
        """One request, as an ASGI server hands it on."""
        return self.loop.run_until_complete(self._send(headers, body))

    async def _send(self, headers: Headers, body: bytes) -> tuple[int, bytes]:
        sent: list[Any] = []
        received = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return received.pop()

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
        await self.bot.app(scope, receive, send)
        answer = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], answer

    def assert_no_secret_was_shown(self, answer: bytes) -> None:
        told = "\n".join((answer.decode("ascii"), *self.shown))
        self.shown.clear()
        for secret in SECRETS:
            assert secret not in told


class FuzzedBot(GitLabBot):
    """Speaks to a GitLab in this process: 100,000 deliveries take too long otherwise."""

    gitlab: httpx.AsyncClient

    def _shared_client(self, purpose: str, **options: Any) -> httpx.AsyncClient:
        return self.gitlab


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    loop = asyncio.new_event_loop()
    bot = FuzzedBot("tester", secret=SECRET, access_token=ACCESS_TOKEN, url=GITLAB)
    world = World(loop, bot)

    def gitlab(request: httpx.Request) -> httpx.Response:
        assert str(request.url).startswith(f"{GITLAB}/api/v4/")
        assert request.headers.pop("authorization") == f"Bearer {ACCESS_TOKEN}"
        if ACCESS_TOKEN in f"{request.url} {request.headers}":
            world.shown.append(str(request.headers))
        if request.url.path.endswith("/user"):
            return httpx.Response(200, json={"id": 4, "username": "the-bot", "bot": True})
        if request.method == "GET" and request.url.path.endswith(("/notes", "/discussions")):
            return httpx.Response(200, json=[])
        return httpx.Response(201, json={"id": 1, "username": "alice"})

    bot.gitlab = httpx.AsyncClient(transport=httpx.MockTransport(gitlab))
    bot.register_routers(welcome.router, thanks.router, thumbs_up.router, needs_review.router)
    register(bot, world)

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            world.shown.append(LineFormatter().format(record))

    keeper = Keeper()
    with pytest.MonkeyPatch.context() as environment:
        for name in tuple(os.environ):
            if name.startswith(("GL_", "QUEUE_URL")):
                environment.delenv(name)
        environment.setenv("GL_SIGNING_TOKEN", SIGNING_TOKEN)
        environment.setenv("LOG_LEVEL", "DEBUG")
        level, propagates = logger.level, logger.propagate
        logger.addHandler(keeper)
        logger.propagate = False
        yield world
        logger.removeHandler(keeper)
        logger.setLevel(level)
        logger.propagate = propagates
    loop.run_until_complete(bot.gitlab.aclose())
    loop.close()


def register(bot: GitLabBot, world: World) -> None:
    @bot.router.register("*", from_self=True)
    async def asks_everything(event: Event, gl: GitLabAPI) -> None:
        world.ran.append(event.event)
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
    async def quotes_all_it_knows(event: Event, gl: GitLabAPI) -> None:
        raise ValueError(f"{event.data} {gl.access_token} {SECRET}")

    @bot.router.register("*", action={"open", "update"}, title="x", iid=[1, 2, (3,)])
    @bot.router.register("*", note="x", labels=[], user={"id": 1})
    async def filtered(event: Event, gl: GitLabAPI) -> None:
        pass

    @bot.router.register("*", when=lambda event: event.data["object_attributes"]["id"] > 0)
    async def careless(event: Event, gl: GitLabAPI) -> None:
        pass


def assert_small_json(answer: bytes) -> Any:
    assert len(answer) < 8192
    return json.loads(answer)


# What must hold


@fuzzed(0.35)
@given(event=EVENT_NAMES, body=BODIES, others=OTHER_HEADERS, signed=st.booleans())
def test_an_authentic_delivery_is_never_a_server_error(
    world: World, event: bytes, body: bytes, others: Headers, signed: bool
) -> None:
    if signed:
        proof = signature_headers(body)
        others = [pair for pair in others if pair[0] not in (b"webhook-id", b"webhook-timestamp")]
    else:
        proof = [(b"x-gitlab-token", SECRET.encode())]
    status, answer = world.send([*plain_headers(event), *proof, *others], body)
    assert status in (200, 400, 415), answer
    assert_small_json(answer)
    world.assert_no_secret_was_shown(answer)


@fuzzed(0.25)
@given(event=st.sampled_from(EVENT_TYPES), payload=hostile_payloads())
def test_an_authentic_json_object_reaches_the_handlers(
    world: World, event: str, payload: Any
) -> None:
    world.ran.clear()
    headers = [*plain_headers(event.encode()), (b"x-gitlab-token", SECRET.encode())]
    status, answer = world.send(headers, json.dumps(payload).encode())
    told = assert_small_json(answer)
    assert (status, world.ran) == (200, [event]), answer
    outcomes = {name.rpartition(".")[2]: each for name, each in told["handlers"].items()}
    assert outcomes["asks_everything"] == "done"
    assert outcomes["answers"] == "done"
    world.assert_no_secret_was_shown(answer)


@st.composite
def forged_proofs(draw: st.DrawFn, body: bytes) -> Headers:
    """What a stranger could send in place of a token or a signature."""
    token = (b"x-gitlab-token", draw(HEADER_VALUES.filter(lambda v: v != SECRET.encode())))
    right = (b"x-gitlab-token", SECRET.encode())
    signature = signature_headers(body, OTHER_SIGNING_TOKEN)
    name, value = draw(st.sampled_from(signature_headers(body)))
    changed = draw(HEADER_VALUES.filter(lambda other: other != value))
    with_one_changed = [(n, changed if n == name else v) for n, v in signature_headers(body)]
    proof: Headers = draw(
        st.sampled_from(
            [
                [],
                [token],
                [right, right],
                [right, token],
                signature,
                [*signature, right],
                with_one_changed,
                [*with_one_changed, right],
                [*signature_headers(body), signature_headers(body)[-1]],
                [*signature_headers(body), signature_headers(body)[0]],
                signature_headers(body + b" "),
                [*signature_headers(body)[1:], right],
                [(b"webhook-signature", draw(HEADER_VALUES)), right],
            ]
        )
    )
    return proof


@fuzzed(0.25)
@given(data=st.data(), event=EVENT_NAMES, body=BODIES)
def test_a_forged_delivery_is_refused(
    world: World, data: st.DataObject, event: bytes, body: bytes
) -> None:
    world.ran.clear()
    proof = data.draw(forged_proofs(body))
    status, answer = world.send([*plain_headers(event), *proof], body)
    assert status == 401, answer
    assert assert_small_json(answer)["status"] == "refused"
    assert world.ran == []
    world.assert_no_secret_was_shown(answer)


TEXT_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["webhook-id", "Idempotency-Key", "X-Gitlab-Event-UUID", "X-Gitlab-Event", "Host"]
        ),
        st.text(max_size=20) | st.sampled_from(["x" * 20_000, "é", *SECRETS]),
    ).filter(lambda pair: pair[0] != "Host" or ":" not in pair[1]),
    max_size=3,
)


@fuzzed(0.15)
@given(
    build=st.sampled_from([http_api_event, rest_api_event, function_url_event]),
    encoded=st.booleans(),
    token=st.sampled_from([SECRET, "wrong"]),
    event=st.sampled_from(EVENT_TYPES),
    body=json_bodies(),
    others=TEXT_HEADERS,
)
def test_aws_brings_nothing_worse(
    world: World,
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
    with function_door(build, encoded=encoded)(world.bot) as client:
        sent = httpx.Headers(headers, encoding="utf-8")
        answer = client.post("/webhook", headers=sent, content=body)
    assert answer.status_code in ((200, 400) if token == SECRET else (401,)), answer
    assert_small_json(answer.content)
    world.assert_no_secret_was_shown(answer.content)
