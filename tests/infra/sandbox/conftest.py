"""Clients of the sandbox's API, and a receiver of its webhooks."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from infra.sandbox import ALICE_TOKEN, Sandbox
from infra.testing.server import serve

Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@dataclass
class Delivery:
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """An endpoint for webhooks, which keeps what it got and answers `status`."""

    url: str = ""
    status: int = 200
    body: bytes = b'{"status": "done"}'
    got: list[Delivery] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.got.append(Delivery(headers, body))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": self.body})

    @property
    def events(self) -> list[str]:
        return [each.headers["x-gitlab-event"] for each in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    endpoint = Receiver()
    with serve(endpoint) as url:
        endpoint.url = f"{url}/webhook"
        yield endpoint


@pytest.fixture
def connect(in_process: Sandbox) -> Connect:
    """`connect(token)`: a client of the API of `in_process`, as whoever the token belongs to."""

    @asynccontextmanager
    async def connect(token: str = ALICE_TOKEN) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(in_process.app),
            base_url=f"{in_process.url}/api/v4",
            headers={"Authorization": f"Bearer {token}"} if token else {},
        ) as client:
            yield client

    return connect


@pytest.fixture
async def alice(connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API of `in_process`, as alice, a maintainer."""
    async with connect() as client:
        yield client
