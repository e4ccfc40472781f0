"""Fixtures that all tests can use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.server import serve as serve_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.sandbox.faults import Faults
    from infra.testing.functions import FunctionTransport
    from infra.testing.sqs import Sqs
    from infra.testing.stack import FunctionStack

pytest_plugins = ["infra.testing.fixtures"]


# The stand-ins are on this machine. The installation of packages can need the proxy.
for name in ("NO_PROXY", "no_proxy"):
    given = os.environ.get(name)
    os.environ[name] = ",".join([*([given] if given else []), "127.0.0.1", "localhost"])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def in_process() -> Iterator[Sandbox]:
    """Yield a sandbox GitLab without a server: for `httpx.ASGITransport(in_process.app)`."""
    with Sandbox() as instance:
        yield instance


@pytest.fixture
def transport() -> FunctionTransport:
    """Return a transport from GitLab to a function, which is made after GitLab."""
    from infra.testing.functions import FunctionTransport

    return FunctionTransport()


@pytest.fixture(scope="session")
def served_sqs() -> Iterator[Sqs]:
    """Start one server for all tests that use `sqs`: moto has one state anyway."""
    from infra.testing.sqs import serve  # only tests of the queue pay for moto's import

    with serve() as started:
        yield started


@pytest.fixture
def sqs(served_sqs: Sqs) -> Sqs:
    """Return an empty SQS, served over HTTP at `sqs.url`."""
    served_sqs.reset()
    return served_sqs


class Switch:
    """An ASGI app that passes requests to another app, which each test sets.

    Starting and stopping a server takes longer than most tests.
    """

    def __init__(self) -> None:
        self.app: Any
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def switch() -> Iterator[Switch]:
    """Start one server for all tests that use `faults`."""
    started = Switch()
    with serve_app(started) as started.url:
        yield started


@pytest.fixture
def faults(switch: Switch, in_process: Sandbox) -> Faults:
    """Return the faults of the sandbox `in_process`, which this fixture serves over HTTP."""
    from infra.sandbox.faults import Faults

    in_process.url = switch.url
    faulty = switch.app = Faults(in_process.app)
    return faulty


@pytest.fixture
def stack(sqs: Sqs, in_process: Sandbox, faults: Faults) -> FunctionStack:
    """Return the stack's queues, roles and functions, for a bot at the sandbox."""
    from infra.testing.stack import FunctionStack
    from infra.testing.template import read

    parameters = {
        "AccessToken": BOT_TOKEN,
        "GitLabUrl": in_process.url,
        "WebhookSecret": "the-webhook-secret",
    }
    return FunctionStack(sqs, read(parameters))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print every figure that a test recorded with `record_property("figure", text)`."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    figures = [
        str(text)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, text in report.user_properties
        if name == "figure"
    ]
    if figures:
        terminalreporter.section("figures")
        for figure in sorted(figures):
            terminalreporter.write_line(figure)
