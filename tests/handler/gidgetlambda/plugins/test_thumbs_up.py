import pytest
from gidgetlambda.plugins import thumbs_up

from infra.sandbox import Sandbox
from infra.sandbox.state import Awardable
from tests.handler.gidgetlambda.plugins.conftest import Install


def emojis(awardable: Awardable) -> list[tuple[str, str]]:
    return [(award.name, award.user.username) for award in awardable.awards]


@pytest.mark.parametrize("confidential", [False, True])
def test_a_comment_on_an_issue_gets_a_thumb(
    install: Install, sandbox: Sandbox, confidential: bool
) -> None:
    install(thumbs_up.router)
    issue = sandbox.open_issue("A bug", confidential=confidential)
    note = sandbox.comment(issue, "Me too")
    sandbox.settle()
    assert emojis(note) == [("thumbsup", "playground-bot")]
    assert emojis(issue) == []


def test_an_edited_comment_gets_no_second_thumb(install: Install, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    note = sandbox.comment(issue, "Me to")
    install(thumbs_up.router)
    sandbox.edit_note(note, "Me too")
    sandbox.settle()
    assert emojis(note) == []


def test_other_comments_get_none(install: Install, sandbox: Sandbox) -> None:
    install(thumbs_up.router)
    notes = [
        sandbox.comment(sandbox.open_merge_request("A change"), "Nice"),
        sandbox.comment(sandbox.open_issue("A bug"), "Mine", by="playground-bot"),
    ]
    sandbox.settle()
    assert [emojis(note) for note in notes] == [[], []]


def test_the_emoji_is_a_setting(install: Install, sandbox: Sandbox) -> None:
    install(thumbs_up.router.with_settings(emoji="eyes"))
    note = sandbox.comment(sandbox.open_issue("A bug"), "Me too")
    sandbox.settle()
    assert emojis(note) == [("eyes", "playground-bot")]
