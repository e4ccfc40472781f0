"""The template, and the two stacks that it makes."""

import pytest

from tests.template.stack import Resource, Stack
from tests.template.stack import expanded as expand
from tests.template.stack import written as read


@pytest.fixture(scope="session")
def written() -> Resource:
    return read()


@pytest.fixture(scope="session")
def expanded() -> Resource:
    return expand()


@pytest.fixture(scope="session")
def queued(expanded: Resource) -> Stack:
    return Stack(expanded)


@pytest.fixture(scope="session")
def inline(expanded: Resource) -> Stack:
    return Stack(expanded, Mode="inline")


@pytest.fixture(params=["queued", "inline"])
def stack(request: pytest.FixtureRequest, expanded: Resource) -> Stack:
    """The stack of each mode."""
    return Stack(expanded, Mode=request.param)
