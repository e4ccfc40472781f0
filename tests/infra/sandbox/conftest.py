"""Clients of the sandbox's API, and a receiver of its webhooks, over real HTTP."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from infra.sandbox import ALICE_TOKEN, ROOT_TOKEN, Sandbox
from infra.server import serve

Connect = Callable[[str], httpx.Client]


@dataclass
class ReceivedDelivery:
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass
class HookReceiver:
    """An endpoint that records the deliveries it receives, and answers `status` and `body`."""

    url: str = ""
    status: int = 200
    body: bytes = b'{"status": "done"}'
    got: list[ReceivedDelivery] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope, receive)
            self.got.append(ReceivedDelivery(dict(request.headers), await request.body()))
            await Response(self.body, self.status)(scope, receive, send)

    @property
    def events(self) -> list[str]:
        return [each.headers["x-gitlab-event"] for each in self.got]


@pytest.fixture(scope="session")
def served_receiver() -> Iterator[HookReceiver]:
    """Start one server for all tests that use `receiver`."""
    receiver = HookReceiver()
    with serve(receiver) as url:
        receiver.url = f"{url}/webhook"
        yield receiver


@pytest.fixture
def receiver(served_receiver: HookReceiver) -> HookReceiver:
    new = HookReceiver(url=served_receiver.url)
    served_receiver.__dict__.update(new.__dict__)
    return served_receiver


@pytest.fixture
def settings() -> dict[str, Any]:
    """Return the arguments of `sandbox`, which tests parametrize."""
    return {}


@pytest.fixture
def sandbox(switch: Any, settings: dict[str, Any]) -> Iterator[Sandbox]:
    """Yield a new sandbox at `sandbox.url`, on a server that all tests share."""
    with Sandbox(url=switch.url, **settings) as fresh:
        switch.app = fresh.app
        yield fresh


@pytest.fixture
def connect(sandbox: Sandbox) -> Iterator[Connect]:
    """Yield a function that returns a client of the API with a token."""
    with ExitStack() as opened:

        def connected(token: str) -> httpx.Client:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            base_url = f"{sandbox.url}/api/v4"
            client = httpx.Client(base_url=base_url, headers=headers, trust_env=False)
            return opened.enter_context(client)

        yield connected


@pytest.fixture
def alice(connect: Connect) -> httpx.Client:
    """Return a client of the API as alice, a maintainer."""
    return connect(ALICE_TOKEN)


@pytest.fixture
def root(connect: Connect) -> httpx.Client:
    """Return a client of the API as an administrator."""
    return connect(ROOT_TOKEN)
