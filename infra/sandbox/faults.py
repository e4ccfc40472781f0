"""Faults between a bot and GitLab, injected on purpose: an ASGI app around the sandbox's.

    faults = Faults(sandbox.app)
    faults.once(lost, method="POST")
    with server.serve(faults) as url:
        ...

A fault takes an exchange and decides whether GitLab acts on it and what the bot receives.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..testing import breakage


class Exchange:
    """One request of a bot, read in full, and the ways to answer it."""

    def __init__(self, app: ASGIApp, request: Request, body: bytes, send: Send) -> None:
        self.method = request.method
        self.path = request.url.path
        self.token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self._app = app
        self._request = request
        self._body = body
        self._send = send

    @property
    def writes(self) -> bool:
        return self.method not in ("GET", "HEAD")

    async def act(self) -> list[Message]:
        """Let GitLab act on the request, and withhold its answer from the bot."""
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": self._body, "more_body": False}

        async def keep(message: Message) -> None:
            answer.append(message)

        # The app may write into the scope, and the request may be acted on again later.
        await self._app(dict(self._request.scope), receive, keep)
        return answer

    async def answer(self, answer: list[Message]) -> None:
        for message in answer:
            await self._send(message)

    async def refuse(self, status: int, headers: dict[str, str], body: str) -> None:
        """Answer with an error, without letting GitLab act on the request."""
        response = PlainTextResponse(body, status, {"content-type": "text/plain", **headers})
        await response(self._request.scope, self._request.receive, self._send)

    async def drop(self) -> None:
        """Close the connection without an answer."""
        await breakage.drop(self._request.receive, self._send)

    async def hang(self) -> None:
        """Send no answer until the bot gives up."""
        await breakage.hang(self._request.receive)


Fault: TypeAlias = Callable[[Exchange], Awaitable[None]]


async def passed(exchange: Exchange) -> None:
    """No fault: GitLab acts and answers."""
    await exchange.answer(await exchange.act())


def refused(status: int, headers: dict[str, str] | None = None, body: str = "") -> Fault:
    """GitLab, or a proxy in front of it, answers with an error and does not act."""

    async def fault(exchange: Exchange) -> None:
        await exchange.refuse(status, headers or {}, body or f"{status}")

    return fault


async def dropped(exchange: Exchange) -> None:
    """The connection breaks, and GitLab does not act."""
    await exchange.drop()


async def silent(exchange: Exchange) -> None:
    """GitLab neither acts nor answers."""
    await exchange.hang()


def _after_acting(fault: Fault) -> Fault:
    async def acting(exchange: Exchange) -> None:
        await exchange.act()
        await fault(exchange)

    return acting


# GitLab acts, and the connection breaks before its answer.
lost = _after_acting(dropped)
# GitLab acts, and its answer never reaches the bot, which waits for it.
unheard = _after_acting(silent)


def given_up(status: int = 502) -> Fault:
    """GitLab acts, and a proxy in front of it answers with a gateway error."""
    return _after_acting(refused(status, body="GitLab is not responding"))


class Late:
    """A fault that delays writes: GitLab acts on them at `commit()`, after the bot gave up.

    Args:
        way: the fault that makes the bot give up: `dropped`, `silent`, or `refused(504)`.
    """

    def __init__(self, way: Fault = dropped) -> None:
        self._way = way
        self._waiting: deque[Exchange] = deque()

    async def __call__(self, exchange: Exchange) -> None:
        self._waiting.append(exchange)
        await self._way(exchange)

    def commit(self) -> int:
        """Let GitLab act on the delayed writes, and return their number."""
        done = 0
        while self._waiting:
            asyncio.run(self._waiting.popleft().act())
            done += 1
        return done


def killing(kill: Callable[[Exchange], None], stage: str) -> Fault:
    """The bot is killed "before" GitLab acts, "during" (before the answer), or "after" it."""

    async def fault(exchange: Exchange) -> None:
        if stage == "before":
            kill(exchange)
            return await exchange.drop()
        answer = await exchange.act()
        if stage == "after":
            await exchange.answer(answer)
        kill(exchange)
        return await exchange.drop() if stage == "during" else None

    return fault


class _Planned(NamedTuple):
    fault: Fault
    method: str | None
    path: str

    def matches(self, exchange: Exchange) -> bool:
        return self.method in (None, exchange.method) and self.path in exchange.path


class Faults:
    """An ASGI app that injects faults into some of its requests, and passes the others on.

    Attributes:
        choose: returns the fault for a request, or `None`; `once` takes precedence.

    Args:
        app: the sandbox's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._guard = threading.Lock()
        self._planned: list[_Planned] = []
        self.choose: Callable[[Exchange], Fault | None] = lambda exchange: None

    def once(
        self, fault: Fault, *, method: str | None = None, path: str = "", times: int = 1
    ) -> None:
        """Inject a fault into the next requests with this method and with this text in the path.

        Args:
            fault: the fault.
            method: any method by default.
            path: any path by default.
            times: the number of requests.
        """
        with self._guard:
            self._planned += [_Planned(fault, method, path)] * times

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope, receive)
        with contextlib.suppress(ClientDisconnect):
            exchange = Exchange(self._app, request, await request.body(), send)
            await (self._next(exchange) or passed)(exchange)
        return None

    def _next(self, exchange: Exchange) -> Fault | None:
        with self._guard:
            for planned in self._planned:
                if planned.matches(exchange):
                    self._planned.remove(planned)
                    return planned.fault
        return self.choose(exchange)
