import asyncio
import contextlib
import gzip
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from gidgetlambda import GitLabBroken, RedirectionException, ResponseTooLarge
from gidgetlambda.errors import AddressRefused
from gidgetlambda.sender import CompleteResponse, Sender

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.faults import Exchange, Faults, silent
from infra.server import serve
from tests.handler.apis import FAKE_TOKEN, INSTANCE, ScriptedGitLab, answer

pytestmark = pytest.mark.anyio

URL = f"{INSTANCE}/api/v4/projects/1"

READS = ("GET", "HEAD")
WRITES = ("PUT", "DELETE", "POST", "PATCH")


class UnhurriedSender(Sender):
    """Records its pauses instead of waiting.

    Args:
        gitlab: Answers the requests.
        base_url: The instance's URL.
        seconds: The time that each request takes.
    """

    def __init__(
        self, gitlab: ScriptedGitLab, base_url: str = INSTANCE, *, seconds: float = 0.0
    ) -> None:
        self.pauses = list[float]()
        super().__init__(
            httpx.MockTransport(gitlab),
            base_url,
            FAKE_TOKEN,
            self._pause,
            lambda: sum(self.pauses) + seconds * len(gitlab.requests),
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def request(self, method: str = "GET", url: str = URL) -> CompleteResponse:
        return await self.send(method, url, {}, b"")


def is_authorized(request: httpx.Request) -> bool:
    authorized: bool = request.headers.get("authorization") == f"Bearer {FAKE_TOKEN}"
    assert authorized or FAKE_TOKEN not in str(request.headers.raw)
    return authorized


# Repetition

REFUSED = httpx.ConnectError("refused")
DROPPED = httpx.RemoteProtocolError("dropped")
BUSY = answer(429, retry_after="2")
LOCKED = answer(409, {"message": "409 Conflict: Resource lock"})
TAKEN = answer(409, {"message": "Name has already been taken"})
SPENT = answer(403, ratelimit_limit="5", ratelimit_remaining="0", ratelimit_reset="0")


@pytest.mark.parametrize(
    ("methods", "answers", "result", "requests", "unanswered"),
    [
        # GitLab did not act.
        ((*READS, *WRITES), [BUSY, answer()], 200, 2, 0),
        ((*READS, *WRITES), [LOCKED, answer()], 200, 2, 0),
        ((*READS, *WRITES), [REFUSED, answer()], 200, 2, 0),
        ((*READS, *WRITES), [httpx.ConnectTimeout("late"), answer()], 200, 2, 0),
        ((*READS, *WRITES), [httpx.PoolTimeout("late"), answer()], 200, 2, 0),
        ((*READS, *WRITES), [httpx.ProxyError("407"), answer()], 200, 2, 0),
        # GitLab may have acted, or may still act.
        (READS, [answer(502), answer()], 200, 2, 0),
        (READS, [answer(503), answer()], 200, 2, 0),
        (READS, [answer(504), answer()], 200, 2, 0),
        (READS, [DROPPED, answer()], 200, 2, 0),
        (READS, [httpx.ReadError("reset"), answer()], 200, 2, 0),
        (WRITES, [answer(502), answer()], 502, 1, 1),
        (WRITES, [answer(503), answer()], 503, 1, 0),
        (WRITES, [answer(504), answer(405)], 504, 1, 1),
        (WRITES, [answer(524), answer()], 524, 1, 1),
        (WRITES, [DROPPED, answer()], httpx.RemoteProtocolError, 1, 1),
        (WRITES, [httpx.ReadError("reset"), answer()], httpx.ReadError, 1, 1),
        (WRITES, [httpx.WriteError("reset"), answer()], httpx.WriteError, 1, 1),
        (WRITES, [httpx.ReadTimeout("late"), answer()], httpx.ReadTimeout, 1, 1),
        (READS, [httpx.ReadTimeout("late"), answer()], httpx.ReadTimeout, 1, 0),
        # The last answer counts.
        (("DELETE",), [LOCKED, answer(404)], 204, 2, 0),
        (("DELETE",), [REFUSED, answer(404)], 204, 2, 0),
        (("DELETE",), [answer(404)], 404, 1, 0),
        (("PUT",), [LOCKED, answer(404)], 404, 2, 0),
        (WRITES, [LOCKED, answer(504), answer()], 504, 2, 1),
        (WRITES, [REFUSED, DROPPED, answer()], httpx.RemoteProtocolError, 2, 1),
        # GitLab's decision is final.
        ((*READS, *WRITES), [TAKEN, answer()], 409, 1, 0),
        ((*READS, *WRITES), [answer(429), answer()], 429, 1, 0),
        ((*READS, *WRITES), [answer(429, retry_after="6"), answer()], 429, 1, 0),
        ((*READS, *WRITES), [SPENT, answer()], 403, 1, 0),
        ((*READS, *WRITES), [answer(422), answer()], 422, 1, 0),
        ((*READS, *WRITES), [answer(500), answer()], 500, 1, 0),
    ],
    ids=repr,
)
async def test_judges_a_request_by_its_last_answer(
    methods: tuple[str, ...],
    answers: list[httpx.Response | Exception],
    result: int | type[Exception],
    requests: int,
    unanswered: int,
) -> None:
    for method in methods:
        gitlab = ScriptedGitLab(*answers)
        sender = UnhurriedSender(gitlab)
        try:
            given: object = (await sender.request(method)).status_code
        except httpx.TransportError as error:
            given = type(error)
        assert (given, len(gitlab.requests)) == (result, requests), method
        assert sender.unanswered_writes == unanswered, method


@pytest.mark.parametrize(
    ("method", "answers", "unanswered"),
    [
        ("PUT", [answer(504), answer()], 0),
        ("PUT", [answer(504), answer(502), answer(405)], 0),
        ("DELETE", [DROPPED, answer(404)], 0),
        ("PUT", [answer(504), answer(504)], 2),
        ("PUT", [answer(504), answer(429)], 1),
        ("PUT", [answer(504), LOCKED], 1),
        ("PUT", [answer(504), answer(500)], 1),
        ("PUT", [answer(504), REFUSED], 1),
        # The first one can still create something beside the second one.
        ("POST", [answer(504), answer(201)], 1),
    ],
    ids=repr,
)
async def test_a_later_answer_settles_an_idempotent_write(
    method: str, answers: list[httpx.Response | Exception], unanswered: int
) -> None:
    sender = UnhurriedSender(ScriptedGitLab(*answers))
    for _ in answers:
        with contextlib.suppress(httpx.TransportError):
            await sender.request(method)
    assert sender.unanswered_writes == unanswered


@pytest.mark.parametrize(
    ("fault", "seconds", "pauses"),
    [
        (answer(502), 0, [0.5, 1.0, 2.0]),
        (REFUSED, 0, [0.5, 1.0, 2.0]),
        (LOCKED, 0, [0.5, 1.0, 2.0]),
        (answer(429, retry_after="0"), 0, [0.5, 1.0, 2.0]),
        (answer(429, retry_after="1"), 0, [1.0, 1.0, 2.0]),
        (answer(503, retry_after="3"), 0, [3.0]),
        # The time of the requests counts too: a body that breaks off may take long.
        (DROPPED, 1, [0.5, 1.0]),
        (DROPPED, 3, [0.5]),
        (DROPPED, 4.6, []),
    ],
    ids=repr,
)
async def test_repeats_a_request_within_five_seconds(
    fault: httpx.Response | Exception, seconds: float, pauses: list[float]
) -> None:
    sender = UnhurriedSender(ScriptedGitLab(fault), seconds=seconds)
    if isinstance(fault, Exception):
        with pytest.raises(type(fault)):
            await sender.request()
    else:
        assert (await sender.request()).status_code == fault.status_code
    assert sender.pauses == pauses


async def test_repeats_no_request_after_its_deadline() -> None:
    sender = UnhurriedSender(ScriptedGitLab(REFUSED))
    sender.deadline = 2.0
    with pytest.raises(httpx.ConnectError):
        await sender.request()
    assert sender.pauses == [0.5, 1.0]


# Time limits


async def trickles(exchange: Exchange) -> None:
    """Answer byte by byte, without an end."""
    start = {"type": "http.response.start", "status": 200, "headers": []}
    await exchange._send(start)
    while True:
        await exchange._send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(0.05)


@pytest.fixture
async def slow_gitlab(in_process: Sandbox) -> AsyncIterator[tuple[Faults, str]]:
    faults = Faults(in_process.app)
    with serve(faults) as url:
        yield faults, url


@pytest.mark.parametrize(
    ("seconds", "time_left", "limit"), [(0.3, 60, "0.3"), (60, 0.2, "0.2"), (0.3, None, "0.3")]
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("fault", [silent, trickles])
async def test_a_request_ends_within_its_limit_and_names_itself(
    slow_gitlab: tuple[Faults, str],
    fault: Any,
    method: str,
    seconds: float,
    time_left: float | None,
    limit: str,
) -> None:
    faults, url = slow_gitlab
    faults.once(fault)
    async with httpx.AsyncClient(timeout=60) as client:
        sender = Sender(client, url, BOT_TOKEN, asyncio.sleep)
        sender.request_timeout = seconds
        sender.deadline = None if time_left is None else time.monotonic() + time_left
        started = time.monotonic()
        with pytest.raises(httpx.ReadTimeout) as caught:
            await sender.send(method, f"{url}/api/v4/user?private_token=s3cret", {}, b"")
    assert time.monotonic() - started < 2
    assert str(caught.value) == f"{method} {url}/api/v4/user: no answer within {limit} s"
    assert caught.value.request.method == method
    assert sender.unanswered_writes == (method == "PUT")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ConnectTimeout(""), "no connection within 3 s"),
        (httpx.PoolTimeout(""), "no connection within 5 s"),
        (httpx.ReadTimeout(""), "no answer within 5 s"),
        (httpx.WriteTimeout(""), "no answer within 5 s"),
        (httpx.ReadError(""), "the connection broke"),
        (httpx.ConnectError("refused"), "refused"),
    ],
    ids=repr,
)
async def test_an_error_without_an_answer_names_its_request(error: Exception, reason: str) -> None:
    sender = UnhurriedSender(ScriptedGitLab(error))
    sender.request_timeout = 5.0
    with pytest.raises(type(error)) as caught:
        await sender.request("POST", f"{URL}?private_token=s3cret")
    assert str(caught.value) == f"POST {URL}: {reason}"


