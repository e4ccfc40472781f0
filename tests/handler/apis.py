"""GitLabAPI objects for tests, with a sandbox or with a scripted GitLab behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
from gidgetlambda import GitLabAPI
from gidgetlambda.notes import Origin

from infra.sandbox import BOT_TOKEN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from infra.sandbox import Sandbox

INSTANCE = "https://gitlab.example.com"
FAKE_TOKEN = "glpat-fake"
BOT_ID = 4


class ScriptedGitLab:
    """Gives scripted answers, one per request, that the sandbox does not give; repeats the last.

    Attributes:
        requests: The requests that it received.
    """

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, Exception):
            raise given
        return given

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self))

    def api(self, *, url: str = INSTANCE, cache: Any = None) -> GitLabAPI:
        return GitLabAPI(self.client(), "tester", access_token=FAKE_TOKEN, url=url, cache=cache)


def answer(status: int = 200, data: Any = None, **headers: str) -> httpx.Response:
    """Return a JSON answer; underscores in the names of headers stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=data, headers=named)


def sandbox_api(sandbox: Sandbox, token: str | None = BOT_TOKEN) -> GitLabAPI:
    """Return an API for a sandbox without a server."""
    transport = httpx.ASGITransport(sandbox.app)
    return GitLabAPI(transport, "tester", access_token=token, url=sandbox.url)


class Observed(httpx.AsyncBaseTransport):
    """Calls a hook before each request of another transport."""

    def __init__(self, transport: Any, hook: Callable[[httpx.Request], Awaitable[None]]) -> None:
        self._transport = transport
        self._hook = hook

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._hook(request)
        response: httpx.Response = await self._transport.handle_async_request(request)
        return response


def observe(gl: GitLabAPI, hook: Callable[[httpx.Request], Awaitable[None]]) -> None:
    """Call a hook before each further request of an API."""
    gl._sender._client = Observed(gl._sender._client, hook)


def for_run(api: GitLabAPI, *, delivery: str = "d-1", handler: str = "m:h") -> GitLabAPI:
    """Return the API after it began to act for a handler's run on a delivery."""
    api.act_for(Origin(delivery, handler, BOT_ID))
    return api
