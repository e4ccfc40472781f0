from gidgetlambda.plugins import thanks

from infra.sandbox import Sandbox
from tests.handler.gidgetlambda.plugins.conftest import Install
from tests.handler.gidgetlambda.plugins.notes import texts


def test_the_author_is_thanked_whoever_merges(install: Install, sandbox: Sandbox) -> None:
    install(thanks.router)
    merge_request = sandbox.open_merge_request("A change", by="bob")
    sandbox.merge(merge_request, by="alice")
    sandbox.settle()
    assert texts(merge_request) == ["Thanks for the contribution @bob!"]


def test_a_merge_request_that_is_merely_closed_is_not_thanked_for(
    install: Install, sandbox: Sandbox
) -> None:
    install(thanks.router)
    merge_request = sandbox.open_merge_request("A change")
    sandbox.close_issuable(merge_request)
    sandbox.settle()
    assert texts(merge_request) == []


def test_the_text_is_a_setting(install: Install, sandbox: Sandbox) -> None:
    install(thanks.router.with_settings(text="Merci, {username}"))
    merge_request = sandbox.open_merge_request("A change", by="bob")
    sandbox.merge(merge_request)
    sandbox.settle()
    assert texts(merge_request) == ["Merci, bob"]