async def test_without_a_limit_the_clients_limits_hold() -> None:
    gitlab = ScriptedGitLab(answer())
    sender = UnhurriedSender(gitlab)
    await sender.request()
    (request,) = gitlab.requests
    assert request.extensions["timeout"] == httpx.Timeout(5.0).as_dict()


# The scope of the token


@pytest.mark.parametrize(
    ("base", "url", "trusted"),
    [
        ("https://g.example", "https://g.example/api/v4/user", True),
        ("https://g.example", "https://G.EXAMPLE:443/api/v4/user", True),
        ("https://g.example:443", "https://g.example/api/v4/user", True),
        ("https://g.example", "http://g.example/api/v4/user", False),
        ("https://g.example", "https://g.example:8443/api/v4/user", False),
        ("https://g.example", "https://g.example.evil.example/api/v4/user", False),
        ("https://g.example", "https://evil-g.example/api/v4/user", False),
        ("https://g.example", "https://g.example@evil.example/api/v4/user", False),
        ("https://g.example", "https://g.example:443@evil.example/api/v4/user", False),
        ("https://g.example", "https://evil.example/https://g.example/user", False),
        ("https://g.example", "https://evil.example#@g.example/user", False),
        ("https://g.example", "https://evil.example?@g.example/user", False),
        ("https://g.example", "https://g.example./api/v4/user", False),
        ("https://g.example", "https://bob:x@g.example/api/v4/user", False),
        ("https://g.example", "https://evil.example\\@g.example/user", False),
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
        *(
            ("https://g.example/git", f"https://g.example/git/{path}", False)
            for path in (
                "..;/other",
                "..;a=b/other",
                "%252e%252e/other",
                "%25252e%25252e%25252fother",
                ".%2e/other",
                "%2e./other",
                "..%5c..%5cother",
                "..\\other",
                "a/..%2f..%2fother",
                ".%09./other",
                "%20../other",
                "..%00/other",
                "%c0%ae%c0%ae/other",
                "%ef%bc%8e%ef%bc%8e/other",
                "%e2%80%a5/other",
                "api/v4/..;/..;/..;/other",
                "..hidden",
            )
        ),
        ("https://g.example/git", "https://g.example/git/api/v4/projects/a%2Fb.c", True),
        ("https://g.example/git", "https://g.example/git/api/v4/x/.gitlab%2Fbot.yml?a=..", True),
        ("https://g.example/git", "https://g.example/git/api/v4/x/a..b%2Fc...d", True),
    ],
)
async def test_sends_the_token_to_the_configured_instance_only(
    base: str, url: str, trusted: bool
) -> None:
    gitlab = ScriptedGitLab(answer())
    await UnhurriedSender(gitlab, base).request(url=url)
    assert [is_authorized(request) for request in gitlab.requests] == [trusted]


