"""The extraction of quick actions from text."""

import pytest

from infra.sandbox.quick_actions import extract


def test_extracts_quick_actions_from_text() -> None:
    text, actions = extract('Hello\n/close\n/label ~bug ~"two words"\nBye\n/assign @alice, @bob.')
    assert text == "Hello\nBye"
    assert [action.name for action in actions] == ["close", "label", "assign"]
    assert actions[1].labels() == ["bug", "two words"]
    assert actions[2].usernames() == ["alice", "bob"]


@pytest.mark.parametrize("fence", ["~~~", "````", "  ```"])
def test_executes_quick_actions_in_a_block_that_gitlab_does_not_know(fence: str) -> None:
    assert [action.name for action in extract(f"{fence}\n/close\n{fence}")[1]] == ["close"]


@pytest.mark.parametrize(
    "text",
    [
        "Just /close in a line",
        "/unknown_command here",
        "/usr/bin/python",
        "```\n/close\n```",
        " /close is indented",
        "",
    ],
)
def test_leaves_other_text_unchanged(text: str) -> None:
    assert extract(text) == (text, [])
