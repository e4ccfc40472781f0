"""The sandbox's webhook bodies have the shapes that GitLab documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.sandbox import Sandbox, payloads

DOCUMENTED = Path(__file__).parents[4] / "shared" / "payloads" / "gitlab-docs"

pytestmark = pytest.mark.skipif(
    not DOCUMENTED.is_dir(), reason="the documented payloads are not beside this checkout"
)

# Documented with what the sandbox does not have (Ultimate, deprecated twins), or not always sent.
NOT_HERE = {
    "approval_rules",
    "actioned_at",
    "escalation_policy",
    "escalation_status",
    "assignee",
    "assignees",
    "reviewers",
    "position",
    "branch_name",
    "change_position",
    "original_position",
    "resolved_at",
    "resolved_by_id",
    "resolved_by_push",
}


def documented(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((DOCUMENTED / f"{name}.json").read_text())
    return data


def assert_shaped_like(ours: dict[str, Any], theirs: dict[str, Any], where: str = "") -> None:
    """Each documented key is there, and holds the documented type, or null on either side."""
    missing = theirs.keys() - ours.keys() - NOT_HERE
    assert not missing, f"{where or 'the body'} lacks {sorted(missing)}"
    for name in theirs.keys() & ours.keys():
        here, there = ours[name], theirs[name]
        path = f"{where}.{name}"
        if here is None or there is None:
            continue
        assert type(here) is type(there), f"{path} is {here!r}, documented as {there!r}"
        if isinstance(here, dict) and name not in ("changes", "merge_params"):
            assert_shaped_like(here, there, path)
        if isinstance(here, list) and here and there and isinstance(here[0], dict):
            assert_shaped_like(here[0], there[0], f"{path}[0]")


@pytest.fixture
def shown(in_process: Sandbox) -> dict[str, Any]:
    """One of everything, as the sandbox tells it."""
    sandbox = in_process
    instance, alice = sandbox.instance, sandbox.user("alice")
    issue = sandbox.open_issue("Help", labels=["bug"])
    request = sandbox.open_merge_request("Mend", labels=["bug"])
    commit = next(iter(sandbox.project.commits.values()))
    snippet = next(iter(sandbox.project.snippets.values()))
    note = sandbox.comment(issue, "Hm")

    def note_on(noteable: Any) -> Any:
        said = sandbox.comment(noteable, "Hm")
        return payloads.note_event(instance, said, action="create", by=alice)

    return {
        "issue": payloads.issue_event(instance, issue, action="open", by=alice, changes={}),
        "merge_request": payloads.merge_request_event(
            instance, request, action="open", by=alice, changes={}
        ),
        "note_issue": note_on(issue),
        "note_merge_request": note_on(request),
        "note_commit": note_on(commit),
        "note_snippet": note_on(snippet),
        "emoji": payloads.emoji_event(
            instance, sandbox.award(note, "thumbsup"), action="award", by=alice
        ),
        "push": payloads.push_event(
            instance,
            sandbox.project,
            ref="refs/heads/main",
            before=commit.sha,
            after=commit.sha,
            commits=[commit],
            by=alice,
        ),
    }


@pytest.mark.parametrize(
    "name",
    [
        "issue",
        "merge_request",
        "note_issue",
        "note_merge_request",
        "note_commit",
        "note_snippet",
        "emoji",
        "push",
    ],
)
def test_a_body_is_shaped_as_documented(shown: dict[str, Any], name: str) -> None:
    assert_shaped_like(shown[name], documented(name))


def test_a_task_is_a_work_item(in_process: Sandbox) -> None:
    task = in_process.open_issue("Boil water", issue_type="task")
    body = payloads.issue_event(
        in_process.instance, task, action="open", by=in_process.user("alice"), changes={}
    )
    assert body["object_kind"] == "work_item"
    assert body["object_attributes"]["type"] == "Task"