# Redirects


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "trusted"),
    [("/api/v4/projects/2", True), ("https://objects.example.com/2?signature=x", False)],
)
async def test_follows_a_redirect_with_the_token_only_within_the_instance(
    method: str, status: int, location: str, trusted: bool
) -> None:
    gitlab = ScriptedGitLab(answer(status, location=location), answer())
    response = await UnhurriedSender(gitlab).request(method)
    assert response.status_code == 200
    assert [request.method for request in gitlab.requests] == [method, method]
    assert [is_authorized(request) for request in gitlab.requests] == [True, trusted]
    assert gitlab.requests[1].url == httpx.URL(URL).join(location)


@pytest.mark.parametrize(
    ("method", "status", "location", "sent"),
    [
        ("POST", 301, "/api/v4/projects/2", 1),
        ("PUT", 307, "/api/v4/projects/2", 1),
        ("PATCH", 308, "/api/v4/projects/2", 1),
        ("DELETE", 302, "/api/v4/projects/2", 1),
        ("GET", 302, "", 1),
        ("GET", 304, "/api/v4/projects/2", 1),
        ("GET", 302, "/api/v4/projects/1", 6),
    ],
    ids=["POST", "PUT", "PATCH", "DELETE", "nowhere", "304", "a circle"],
)
async def test_returns_a_redirect_that_it_does_not_follow(
    method: str, status: int, location: str, sent: int
) -> None:
    gitlab = ScriptedGitLab(answer(status, location=location))
    response = await UnhurriedSender(gitlab).request(method)
    assert response.status_code == status
    assert len(gitlab.requests) == sent


