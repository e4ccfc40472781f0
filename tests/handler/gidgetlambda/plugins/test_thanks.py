from gidgetlambda.plugins import thanks

from infra.sandbox import Sandbox
from infra.testing.fixtures import ServeBot, comments


def test_thanks_the_author_whoever_merges(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    serve_bot(thanks.router)
    merge_request = sandbox.open_merge_request("A change", by="bob")
    sandbox.merge(merge_request, by="alice")
    sandbox.settle()
    assert comments(merge_request) == ["Thanks for the contribution @bob!"]


def test_does_not_thank_for_a_closed_merge_request(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    serve_bot(thanks.router)
    merge_request = sandbox.open_merge_request("A change")
    sandbox.close_issuable(merge_request)
    sandbox.settle()
    assert comments(merge_request) == []


def test_text_is_a_setting(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    serve_bot(thanks.router.with_settings(text="Merci, {username}"))
    merge_request = sandbox.open_merge_request("A change", by="bob")
    sandbox.merge(merge_request)
    sandbox.settle()
    assert comments(merge_request) == ["Merci, bob"]
