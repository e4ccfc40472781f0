"""The tests of this deployment's bot: change them along with `handler/bot.py`.

`serve_bot(bot)` serves the bot and sends it every webhook of the sandbox GitLab, where people open
issues, comment, merge and push: see `infra/sandbox/sandbox.py`.
"""

from bot import bot

from infra.sandbox import Sandbox
from infra.testing.fixtures import ServeBot, comments


def test_welcomes_the_author_of_a_new_issue(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    serve_bot(bot)
    issue = sandbox.open_issue("It does not start", by="alice")
    sandbox.settle()  # wait until the bot has answered all webhooks
    # `in` and not `==`: another handler of yours may comment on new issues too.
    assert "Thanks for the report @alice! I will look into it ASAP! (I'm a bot)." in comments(issue)


def test_thanks_the_author_of_a_merged_change(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    serve_bot(bot)
    merge_request = sandbox.open_merge_request("A change", by="bob")
    sandbox.merge(merge_request, by="alice")
    sandbox.settle()
    assert "Thanks for the contribution @bob!" in comments(merge_request)
