import json
import os
import re
from dataclasses import replace
from typing import Any

import pytest
from gidgetlambda import Event
from gidgetlambda.errors import MalformedTask, TaskTooLarge
from gidgetlambda.task import MESSAGE_LIMIT, PARKING_RESERVE, Parking, Task
from hypothesis import given
from hypothesis import strategies as st

from tests.handler import payloads

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None, categories=None)),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def a_task(
    data: Any = None,
    event: str = "Issue Hook",
    *,
    handler: str = "welcome.issue_opened",
    identity: str | None = None,
    delivery: str = "d-1",
) -> Task:
    headers = {"webhook-id": delivery, "X-Gitlab-Instance": "https://gitlab.example.com"}
    data = payloads.issue() if data is None else data
    received = Event(data, event=event, secret="s3cret", headers=headers)
    return Task(received, handler, 1000.5, identity=identity)


# The body of a message


def test_decodes_an_encoded_task() -> None:
    sent = a_task()
    arrived = Task.decode(sent.encode())

    assert "s3cret" not in sent.encode()
    assert arrived.event.data == sent.event.data
    assert arrived.event.event == "Issue Hook"
    assert arrived.event.delivery_id == "d-1"
    assert arrived.event.instance == "https://gitlab.example.com"
    assert (arrived.handler, arrived.received) == (sent.handler, sent.received)
    assert arrived.parking is None


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_sqs_accepts_the_message_of_any_payload(data: dict[str, Any]) -> None:
    message = a_task(data).message()

    assert message.body.isascii()
    assert all(character >= " " for character in message.body)
    assert Task.decode(message.body).event.data == data
    for text in (message.group, message.deduplication_id):
        assert re.fullmatch("[0-9a-f]{64}", text)


def test_deflates_only_a_task_that_does_not_fit_otherwise() -> None:
    limit = MESSAGE_LIMIT - PARKING_RESERVE
    length = limit - len(a_task(payloads.issue(description="")).encode())
    fitting = a_task(payloads.issue(description="x" * length))
    larger = a_task(payloads.issue(description="x" * (length + 1)))

    assert len(fitting.encode()) == limit
    assert len(larger.encode()) < 10_000
    assert Task.decode(larger.encode()).event.data == larger.event.data


def test_a_task_that_does_not_fit_is_too_large() -> None:
    with pytest.raises(TaskTooLarge, match=r"bytes deflated; the queue takes"):
        a_task(payloads.issue(description=os.urandom(1_000_000).hex())).message()

    nested: dict[str, Any] = {}
    for _ in range(100_000):
        nested = {"data": nested}
    with pytest.raises(TaskTooLarge, match="nested too deeply"):
        a_task(nested).message()


FIELDS: dict[str, Any] = {
    "v": 1,
    "handler": "h",
    "received": 1.0,
    "delivery": "d",
    "event": "Issue Hook",
    "headers": {},
    "data": {},
}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "null",
        "[]",
        "{}",
        json.dumps({**FIELDS, "v": 2}),
        json.dumps({**FIELDS, "data": [1]}),
        json.dumps({**FIELDS, "data": None}),
        json.dumps({**FIELDS, "headers": [[1, 2]]}),
        json.dumps({**FIELDS, "headers": 7}),
        json.dumps({**FIELDS, "received": "noon"}),
        json.dumps({**FIELDS, "received": 10**400}),
        json.dumps({**FIELDS, "parking": {"at": 1}}),
        json.dumps({**FIELDS, "parking": None}),
        json.dumps({name: value for name, value in FIELDS.items() if name != "handler"}),
        json.dumps({"v": 1, "deflated": "????"}),
        json.dumps({"v": 1, "deflated": "aGVsbG8="}),
        json.dumps({"v": 1, "deflated": 7}),
        '{"v":' * 100_000,
    ],
    ids=lambda body: body[:60],
)
def test_refuses_a_malformed_body(body: str) -> None:
    with pytest.raises(MalformedTask):
        Task.decode(body)


# The group


def group(data: Any, event: str = "Issue Hook", **about: str) -> str:
    return a_task(data, event, **about).group


def test_events_of_one_target_share_a_group_for_each_handler() -> None:
    issue = group(payloads.issue())

    assert issue == group(payloads.issue("close"), delivery="d-2")
    assert issue == group(payloads.note(issue={"iid": 23}), "Note Hook")
    others = {
        group(payloads.issue(iid=24)),
        group(payloads.issue(), handler="another"),
        group(payloads.merge_request(iid=23), "Merge Request Hook"),
        group({**payloads.issue(), "project": {"id": 72}}),
    }
    assert len(others | {issue}) == 5


