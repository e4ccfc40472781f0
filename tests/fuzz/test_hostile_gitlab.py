"""A hostile GitLab: generated answers to each method of the API.

A request ends with data or with one of the API's errors, after a bounded number of requests. The
access token reaches the instance only, and no error that is shown contains it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any

import httpx
from gidgetlambda import Event, GitLabAPI
from gidgetlambda.errors import GitLabException
from gidgetlambda.redactor import Redactor
from gidgetlambda.retries import Try, pause
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.strategies import ACCESS_TOKEN, NUMBERS, TEXTS, VALUES
from tests.fuzz.test_hostile import fuzzed
from tests.handler import payloads
from tests.handler.apis import for_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

INSTANCE = "https://gitlab.example.com/git"
FORBIDDEN = ("169.254.169.254", "127.0.0.1", "::1", "::ffff:10.0.0.1", "0x7f.1")
LIMIT = 50_000  # bytes of an answer
MOST_REQUESTS = 60
NOTES = "/api/v4/projects/1/issues/1/notes"

STRANGE_URLS = [
    f"{INSTANCE}{NOTES}?page=2",
    f"{INSTANCE}/api/v4/user?private_token={ACCESS_TOKEN}",
    "https://gitlab.example.com/other",
    "https://gitlab.example.com:8443/git/other",
    f"{INSTANCE}/..;/other",
    f"{INSTANCE}/%252e%2e/other",
    "https://evil.example/git/api/v4/projects",
    "//evil.example",
    "http://gitlab.example.com/git/other",
    *(f"https://{host}/" for host in ("169.254.169.254", "127.0.0.1:9001", "[::1]")),
    *("https://[::ffff:10.0.0.1]/", "https://0x7f.1/", "http://[", "mailto:bob@example.com"),
    *("", "/", "?page=2"),
]
URLS = st.one_of(st.sampled_from(STRANGE_URLS), st.sampled_from(STRANGE_URLS), TEXTS)
LINKS = st.lists(
    st.builds(
        "<{}>; rel={}".format,
        URLS,
        st.sampled_from(['"next"', "next", '"prev next"', '"last"', ""]),
    ),
    max_size=3,
).map(", ".join) | st.sampled_from(["<" * 65_000, "<>; rel=next", "<http://[>; rel=next"])
HEADER_TEXTS = {
    "location": URLS,
    "link": LINKS,
    "content-type": st.sampled_from(
        [
            *("application/json", "application/json; charset=utf-8", "text/html", "text/plain"),
            *("application/json; charset=idna", "application/json; charset=undefined", ""),
            *("application/json; charset=utf-16", "application/json; charset=punycode", "é"),
        ]
    ),
    "content-encoding": st.sampled_from(
        ["gzip", "gzip, gzip", "br", "identity", "deflate", "x", ""]
    ),
    "retry-after": NUMBERS.map(str)
    | TEXTS
    | st.sampled_from(["0", "9" * 5000, "Fri, 31 Dec 99999 23:59:59 GMT", "Thu, 01 Jan 1970"]),
    "ratelimit-remaining": NUMBERS.map(str) | TEXTS,
    "ratelimit-reset": NUMBERS.map(str) | TEXTS,
    "ratelimit-limit": NUMBERS.map(str) | TEXTS,
    "etag": TEXTS,
    "set-cookie": st.just("session=1; Domain=example.com"),
}
MESSAGES = st.sampled_from(
    [
        {"message": "Resource lock"},
        {"message": f"the token {ACCESS_TOKEN} is invalid"},
        {"errors": [{"message": "Timeout"}]},
        {"data": None},
        {"id": 5, "body": "x", "author": {"id": 4}},
        {"message": {"title": ["is too long"]}},
    ]
)
JSON = st.one_of(VALUES, MESSAGES, st.lists(MESSAGES | VALUES, max_size=3)).map(
    lambda value: json.dumps(value).encode("utf-8", "surrogatepass")
)
CONTENTS = st.one_of(
    JSON,
    JSON.map(gzip.compress),
    st.binary(max_size=50),
    st.sampled_from(
        [
            *(b"", b"<!DOCTYPE html><title>Sign in</title>", b"[" * 50_000, b'{"id": 1e400}'),
            *(gzip.compress(b"0" * 1_000_000), gzip.compress(gzip.compress(b"[]")), b"9" * 5000),
            *(b"x" * (LIMIT + 1), gzip.compress(b"[]")[:-4], b"\xff\xfe[\0]\0"),
        ]
    ),
)
STATUSES = st.one_of(
    st.sampled_from([200, 201]),
    st.sampled_from([301, 302, 303, 307, 308]),
    st.sampled_from([204, 304, 403, 404, 409, 429, 502, 503]),
    st.integers(100, 999),
)
FAILURES = st.sampled_from(
    [httpx.ReadError("reset"), httpx.ConnectTimeout(""), httpx.RemoteProtocolError(ACCESS_TOKEN)]
)
Answer = tuple[int, dict[str, str], bytes] | Exception
ANSWERS: st.SearchStrategy[Answer] = st.one_of(
    st.tuples(STATUSES, st.fixed_dictionaries({}, optional=HEADER_TEXTS), CONTENTS),
    st.tuples(STATUSES, st.fixed_dictionaries({}, optional=HEADER_TEXTS), CONTENTS),
    FAILURES,
)


class Content(httpx.AsyncByteStream):
    """The raw content of an answer, which httpx does not decode."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class HostileGitLab(httpx.AsyncBaseTransport):
    """Gives generated answers; repeats the last."""

    def __init__(self, answers: list[Answer]) -> None:
        self._answers = answers
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, and require that the token is sent to the instance only."""
        url = str(request.url)
        self.requests += 1
        assert self.requests <= MOST_REQUESTS
        assert request.url.scheme == "https"
        assert request.url.host not in FORBIDDEN
        assert "cookie" not in request.headers
        authorized = request.headers.get("authorization") == f"Bearer {ACCESS_TOKEN}"
        path = request.url.raw_path.partition(b"?")[0]
        left = b".." in path or b"%252e" in path
        inside = url.startswith(f"{INSTANCE}/") and not left
        assert authorized == inside, url
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, headers, content = answer
        raw = [(k.encode(), v.encode("utf-8", "surrogatepass")) for k, v in headers.items()]
        return httpx.Response(status, headers=raw, stream=Content(content))


class HurriedAPI(GitLabAPI):
    """An API that does not wait."""

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run."""
        assert 0 <= seconds <= 5
        await asyncio.sleep(0)