@pytest.mark.parametrize(
    ("location", "error"),
    [
        # Not a page of HTTPS.
        ("https://gitlab.example.com:port/", RedirectionException),
        ("https://gitlab.example.com:99999/", RedirectionException),
        ("https://[", RedirectionException),
        ("https://xn--zzzzzzzzzzzz99999999/\x7f", RedirectionException),
        ("mailto:x", RedirectionException),
        ("file:///etc/passwd", RedirectionException),
        ("http://objects.example.com/2", RedirectionException),
        ("http://gitlab.example.com/api/v4/projects/2", RedirectionException),
        # Not on the internet.
        ("https://localhost/2018-06-01/runtime/invocation/next", AddressRefused),
        ("https://sub.localhost./", AddressRefused),
        ("https://127.0.0.1:9001/", AddressRefused),
        ("https://127.1/", AddressRefused),
        ("https://2130706433/", AddressRefused),
        ("https://0x7f000001/", AddressRefused),
        ("https://0177.0.0.1/", RedirectionException),
        ("https://0.0.0.0/", AddressRefused),
        ("https://[::1]/", AddressRefused),
        ("https://[::]/", AddressRefused),
        ("https://[::ffff:127.0.0.1]/", AddressRefused),
        ("https://[64:ff9b::7f00:1]/", AddressRefused),
        ("https://[2002:7f00:1::]/", AddressRefused),
        ("https://169.254.169.254/latest/meta-data/", AddressRefused),
        ("https://[fe80::1]/", AddressRefused),
        ("https://224.0.0.1/", AddressRefused),
        ("https://240.0.0.1/", AddressRefused),
        ("https://10.0.0.1/", AddressRefused),
        ("https://192.168.1.1/", AddressRefused),
        ("https://172.16.0.1/", AddressRefused),
        ("https://100.64.0.1/", AddressRefused),
        ("https://[fd00:ec2::254]/", AddressRefused),
    ],
)
async def test_refuses_a_redirect_that_gitlab_may_not_choose(
    location: str, error: type[Exception]
) -> None:
    gitlab = ScriptedGitLab(answer(302, location=location))
    for method in READS:
        with pytest.raises(error, match="redirects to"):
            await UnhurriedSender(gitlab).request(method)
    assert len(gitlab.requests) == 2