PIPELINE = {
    "object_kind": "pipeline",
    "project": {"id": 71},
    "object_attributes": {"id": 5, "ref": "main"},
}
JOB = {"object_kind": "build", "project": {"id": 71}, "pipeline_id": 5, "ref": "main"}
WIKI = {"object_kind": "wiki_page", "project": {"id": 71}}
RELEASE = {"object_kind": "release", "project": {"id": 71}, "id": 61, "tag": "v1"}
MILESTONE = {"object_kind": "milestone", "project": {"id": 71}, "object_attributes": {"id": 81}}
FLAG = {"object_kind": "feature_flag", "project": {"id": 71}, "object_attributes": {"id": 81}}
MEMBER = {"event_name": "user_add_to_group", "group_id": 4}


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (payloads.push(), payloads.push(user_id=9), True),
        (payloads.push(), payloads.push(ref="refs/heads/other"), False),
        (payloads.push(ref="\ud800"), payloads.push(ref="\ud800"), True),
        (PIPELINE, JOB, True),
        (PIPELINE, {**JOB, "pipeline_id": 6}, False),
        (RELEASE, {**RELEASE, "action": "update"}, True),
        (RELEASE, {**RELEASE, "tag": "v2"}, False),
        (RELEASE, {**RELEASE, "project": {"id": 72}}, False),
        (MILESTONE, {**MILESTONE, "action": "close"}, True),
        (MILESTONE, {**MILESTONE, "object_attributes": {"id": 82}}, False),
        (MILESTONE, FLAG, False),
        (FLAG, {**FLAG, "user": {}}, True),
        (FLAG, {**FLAG, "object_attributes": {"id": 82}}, False),
        (WIKI, {**WIKI, "user": {}}, True),
        (MEMBER, MEMBER, False),
    ],
    ids=[
        "branch",
        "branches",
        "lone surrogate",
        "pipeline and job",
        "pipelines",
        "release",
        "releases",
        "releases of projects",
        "milestone",
        "milestones",
        "milestone and feature flag",
        "feature flag",
        "feature flags",
        "project",
        "deliveries",
    ],
)
def test_events_without_a_target_share_the_group_of_the_object_that_they_concern(
    one: Any, other: Any, together: bool
) -> None:
    assert (group(one) == group(other, delivery="d-2")) is together


# Deduplication


def test_only_a_resend_has_the_same_deduplication_id() -> None:
    first = a_task().deduplication_id

    assert first == a_task(payloads.issue("close")).deduplication_id
    assert first != a_task(delivery="d-2").deduplication_id
    assert first != a_task(handler="another").deduplication_id


def test_identity_pins_group_and_deduplication_id_of_a_renamed_handler() -> None:
    first, renamed = a_task(handler="first"), a_task(handler="renamed", identity="first")

    assert renamed.group == first.group
    assert renamed.deduplication_id == first.deduplication_id
    assert Task.decode(renamed.encode()).handler == "renamed"


def test_each_move_has_a_deduplication_id_of_its_own() -> None:
    parking = Parking(1.0, "a bug", 1, "group")
    task = a_task()

    ids = {
        task.message().deduplication_id,
        task.parked(parking, "m-1").deduplication_id,
        task.replayed("m-2").deduplication_id,
        task.parked(parking, "m-3").deduplication_id,
    }
    assert len(ids) == 4
    assert task.parked(parking, "m-1") == task.parked(parking, "m-1")


# Parking and replaying


def test_parks_each_task_in_a_group_of_its_own_and_replays_it_into_its_old_group() -> None:
    parking = Parking(1.0, "a bug", 3, "the-old-group", "Traceback")
    moved = a_task().parked(parking, "m-1")
    parked = Task.decode(moved.body)
    replayed = parked.replayed("m-2")

    assert moved.group not in (a_task().group, a_task().parked(parking, "m-2").group)
    assert parked.parking == parking
    assert replayed.group == "the-old-group"
    assert Task.decode(replayed.body).parking is None


def test_a_task_that_is_parked_again_keeps_its_first_group() -> None:
    parked = replace(a_task(), parking=Parking(1.0, "a bug", 1, "first"))
    moved = parked.parked(Parking(2.0, "another", 1, "second"), "m-1")

    assert Task.decode(moved.body).parking == Parking(2.0, "another", 1, "first")
