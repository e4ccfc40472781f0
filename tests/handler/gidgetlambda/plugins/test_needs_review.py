from gidgetlambda.plugins import needs_review

from infra.sandbox import Edit, Sandbox
from infra.sandbox.state import MergeRequest
from tests.handler.gidgetlambda.plugins.conftest import Install


def labels(merge_request: MergeRequest) -> set[str]:
    return {label.name for label in merge_request.labels}


def test_a_new_merge_request_is_labelled_and_keeps_its_labels(
    install: Install, sandbox: Sandbox
) -> None:
    install(needs_review.router)
    merge_request = sandbox.open_merge_request("A change", labels=["bug"])
    sandbox.settle()
    assert labels(merge_request) == {"bug", "needs review"}


def test_a_label_that_was_taken_off_stays_off(install: Install, sandbox: Sandbox) -> None:
    merge_request = sandbox.open_merge_request("A change")
    install(needs_review.router)
    sandbox.edit(merge_request, Edit(title="Another change"))
    sandbox.close_issuable(merge_request)
    sandbox.reopen(merge_request)
    sandbox.settle()
    assert labels(merge_request) == set()


def test_the_label_is_a_setting(install: Install, sandbox: Sandbox) -> None:
    install(needs_review.router.with_settings(label="docs"))
    merge_request = sandbox.open_merge_request("A change")
    sandbox.settle()
    assert labels(merge_request) == {"docs"}
