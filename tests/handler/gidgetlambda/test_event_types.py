import pytest
from gidgetlambda import Event
from gidgetlambda.event_types import EVENT_TYPES, belongs_to

from tests.event_payloads import EventPayload, outside_payloads, own_payloads

ISSUES = {"Issue Hook", "Confidential Issue Hook"}
# The event types that GitLab sends a kind of payload with.
TYPES: dict[str | None, set[str]] = {
    "access_token": {"Resource Access Token Hook"},
    "build": {"Job Hook"},
    "deploy_token": {"Resource Deploy Token Hook"},
    "deployment": {"Deployment Hook"},
    "emoji": {"Emoji Hook"},
    "feature_flag": {"Feature Flag Hook"},
    "issue": ISSUES,
    "merge_request": {"Merge Request Hook", "System Hook"},
    "milestone": {"Milestone Hook"},
    "note": {"Note Hook", "Confidential Note Hook"},
    "pipeline": {"Pipeline Hook"},
    "project_create": {"Project Hook", "System Hook"},
    "push": {"Push Hook", "System Hook"},
    "release": {"Release Hook"},
    "repository_update": {"System Hook"},
    "subgroup_create": {"Subgroup Hook"},
    "tag_push": {"Tag Push Hook", "System Hook"},
    "user_add_to_group": {"Member Hook", "System Hook"},
    "user_create": {"System Hook"},
    "vulnerability": {"Vulnerability Hook"},
    "wiki_page": {"Wiki Page Hook"},
    "work_item": ISSUES,
    None: {*EVENT_TYPES},
}


@pytest.mark.parametrize("kind", TYPES)
def test_a_kind_belongs_to_its_event_types_alone(kind: str | None) -> None:
    assert {one for one in EVENT_TYPES if belongs_to(kind, one)} == TYPES[kind]


@pytest.mark.parametrize(
    ("kind", "event_type"), [("build", "Build Hook"), ("issue", "New Hook"), ("new", "System Hook")]
)
def test_accepts_an_event_type_or_a_kind_that_is_not_known(kind: str, event_type: str) -> None:
    assert belongs_to(kind, event_type)


def check_belongs(payload: EventPayload) -> None:
    assert belongs_to(Event(payload.data, event=payload.event).kind, payload.event), payload


@pytest.mark.parametrize("payload", own_payloads(), ids=str)
def test_every_payload_belongs_to_its_event_type(payload: EventPayload) -> None:
    check_belongs(payload)


def test_every_outside_payload_belongs_to_its_event_type() -> None:
    for payload in outside_payloads():
        check_belongs(payload)
