import pytest
from gidgetlambda.plugins import welcome

from infra.sandbox import Sandbox
from infra.testing.fixtures import ServeBot, comments

THANKS = "Thanks for the report @alice! I will look into it ASAP! (I'm a bot)."


@pytest.mark.parametrize("confidential", [False, True])
def test_thanks_the_author_of_a_new_issue(
    serve_bot: ServeBot, sandbox: Sandbox, confidential: bool
) -> None:
    serve_bot(welcome.router)
    issue = sandbox.open_issue("A bug", by="alice", confidential=confidential)
    sandbox.settle()
    assert comments(issue) == [THANKS]
    assert issue.notes[0].author.username == "playground-bot"


def test_does_not_comment_on_other_issues(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    old = sandbox.open_issue("A bug")
    serve_bot(welcome.router)
    sandbox.close_issuable(old)
    sandbox.reopen(old)
    own = sandbox.open_issue("A bug", by="playground-bot")
    sandbox.settle()
    assert [comments(issue) for issue in (old, own)] == [[], []]


def test_text_is_a_setting(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    serve_bot(welcome.router.with_settings(text="{username}: 100 % {thanks}"))
    issue = sandbox.open_issue("A bug", by="bob")
    sandbox.settle()
    assert comments(issue) == ["bob: 100 % {thanks}"]