async def collected(gl: GitLabAPI) -> list[Any]:
    return [item async for item in gl.getiter("/projects/1/issues/1/notes")]


ISSUE = Event(payloads.issue(), event="Issue Hook")
METHODS: dict[str, Callable[[GitLabAPI], Awaitable[Any]]] = {
    "getitem": lambda gl: gl.getitem("/projects/1"),
    "getiter": collected,
    "head": lambda gl: gl.head("/projects/1"),
    "post": lambda gl: gl.post("/projects/1/issues/1/notes", data={"body": "x"}),
    "put": lambda gl: gl.put("/projects/1/issues/1", data={"description": "x"}),
    "delete": lambda gl: gl.delete("/projects/1"),
    "graphql": lambda gl: gl.graphql("query { currentUser { name } }"),
    "mutation": lambda gl: gl.graphql("mutation { x }"),
    "reply": lambda gl: gl.reply(ISSUE, "x"),
    "comment": lambda gl: gl.comment("/projects/1/issues/1", "x", update=True),
    "react": lambda gl: gl.react(ISSUE, "eyes"),
    "add_labels": lambda gl: gl.add_labels(ISSUE, "bug"),
    "open_issue": lambda gl: gl.open_issue(1, "title", "text", key="k"),
}


@fuzzed(1.0)
@given(method=st.sampled_from(sorted(METHODS)), answers=st.lists(ANSWERS, min_size=1, max_size=5))
def test_a_hostile_answer_ends_as_data_or_as_an_error_of_the_api(
    method: str, answers: list[Answer]
) -> None:
    api = HurriedAPI(
        HostileGitLab(answers),
        "tester",
        access_token=ACCESS_TOKEN,
        url=INSTANCE,
        cache={},
        response_limit=LIMIT,
    )
    try:
        asyncio.run(_within_time(METHODS[method](for_run(api))))
    except (GitLabException, httpx.RequestError) as error:
        shown = Redactor([ACCESS_TOKEN]).error(error)
        assert shown.isascii()
        assert ACCESS_TOKEN not in shown
        seconds = pause(error, Try(60.0, 1, api.unanswered_write, 0.5, 60.0))
        assert seconds is None or 0 <= seconds < 12 * 3600


async def _within_time(awaitable: Awaitable[Any]) -> Any:
    async with asyncio.timeout(20):
        return await awaitable
