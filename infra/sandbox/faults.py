"""What goes wrong between a bot and GitLab, on purpose: an ASGI app around the sandbox's.

    faults = Faults(sandbox.app)
    faults.once(lost, method="POST")
    with server.serve(faults) as url:
        ...

A fault is given an exchange, and decides whether GitLab acts and what the bot hears of it.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..testing.server import drop, hang

Answer: TypeAlias = list[Message]


class Exchange:
    """One request of a bot's, read in full, and the ways to treat it."""

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

    async def act(self) -> Answer:
        """Have GitLab act on the request, and keep its answer from the bot."""
        answer: Answer = []

        async def receive() -> Message:
            return {"type": "http.request", "body": self._body, "more_body": False}

        async def keep(message: Message) -> None:
            answer.append(message)

        # The app may write into the scope, and may be called again, later.
        await self._app(dict(self._request.scope), receive, keep)
        return answer

    async def answer(self, answer: Answer) -> None:
        for message in answer:
            await self._send(message)

    async def refuse(self, status: int, headers: dict[str, str], body: str) -> None:
        """Answer without GitLab's acting on the request."""
        fields = {"content-type": "text/plain", "content-length": str(len(body)), **headers}
        raw = [(name.encode(), value.encode()) for name, value in fields.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
        await self._send({"type": "http.response.body", "body": body.encode()})

    async def drop(self) -> None:
        """Close the connection without an answer."""
        await drop(self._request.receive, self._send)

    async def hang(self) -> None:
        """Answer nothing until the bot gives up."""
        await hang(self._request.receive)


Fault: TypeAlias = Callable[[Exchange], Awaitable[None]]


async def passed(exchange: Exchange) -> None:
    """No fault: GitLab acts and answers."""
    await exchange.answer(await exchange.act())


def refused(status: int, headers: dict[str, str] | None = None, body: str = "") -> Fault:
    """GitLab, or what stands before it, answers with an error and does not act."""

    async def fault(exchange: Exchange) -> None:
        await exchange.refuse(status, headers or {}, body or f"{status}")

    return fault


async def dropped(exchange: Exchange) -> None:
    """The connection breaks, and GitLab does not act."""
    await exchange.drop()


async def silent(exchange: Exchange) -> None:
    """GitLab neither acts nor answers."""
    await exchange.hang()


async def lost(exchange: Exchange) -> None:
    """GitLab acts, and the connection breaks before its answer."""
    await exchange.act()
    await exchange.drop()


async def unheard(exchange: Exchange) -> None:
    """GitLab acts, and the bot waits for an answer that never comes."""
    await exchange.act()
    await exchange.hang()


def given_up(status: int = 502) -> Fault:
    """GitLab acts, and a proxy before it answers that it gave up."""

    async def fault(exchange: Exchange) -> None:
        await exchange.act()
        await exchange.refuse(status, {}, "GitLab is not responding")

    return fault


class Late:
    """Writes that GitLab acts on only when told to, after the bot has given up on them.

    Args:
        way: how the bot comes to give up: `dropped`, `silent`, or `refused(504)`.
    """

    def __init__(self, way: Fault = dropped) -> None:
        self._way = way
        self._waiting: deque[Exchange] = deque()

    async def __call__(self, exchange: Exchange) -> None:
        self._waiting.append(exchange)
        await self._way(exchange)

    def commit(self) -> int:
        """Have GitLab act on them now; tell how many they were."""
        done = 0
        while self._waiting:
            asyncio.run(_act(self._waiting.popleft()))
            done += 1
        return done


async def _act(exchange: Exchange) -> None:
    await exchange.act()


@dataclass(frozen=True)
class _Asked:
    fault: Fault
    method: str | None
    path: str

    def fits(self, exchange: Exchange) -> bool:
        return self.method in (None, exchange.method) and self.path in exchange.path


def killing(kill: Callable[[Exchange], None], stage: str) -> Fault:
    """The bot is killed "before" GitLab acts, "during" it (before its answer), or "after" it."""

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


class Faults:
    """An ASGI app that treats some of its requests badly, and passes the others on.

    `choose` may be set to decide about every request; what was asked for with `once` comes first.

    Args:
        app: the sandbox's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._guard = threading.Lock()
        self._asked: list[_Asked] = []
        self.choose: Callable[[Exchange], Fault | None] = lambda exchange: None

    def once(
        self, fault: Fault, *, method: str | None = None, path: str = "", times: int = 1
    ) -> None:
        """Treat the next requests of a method (any), whose path holds a text, in a bad way."""
        with self._guard:
            self._asked += [_Asked(fault, method, path)] * times

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
            for asked in self._asked:
                if asked.fits(exchange):
                    self._asked.remove(asked)
                    return asked.fault
        return self.choose(exchange)
