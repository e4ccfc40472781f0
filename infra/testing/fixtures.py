"""A pytest plugin for the tests of a bot: fixtures, and a readable log of each failing test.

The root `conftest.py` of a test suite loads it: `pytest_plugins = ["infra.testing.fixtures"]`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest
from gidgetlambda import GitLabBot, Router
from gidgetlambda.logs import LineFormatter
from gidgetlambda.markers import MARKER
from gidgetlambda.startup import serving_prevented

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.server import serve as serve_sandbox

from ..server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.sandbox.state import Noteable

SECRET = "hook-secret"
SETTINGS = ("GL_", "LOG_LEVEL", "METRICS_NAMESPACE", "QUEUE_URL", "PARKED_QUEUE_URL")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Show the bot's log as `make run` does: lines with their fields, and tracebacks."""
    logging_plugin = session.config.pluginmanager.get_plugin("logging-plugin")
    if logging_plugin is not None:  # `-p no:logging`
        logging_plugin.report_handler.setFormatter(LineFormatter())


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Import the tests, and with them the bot, which can end with `bot.run()`."""
    with serving_prevented():
        return (yield)


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of the person who runs the tests."""
    for name in tuple(os.environ):
        if name.startswith(SETTINGS):
            monkeypatch.delenv(name)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A new sandbox GitLab, served over HTTP at `sandbox.url`."""
    with Sandbox() as instance, serve_sandbox(instance):
        yield instance


class ServeBot(Protocol):
    """The fixture `serve_bot`."""

    def __call__(self, *parts: GitLabBot | Router) -> None:
        """Serve a bot until the test ends.

        Args:
            parts: The bot, or the routers of a new bot.
        """


@pytest.fixture
def serve_bot(sandbox: Sandbox, bare_environment: None) -> Iterator[ServeBot]:
    """Serves a bot that works on the sandbox and receives all of its webhooks.

    The served bot has the handlers of the given one and settings of its own, because a bot keeps
    its settings and each test has a new sandbox.
    """
    with ExitStack() as served:

        def serve_bot(*parts: GitLabBot | Router) -> None:
            bot = GitLabBot("tester", secret=SECRET, access_token=BOT_TOKEN, url=sandbox.url)
            for part in parts:
                bot.register_routers(part.router if isinstance(part, GitLabBot) else part)
            url = served.enter_context(serve(bot.app))
            sandbox.add_hook(f"{url}/webhook", token=SECRET)

        yield serve_bot
        sandbox.settle()


def comments(noteable: Noteable) -> list[str]:
    """Return the texts of the comments on an issue or merge request, without markers."""
    bodies = [note.body for note in noteable.notes if not note.system]
    return [MARKER.sub("", body).rstrip() for body in bodies]
