"""The project's own payloads cover the events that GitLab documents."""

from gidgetlambda.event_types import EVENT_TYPES

from tests.event_payloads import own_payloads

# The old name of Job Hook.
RENAMED = {"Build Hook"}


def test_each_event_type_has_a_payload() -> None:
    assert {payload.event for payload in own_payloads()} == set(EVENT_TYPES) - RENAMED


def test_work_items_and_each_target_of_a_note_have_a_payload() -> None:
    bodies = [payload.data for payload in own_payloads()]
    assert any(body.get("object_kind") == "work_item" for body in bodies)
    notes = [body for body in bodies if body.get("object_kind") == "note"]
    assert {body["object_attributes"]["noteable_type"] for body in notes} == {
        "Commit",
        "Issue",
        "MergeRequest",
        "Snippet",
    }
    assert any(body["project"] is None for body in notes)
