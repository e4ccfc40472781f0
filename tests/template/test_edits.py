"""The edits of the template in docs/operating.md, applied to the template and linted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from cfnlint.api import lint_all
from samtranslator.yaml_helper import yaml_parse

from tests.template.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = (ROOT / "template.yaml").read_text()


def edits() -> Iterator[tuple[str, list[str]]]:
    """Yield the subject of each edit and its changes."""
    text = (ROOT / "docs" / "operating.md").read_text()
    section = text.partition("\n## Edits of the template\n")[2].partition("\n## ")[0]
    for part in re.split(r"^(?=\*\*)", section, flags=re.MULTILINE)[1:]:
        subject = re.findall(r"\*\*(.+?)\.?\*\*", part, re.DOTALL)[0]
        yield subject, re.findall(r"```diff\n(.*?)```", part, re.DOTALL)


def applied(template: str, change: str) -> str:
    """Apply a change whose lines begin with a space, "-" or "+"."""
    lines = change.splitlines()
    before = "\n".join(line[1:] for line in lines if line[:1] != "+")
    after = "\n".join(line[1:] for line in lines if line[:1] != "-")
    assert template.count(before) == 1, before
    return template.replace(before, after)


@pytest.mark.parametrize(("subject", "changes"), list(edits()), ids=lambda value: str(value)[:30])
def test_an_edit_makes_a_valid_template(subject: str, changes: list[str]) -> None:
    assert changes, subject
    edited = TEMPLATE
    for change in changes:
        edited = applied(edited, change)
    assert edited != TEMPLATE
    problems = [each for each in lint_all(edited) if each.rule.severity != "informational"]
    assert [str(problem) for problem in problems] == []


def test_the_visibility_timeout_of_the_longer_limit_belongs_to_it() -> None:
    (changes,) = [changes for subject, changes in edits() if "longer time" in subject]
    edited = TEMPLATE
    for change in changes:
        edited = applied(edited, change)
    resources = yaml_parse(edited)["Resources"]
    timeout = resources["WorkFunction"]["Properties"]["Timeout"]
    assert timeout == 300
    assert resources["TaskQueue"]["Properties"]["VisibilityTimeout"] == 6 * timeout
