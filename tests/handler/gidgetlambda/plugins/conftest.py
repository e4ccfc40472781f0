"""A bot of one's own between a sandbox GitLab and its webhooks."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from gidgetlambda import GitLabBot, Router

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.server import serve as serve_sandbox
from infra.testing.server import serve

TRUST = httpx.create_ssl_context()

Install = Callable[..., None]


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all: each test opens what it needs."""
    with Sandbox() as instance, serve_sandbox(instance):
        yield instance


@pytest.fixture
def install(sandbox: Sandbox) -> Iterator[Install]:
    """Serves a bot with these routers, and gives it every webhook of the sandbox."""
    with ExitStack() as installed:

        def install(*routers: Router) -> None:
            bot = GitLabBot(
                "tester",
                secret="hook-secret",
                access_token=BOT_TOKEN,
                url=sandbox.url,
                ssl_context=TRUST,
            )
            bot.register_routers(*routers)
            url = installed.enter_context(serve(bot.app))
            sandbox.add_hook(f"{url}/webhook", token="hook-secret")

        yield install
        sandbox.settle()
        sandbox.project.hooks.clear()
