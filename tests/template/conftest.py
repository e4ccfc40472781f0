"""The template and the two stacks that it describes."""

import pytest

from tests.template.stack import Resource, TemplateStack, expanded_template, written_template


@pytest.fixture(scope="session")
def written() -> Resource:
    return written_template()


@pytest.fixture(scope="session")
def expanded() -> Resource:
    return expanded_template()


@pytest.fixture(scope="session")
def queued(expanded: Resource) -> TemplateStack:
    return TemplateStack(expanded)


@pytest.fixture(scope="session")
def inline(expanded: Resource) -> TemplateStack:
    return TemplateStack(expanded, Mode="inline")


@pytest.fixture(params=["queued", "inline"])
def stack(request: pytest.FixtureRequest, expanded: Resource) -> TemplateStack:
    return TemplateStack(expanded, Mode=request.param)
