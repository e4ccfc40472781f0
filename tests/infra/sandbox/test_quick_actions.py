"""Quick actions are told from text."""

import pytest

from infra.sandbox.quick_actions import QuickAction, extract


def test_commands_are_taken_out_of_the_text() -> None:
    text, commands = extract('Hello\n/close\n/label ~bug ~"two words"\nBye')
    assert text == "Hello\nBye"
    assert commands == [QuickAction("close", ""), QuickAction("label", '~bug ~"two words"')]
    assert commands[1].labels() == ["bug", "two words"]


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
def test_other_text_stays_as_it_is(text: str) -> None:
    assert extract(text) == (text, [])


def test_people_are_found_by_name() -> None:
    _, (command,) = extract("/assign @alice and @bob.")
    assert command.usernames() == ["alice", "bob"]
