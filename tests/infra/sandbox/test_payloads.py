"""The sandbox's webhook bodies have the shapes that GitLab documents."""

from typing import Any

import pytest

from tests.event_payloads import EventPayload, outside_payloads, own_payloads

PUSH = ("user_id user_username project_id project commits", "user object_attributes")
ISSUABLE = ("user project object_attributes changes labels", "project_id")
NOTE = ("user project_id project object_attributes", "changes labels")
# The keys of each event's body, and keys that GitLab omits.
SHAPES = {
    "Push Hook": PUSH,
    "Tag Push Hook": PUSH,
    "Issue Hook": ISSUABLE,
    "Confidential Issue Hook": ISSUABLE,
    "Merge Request Hook": ISSUABLE,
    "Note Hook": NOTE,
    "Confidential Note Hook": NOTE,
    "Emoji Hook": NOTE,
}
# The documented keys that belong to features that the sandbox lacks, or that GitLab may omit.
OMITTED = {
    *("approval_rules", "actioned_at", "escalation_policy", "escalation_status", "assignee"),
    *("assignees", "reviewers", "position", "branch_name", "change_position"),
    *("source_pipeline", "original_position", "resolved_at", "resolved_by_id", "resolved_by_push"),
}


@pytest.mark.parametrize(
    "payload", [each for each in own_payloads() if each.event in SHAPES], ids=str
)
def test_a_body_has_the_keys_of_its_event(payload: EventPayload) -> None:
    present, omitted = SHAPES[payload.event]
    assert payload.data.keys() >= set(present.split())
    assert payload.data.keys().isdisjoint(omitted.split())


def test_a_task_is_a_work_item() -> None:
    body = next(each.data for each in own_payloads() if each.name == "task")
    assert (body["object_kind"], body["object_attributes"]["type"]) == ("work_item", "Task")


def test_a_body_has_the_documented_keys_and_types() -> None:
    documented = {payload.name: payload.data for payload in outside_payloads()}
    own = {f"gitlab-docs/{each.name}.json": each.data for each in own_payloads()}
    own["gitlab-docs/emoji.json"] = own["gitlab-docs/emoji_note.json"]
    compared = own.keys() & documented.keys()
    assert len(compared) == 11
    for name in compared:
        assert differences(own[name], documented[name], name) == []


def differences(own: Any, documented: Any, where: str) -> list[str]:
    """Describe the missing documented keys, and the values of another type except null."""
    if own is None or documented is None:
        return []
    if type(own) is not type(documented):
        return [f"{where} is {own!r}, documented as {documented!r}"]
    if isinstance(own, list):
        return differences(own[0], documented[0], f"{where}[0]") if own and documented else []
    if not isinstance(own, dict) or where.endswith((".changes", ".merge_params")):
        return []
    missing = [f"{where}.{name} is missing" for name in documented.keys() - own.keys() - OMITTED]
    return missing + [
        problem
        for name in own.keys() & documented.keys()
        for problem in differences(own[name], documented[name], f"{where}.{name}")
    ]
