import contextlib

import httpx
import pytest
from gidgetlambda.transport import Transport

from tests.handler.apis import FAKE_TOKEN, INSTANCE, ScriptedGitLab, answer

pytestmark = pytest.mark.anyio

URL = f"{INSTANCE}/api/v4/projects/1"

IDEMPOTENT = ("GET", "HEAD", "PUT", "DELETE")
EVERY_METHOD = (*IDEMPOTENT, "POST", "PATCH")


class UnhurriedTransport(Transport):
    """Records its pauses instead of waiting."""

    def __init__(self, gitlab: ScriptedGitLab, base_url: str = INSTANCE) -> None:
        super().__init__(gitlab.client(), base_url, FAKE_TOKEN, self._pause)
        self.pauses: list[float] = []

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def request(self, method: str = "GET", url: str = URL) -> httpx.Response:
        return await self.send(method, url, {}, b"")


def is_authorized(request: httpx.Request) -> bool:
    authorized: bool = request.headers.get("authorization") == f"Bearer {FAKE_TOKEN}"
    assert authorized or FAKE_TOKEN not in str(request.headers.raw)
    return authorized


# Repetition


@pytest.mark.parametrize("method", EVERY_METHOD)
@pytest.mark.parametrize(
    ("fault", "repeated_methods", "may_act"),
    [
        (answer(429, retry_after="2"), EVERY_METHOD, False),
        (httpx.ConnectError("refused"), EVERY_METHOD, False),
        (httpx.ConnectTimeout("late"), EVERY_METHOD, False),
        (answer(502), IDEMPOTENT, True),
        (answer(503), IDEMPOTENT, False),
        (answer(504), IDEMPOTENT, True),
        (httpx.RemoteProtocolError("dropped"), IDEMPOTENT, True),
        (httpx.ReadError("reset"), IDEMPOTENT, True),
        (httpx.WriteError("reset"), IDEMPOTENT, True),
        (httpx.ReadTimeout("late"), (), True),
        (answer(429), (), False),
        (answer(429, retry_after="6"), (), False),
        (answer(403, ratelimit_limit="5", ratelimit_remaining="0", ratelimit_reset="0"), (), False),
        (answer(422), (), False),
        (answer(500), (), False),
    ],
    ids=repr,
)
async def test_repeats_a_request_and_remembers_a_write_that_gitlab_may_still_act_on(
    method: str,
    fault: httpx.Response | Exception,
    repeated_methods: tuple[str, ...],
    may_act: bool,
) -> None:
    gitlab = ScriptedGitLab(fault, answer())
    transport = UnhurriedTransport(gitlab)
    with contextlib.suppress(httpx.TransportError):
        await transport.request(method)
    assert len(gitlab.requests) == (2 if method in repeated_methods else 1)
    assert (transport.unanswered_writes > 0) is (may_act and method not in ("GET", "HEAD"))


@pytest.mark.parametrize(
    ("fault", "pauses"),
    [
        (answer(502), [0.5, 1.0, 2.0]),
        (httpx.ConnectError("refused"), [0.5, 1.0, 2.0]),
        (answer(429, retry_after="0"), [0.5, 1.0, 2.0]),
        (answer(429, retry_after="1"), [1.0, 1.0, 2.0]),
        (answer(503, retry_after="3"), [3.0]),
    ],
    ids=repr,
)
async def test_repeats_a_request_for_at_most_five_seconds(
    fault: httpx.Response | Exception, pauses: list[float]
) -> None:
    transport = UnhurriedTransport(ScriptedGitLab(fault))
    if isinstance(fault, Exception):
        with pytest.raises(type(fault)):
            await transport.request()
    else:
        assert await transport.request() is fault
    assert transport.pauses == pauses


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
        # httpx sends the user in a URL instead of the token.
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
    ],
)
async def test_sends_the_token_to_the_configured_instance_only(
    base: str, url: str, trusted: bool
) -> None:
    gitlab = ScriptedGitLab(answer())
    await UnhurriedTransport(gitlab, base).request(url=url)
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
    response = await UnhurriedTransport(gitlab).request(method)
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
    response = await UnhurriedTransport(gitlab).request(method)
    assert response.status_code == status
    assert len(gitlab.requests) == sent


async def test_raises_a_request_error_for_a_malformed_redirect() -> None:
    gitlab = ScriptedGitLab(answer(302, location="https://gitlab.example.com:port/"))
    with pytest.raises(httpx.RequestError, match="Invalid URL in location header"):
        await UnhurriedTransport(gitlab).request()


# Descriptions


@pytest.mark.parametrize(
    ("base", "url", "location", "description"),
    [
        (INSTANCE, f"{URL}?private_token=s3cret", None, f"GET {URL}"),
        (INSTANCE, "https://bob:s3cret@gitlab.example.com/x#s3cret", None, f"GET {INSTANCE}/x"),
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
    transport = UnhurriedTransport(ScriptedGitLab(*redirect, answer(401)), base)
    assert transport.describe("GET", url, await transport.request(url=url)) == description
