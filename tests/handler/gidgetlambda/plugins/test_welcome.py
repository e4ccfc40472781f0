import pytest
from gidgetlambda.plugins import welcome

from infra.sandbox import Sandbox
from tests.handler.gidgetlambda.plugins.conftest import Install
from tests.handler.gidgetlambda.plugins.notes import texts

THANKS = "Thanks for the report @alice! I will look into it ASAP! (I'm a bot)."


@pytest.mark.parametrize("confidential", [False, True])
def test_who_opens_an_issue_is_thanked(
    install: Install, sandbox: Sandbox, confidential: bool
) -> None:
    install(welcome.router)
    issue = sandbox.open_issue("A bug", confidential=confidential)
    sandbox.settle()
    assert texts(issue) == [THANKS]
    assert issue.notes[0].author.username == "playground-bot"


def test_nobody_is_thanked_for_closing_or_reopening(install: Install, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    install(welcome.router)
    sandbox.close_issuable(issue)
    sandbox.reopen(issue)
    sandbox.settle()
    assert texts(issue) == []


def test_the_bot_does_not_thank_itself(install: Install, sandbox: Sandbox) -> None:
    install(welcome.router)
    issue = sandbox.open_issue("A bug", by="playground-bot")
    sandbox.settle()
    assert texts(issue) == []


def test_the_text_is_a_setting(install: Install, sandbox: Sandbox) -> None:
    install(welcome.router.with_settings(text="{username}: 100 % {thanks}"))
    issue = sandbox.open_issue("A bug", by="bob")
    sandbox.settle()
    assert texts(issue) == ["bob: 100 % {thanks}"]
