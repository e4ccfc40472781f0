"""Hypothesis strategies for hostile deliveries: payloads, bodies, headers and credentials."""

import base64
import copy
import json
import time
from collections.abc import Callable
from typing import Any

from gidgetlambda.event_types import EVENT_TYPES
from hypothesis import strategies as st

from infra.sandbox.webhooks import sign
from tests.handler import payloads

Headers = list[tuple[bytes, bytes]]

SECRET = "hook-secret-token"
ACCESS_TOKEN = "glpat-obviously-fake"
SIGNING_TOKEN = "whsec_" + base64.b64encode(b"not a secret, only a test's key!").decode()
OTHER_SIGNING_TOKEN = "whsec_" + base64.b64encode(b"another key, of yet another hook").decode()
SECRETS = (SECRET, ACCESS_TOKEN, SIGNING_TOKEN)

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from(
    [
        *SECRETS,
        *("../../../user", "1/../../user", "https://evil.example/", "{username}", "@all", "/close"),
        *("x" * 5000, "\ud800", "\x00", "a\nINFO task outcome=done"),
        "<!-- gidgetlambda 0123456789abcdef0123456789abcdef -->",
        "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
        *("issue", "note", "merge_request", "emoji", "pipeline", "open"),
    ]
)
NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([10**400, -(10**4000), 2**64, 0, -1, 1e308])
)
NAMES = ["id", "iid", "title", "action", "note", "labels", "user", "issue", "username"]
KEYS = st.sampled_from(NAMES) | TEXTS
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
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
    """Draw a payload in one of GitLab's shapes, with some parts replaced, removed or added."""
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
    """Draw a payload as JSON, sometimes with deep nesting under a key that may repeat."""
    text = json.dumps(draw(hostile_payloads()), ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 9)) == 0:
        key = draw(st.sampled_from(["object_attributes", "project", "user", "deep"]))
        depth = draw(st.sampled_from([1, 50, 500, 900, 5000]))
        opening, closing = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
        pair = f'"{key}": {opening * depth}1{closing * depth}'
        first = draw(st.booleans())
        text = f"{{{pair}, {text[1:]}" if first else f"{text[:-1]}, {pair}}}"
    return text.encode("utf-8", "surrogatepass")


BROKEN_BODIES = (
    st.binary(max_size=200)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.sampled_from(
        [
            *(b"", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe{}", b"\xef\xbb\xbf{}"),
            *(b'{"a": ' + b"9" * 10_000 + b"}", b'{"a": NaN}', b'{"user": {"id": 1e400}}'),
            b'{"object_attributes": null, "project": null, "user": null}',
        ]
    )
)
BODIES = st.one_of(json_bodies(), json_bodies(), json_bodies(), BROKEN_BODIES)

HEADER_VALUES = (
    st.binary(max_size=30)
    | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.sampled_from([b"", b"x" * 20_000, b"a,a", b"\xe9", "é".encode(), SECRET.encode()])
)
GITLAB_EVENTS = st.sampled_from([name.encode() for name in EVENT_TYPES])
EVENT_NAMES = st.one_of(GITLAB_EVENTS, GITLAB_EVENTS, HEADER_VALUES)
HEADER_NAMES = [
    *(b"webhook-id", b"webhook-timestamp", b"idempotency-key", b"x-gitlab-webhook-uuid"),
    *(b"x-gitlab-event-uuid", b"x-gitlab-instance", b"x-gitlab-event", b"user-agent"),
    *(b"content-type", b"\xff", b""),
]
OTHER_HEADERS = st.lists(st.tuples(st.sampled_from(HEADER_NAMES), HEADER_VALUES), max_size=4)
TEXT_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["webhook-id", "Idempotency-Key", "X-Gitlab-Event-UUID", "X-Gitlab-Event"]),
        st.text(max_size=20) | st.sampled_from(["x" * 20_000, "é", *SECRETS]),
    ),
    max_size=3,
)


def plain_headers(event: bytes) -> Headers:
    """Return the headers of a delivery that say nothing about its sender."""
    return [(b"content-type", b"application/json"), (b"x-gitlab-event", event)]


def signature_headers(body: bytes, signing_token: str = SIGNING_TOKEN) -> Headers:
    """Return the headers that sign a body."""
    timestamp = str(int(time.time()))
    return [
        (b"webhook-id", b"delivery-1"),
        (b"webhook-timestamp", timestamp.encode()),
        (b"webhook-signature", sign(signing_token, "delivery-1", timestamp, body).encode()),
    ]


@st.composite
def forged_credentials(draw: st.DrawFn, body: bytes) -> Headers:
    """Draw headers that a stranger could send in place of a token or a signature."""
    wrong = (b"x-gitlab-token", draw(HEADER_VALUES.filter(lambda v: v != SECRET.encode())))
    right = (b"x-gitlab-token", SECRET.encode())
    signed = signature_headers(body)
    other = signature_headers(body, OTHER_SIGNING_TOKEN)
    name, value = draw(st.sampled_from(signed))
    changed = draw(HEADER_VALUES.filter(lambda one: one != value))
    with_one_changed = [(n, changed if n == name else v) for n, v in signed]
    return draw(
        st.sampled_from(
            [
                *([], [wrong], [right, right], [right, wrong]),
                *(other, [*other, right], with_one_changed, [*with_one_changed, right]),
                *([*signed, signed[-1]], [*signed, signed[0]], [*signed[1:], right]),
                signature_headers(body + b" "),
                [(b"webhook-signature", draw(HEADER_VALUES)), right],
            ]
        )
    )
