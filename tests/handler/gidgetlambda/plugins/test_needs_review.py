from gidgetlambda.plugins import needs_review

from infra.sandbox import Edit, Sandbox
from infra.sandbox.state import MergeRequest
from infra.testing.fixtures import ServeBot


def labels(merge_request: MergeRequest) -> set[str]:
    return {label.name for label in merge_request.labels}


def test_labels_a_new_merge_request_and_keeps_its_labels(
    serve_bot: ServeBot, sandbox: Sandbox
) -> None:
    serve_bot(needs_review.router)
    merge_request = sandbox.open_merge_request("A change", labels=["bug"])
    sandbox.settle()
    assert labels(merge_request) == {"bug", "needs review"}


def test_does_not_label_an_old_merge_request(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    merge_request = sandbox.open_merge_request("A change")
    serve_bot(needs_review.router)
    sandbox.edit(merge_request, Edit(title="Another change"))
    sandbox.close_issuable(merge_request)
    sandbox.reopen(merge_request)
    sandbox.settle()
    assert labels(merge_request) == set()


def test_label_is_a_setting(serve_bot: ServeBot, sandbox: Sandbox) -> None:
    serve_bot(needs_review.router.with_settings(label="docs"))
    merge_request = sandbox.open_merge_request("A change")
    sandbox.settle()
    assert labels(merge_request) == {"docs"}
