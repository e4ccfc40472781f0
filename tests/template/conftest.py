"""The template and the two stacks that it describes."""

import pytest

from tests.template.stack import Resource, Stack, expanded_template, written_template


@pytest.fixture(scope="session")
def written() -> Resource:
    return written_template()


@pytest.fixture(scope="session")
def expanded() -> Resource:
    return expanded_template()


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
