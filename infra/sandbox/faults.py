"""Faults between a bot and GitLab, injected by an ASGI app around the sandbox's app.

    faults = Faults(sandbox.app)
    faults.once(lost, method="POST")
    with server.serve(faults) as url:
        ...

A fault decides whether GitLab acts on a request, and which answer the bot receives.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..server import drop, hang


class Exchange:
    """A request of a bot, with the ways to handle it."""

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
        """Let GitLab act on the request, and return its answer."""
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": self._body, "more_body": False}

        async def keep(message: Message) -> None:
            answer.append(message)

        # The app may change the scope, and a later act must see the original.
        await self._app(dict(self._request.scope), receive, keep)
        return answer

    async def pass_on(self) -> None:
        """Let GitLab act and answer."""
        await self.answer(await self.act())

    async def answer(self, messages: list[Message]) -> None:
        """Send an answer of GitLab."""
        for message in messages:
            await self._send(message)

    async def refuse(self, status: int, headers: dict[str, str], body: str) -> None:
        """Answer with an error, without letting GitLab act."""
        response = PlainTextResponse(body, status, {"content-type": "text/plain", **headers})
        await response(self._request.scope, self._request.receive, self._send)

    async def drop(self) -> None:
        await drop(self._request.receive, self._send)

    async def hang(self) -> None:
        await hang(self._request.receive)


Fault: TypeAlias = Callable[[Exchange], Awaitable[None]]

# No fault: GitLab acts and answers.
passed: Fault = Exchange.pass_on
# The connection breaks, and GitLab does not act.
dropped: Fault = Exchange.drop
# GitLab neither acts nor answers.
silent: Fault = Exchange.hang


def refused(status: int, headers: dict[str, str] | None = None, body: str = "") -> Fault:
    """Return a fault: GitLab, or a proxy in front of it, answers with an error and does not act."""
    return lambda exchange: exchange.refuse(status, headers or {}, body or f"{status}")


def _after_acting(fault: Fault) -> Fault:
    async def acting(exchange: Exchange) -> None:
        await exchange.act()
        await fault(exchange)

    return acting


# GitLab acts, and the connection breaks before its answer.
lost = _after_acting(dropped)
# GitLab acts, and the bot waits for an answer that never comes.
unheard = _after_acting(silent)


def given_up(status: int = 502) -> Fault:
    """Return a fault: GitLab acts, and a proxy in front of it answers with a gateway error."""
    return _after_acting(refused(status, body="GitLab is not responding"))


def slow(seconds: float) -> Fault:
    """Return a fault: GitLab acts at once, and answers after some seconds."""

    async def fault(exchange: Exchange) -> None:
        messages = await exchange.act()
        await asyncio.sleep(seconds)
        await exchange.answer(messages)

    return fault


class Late:
    """A fault that delays writes: GitLab acts on them at `commit()`, after the bot gave up.

    Args:
        fault: Makes the bot give up: `dropped`, `silent`, or `refused(504)`.
    """

    def __init__(self, fault: Fault = dropped) -> None:
        self._fault = fault
        self._waiting: list[Exchange] = []

    async def __call__(self, exchange: Exchange) -> None:
        self._waiting.append(exchange)
        await self._fault(exchange)

    def commit(self) -> int:
        """Let GitLab act on the delayed writes, and return their number."""
        waiting, self._waiting = self._waiting, []
        for exchange in waiting:
            asyncio.run(exchange.act())
        return len(waiting)


def killing(kill: Callable[[Exchange], None], stage: str) -> Fault:
    """Return a fault that kills the bot.

    Args:
        kill: Ends the bot's process.
        stage: "before" GitLab acts, "during" its work (before the answer), or "after" the answer.
    """

    async def fault(exchange: Exchange) -> None:
        if stage == "after":
            await passed(exchange)
        elif stage == "during":
            await exchange.act()
        kill(exchange)
        if stage != "after":
            await exchange.drop()

    return fault


class Faults:
    """An ASGI app that injects faults into some requests of a sandbox, and passes the others on.

    Attributes:
        choose: Returns the fault for a request, or `None`; `once` takes precedence.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._guard = threading.Lock()
        self._planned: list[tuple[Fault, str | None, str]] = []
        self.choose: Callable[[Exchange], Fault | None] = lambda exchange: None

    def once(
        self, fault: Fault, *, method: str | None = None, path: str = "", times: int = 1
    ) -> None:
        """Inject a fault into the next requests with a method and with `path` in their path."""
        with self._guard:
            self._planned += [(fault, method, path)] * times

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
                fault, method, path = planned
                if method in (None, exchange.method) and path in exchange.path:
                    self._planned.remove(planned)
                    return fault
        return self.choose(exchange)
