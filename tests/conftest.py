"""What any test may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.sandbox import Sandbox
from infra.sandbox.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.testing.sqs import Sqs


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh sandbox GitLab, served over HTTP at `sandbox.url`."""
    instance = Sandbox()
    with serve(instance):
        yield instance


@pytest.fixture
def in_process() -> Iterator[Sandbox]:
    """A fresh sandbox GitLab without a server: for `httpx.ASGITransport(in_process.app)`."""
    with Sandbox() as instance:
        yield instance


@pytest.fixture(scope="session")
def served_sqs() -> Iterator[Sqs]:
    """For `sqs` alone: one server for all tests, since moto has one state anyway."""
    from infra.testing.sqs import serve  # only tests of the queue pay for moto's import

    with serve() as started:
        yield started


@pytest.fixture
def sqs(served_sqs: Sqs) -> Sqs:
    """An empty SQS, served over HTTP at `sqs.url`."""
    served_sqs.reset()
    return served_sqs