@pytest.mark.parametrize(
    ("location", "followed"),
    [
        ("https://10.0.0.1/", True),
        ("https://[fd00::1]/", True),
        ("https://127.0.0.1/", False),
        ("https://169.254.169.254/", False),
    ],
)
async def test_a_private_gitlab_may_choose_private_addresses(location: str, followed: bool) -> None:
    base = "https://192.168.1.7"
    gitlab = ScriptedGitLab(answer(302, location=location), answer())
    with contextlib.nullcontext() if followed else pytest.raises(AddressRefused):
        await UnhurriedSender(gitlab, base).request(url=f"{base}/api/v4/user")
    assert len(gitlab.requests) == 1 + followed


# The size of an answer


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 1)


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        (b"x" * 1000, "", b"x" * 1000),
        (b"x" * 1001, "", ResponseTooLarge),
        (gzipped(b"x" * 1000), "gzip", b"x" * 1000),
        (gzipped(b"x" * 1000), "X-GZip", b"x" * 1000),
        (gzipped(b"x" * 500) + gzipped(b"y" * 500), "gzip", b"x" * 500 + b"y" * 500),
        (gzipped(b"x" * 1001), "gzip", ResponseTooLarge),
        (gzipped(bytes(700_000_000 // 10)), "gzip", ResponseTooLarge),
        (gzipped(gzipped(b"x")), "gzip, gzip", GitLabBroken),
        (b"x", "br", GitLabBroken),
        (b"x", "deflate", GitLabBroken),
        (b"not gzip", "gzip", GitLabBroken),
        (gzipped(b"x" * 100)[:-9], "gzip", GitLabBroken),
        (b"", "gzip", b""),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_decodes_an_answer_up_to_the_limit(
    content: bytes, encoding: str, expected: bytes | type[Exception]
) -> None:
    headers = {"content-encoding": encoding} if encoding else {}
    gitlab = ScriptedGitLab(
        *(httpx.Response(status, headers=headers, stream=Parts(content)) for status in (200, 400))
    )
    transport = httpx.MockTransport(gitlab)
    sender = Sender(transport, INSTANCE, FAKE_TOKEN, asyncio.sleep, response_limit=1000)
    for _ in range(2):
        if isinstance(expected, bytes):
            assert (await sender.send("GET", URL, {}, b"")).content == expected
        else:
            with pytest.raises(expected, match=f"GET {URL}"):
                await sender.send("GET", f"{URL}?private_token=s3cret", {}, b"")


class Parts(httpx.AsyncByteStream):
    """A body that arrives in parts."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), 65536):
            yield self._content[start : start + 65536]


# Descriptions


@pytest.mark.parametrize(
    ("base", "url", "location", "description"),
    [
        (INSTANCE, f"{URL}?private_token=s3cret", None, f"GET {URL}"),
        (
            INSTANCE,
            "https://bob:s3cret@gitlab.example.com/x#s3cret",
            None,
            f"GET {INSTANCE}/x, where no token is sent",
        ),
        (
            INSTANCE,
            f"{URL}?private_token=s3cret",
            "/api/v4/projects/2?private_token=s3cret",
            f"GET {URL}, redirected to {INSTANCE}/api/v4/projects/2",
        ),
        (
            "http://gitlab.example.com",
            "http://gitlab.example.com/api/v4/user",
            f"{INSTANCE}/api/v4/user?private_token=s3cret",
            "GET http://gitlab.example.com/api/v4/user, redirected to "
            f"{INSTANCE}/api/v4/user, where no token is sent",
        ),
    ],
    ids=["query", "user", "redirect within the instance", "redirect to another origin"],
)
async def test_describes_a_request_and_its_redirect_without_secrets(
    base: str, url: str, location: str | None, description: str
) -> None:
    redirect = [answer(301, location=location)] if location else []
    sender = UnhurriedSender(ScriptedGitLab(*redirect, answer(401)), base)
    assert sender.describe("GET", url, await sender.request(url=url)) == description
