"""Quick actions are separated from text."""

import pytest

from infra.sandbox.quick_actions import QuickAction, extract


def test_extracts_quick_actions_from_text() -> None:
    text, actions = extract('Hello\n/close\n/label ~bug ~"two words"\nBye')
    assert text == "Hello\nBye"
    assert actions == [QuickAction("close", ""), QuickAction("label", '~bug ~"two words"')]
    assert actions[1].labels() == ["bug", "two words"]


@pytest.mark.parametrize(
    "text",
    [
        "Just /close in a line",
        "/unknown_command here",
        "/usr/bin/python",
        "```\n/close\n```",
        "~~~\n/label ~bug\n~~~",
        " /close is indented",
        "",
    ],
)
def test_leaves_other_text_unchanged(text: str) -> None:
    assert extract(text) == (text, [])


def test_finds_usernames() -> None:
    _, (action,) = extract("/assign @alice and @bob.")
    assert action.usernames() == ["alice", "bob"]
