import pytest
from gidgetlambda.plugins import thumbs_up

from infra.sandbox import Sandbox
from infra.sandbox.state import Awardable
from infra.testing.fixtures import ServeBot


def emojis(awardable: Awardable) -> list[tuple[str, str]]:
    return [(award.name, award.user.username) for award in awardable.awards]


@pytest.mark.parametrize("confidential", [False, True])
def test_reacts_to_a_comment_on_an_issue(
    serve_bot: ServeBot, sandbox: Sandbox, confidential: bool
) -> None:
    serve_bot(thumbs_up.router)
    issue = sandbox.open_issue("A bug", confidential=confidential)
    note = sandbox.comment(issue, "Me too")
    sandbox.settle()
    assert emojis(note) == [("thumbsup", "playground-bot")]
    assert emojis(issue) == []


def test_does_not_react_to_other_comments(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    edited = sandbox.comment(sandbox.open_issue("A bug"), "Me to")
    serve_bot(thumbs_up.router)
    sandbox.edit_note(edited, "Me too")
    on_a_change = sandbox.comment(sandbox.open_merge_request("A change"), "Nice")
    own = sandbox.comment(sandbox.open_issue("A bug"), "Mine", by="playground-bot")
    sandbox.settle()
    assert [emojis(note) for note in (edited, on_a_change, own)] == [[], [], []]


def test_emoji_is_a_setting(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    serve_bot(thumbs_up.router.with_settings(emoji="eyes"))
    note = sandbox.comment(sandbox.open_issue("A bug"), "Me too")
    sandbox.settle()
    assert emojis(note) == [("eyes", "playground-bot")]
