"""What any test may ask for."""

from collections.abc import Iterator

import pytest

from infra.sandbox import Sandbox
from infra.sandbox.server import serve


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
