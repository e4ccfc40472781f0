import json
import os
import random
import string
from pathlib import Path
from typing import Any

import pytest
from gidgetlambda import Event
from gidgetlambda.errors import MalformedTask, TaskTooLarge
from gidgetlambda.task import MESSAGE_LIMIT, PARKING_RESERVE, Parking, Task
from hypothesis import given
from hypothesis import strategies as st

from tests.handler import payloads

PAYLOADS = Path(__file__).parents[4] / "shared" / "payloads"
SECRET = "the-webhook-secret"

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
    *,
    event: str = "Issue Hook",
    handler: str = "plugins.welcome:issue_opened",
    delivery: str = "d-1",
) -> Task:
    headers = {"webhook-id": delivery, "X-Gitlab-Event-UUID": "chain", "X-Gitlab-Token": SECRET}
    data = payloads.issue() if data is None else data
    return Task(Event(data, event=event, secret=SECRET, headers=headers), handler, 1000.5)


def there_and_back(task: Task) -> Task:
    return Task.decode(task.encode())


def noise(size: int) -> str:
    """Text that does not deflate well."""
    letters = random.Random(1)
    return "".join(letters.choices(string.printable, k=size))


# On the queue


def test_a_task_arrives_as_it_was_sent() -> None:
    sent = a_task()
    arrived = there_and_back(sent)

    assert arrived.event.data == sent.event.data
    assert arrived.event.event == "Issue Hook"
    assert arrived.event.delivery_id == "d-1"
    assert arrived.event.event_uuid == "chain"
    assert (arrived.handler, arrived.received) == (sent.handler, sent.received)
    assert arrived.parking is None


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_any_payload_arrives_in_ascii(data: dict[str, Any]) -> None:
    body = a_task(data).encode()

    assert body.isascii()
    assert all(character >= " " for character in body)
    assert Task.decode(body).event.data == data


@pytest.mark.parametrize("text", ["\x00", "\uffff", "\ud800", "\udfff x", "\x0b", "\U0001f600"])
def test_characters_that_sqs_refuses_survive(text: str) -> None:
    data = payloads.issue(title=text)

    assert there_and_back(a_task(data)).event.data["object_attributes"]["title"] == text


def test_every_recorded_payload_arrives() -> None:
    files = sorted(PAYLOADS.glob("*/*.json"))
    if not files:
        pytest.skip("the recorded payloads are not beside this project")
    for file in files:
        data = json.loads(file.read_bytes())
        if isinstance(data, dict):
            assert there_and_back(a_task(data)).event.data == data, file.name


def test_no_secret_and_no_unknown_header_is_on_the_queue() -> None:
    body = a_task().encode()

    assert SECRET not in body
    assert "x-gitlab-token" not in body.lower()


def test_only_a_task_that_would_not_fit_is_deflated() -> None:
    small = a_task(payloads.issue(description="x" * 900_000)).encode()
    large = a_task(payloads.issue(description="x" * 2_000_000)).encode()

    assert len(small) > 900_000
    assert len(large) < 10_000
    assert Task.decode(large).event.data["object_attributes"]["description"] == "x" * 2_000_000


def test_a_task_that_does_not_fit_even_deflated_is_too_large() -> None:
    with pytest.raises(TaskTooLarge, match=r"bytes deflated, over the queue's"):
        a_task(payloads.issue(description=noise(2_000_000))).message()


def test_a_task_that_just_fits_can_still_be_parked() -> None:
    empty = len(a_task(payloads.issue(description="")).encode())
    fills = "x" * (MESSAGE_LIMIT - PARKING_RESERVE - empty)
    task = a_task(payloads.issue(description=fills))
    assert len(task.encode()) == MESSAGE_LIMIT - PARKING_RESERVE

    told = Parking(1.0, '"' * 303, 90, "g" * 64, '"' * 4000)
    parked = task.parked(told).moved_message("m-1")
    assert MESSAGE_LIMIT - PARKING_RESERVE < len(parked.body) <= MESSAGE_LIMIT
    assert Task.decode(parked.body).event.data == task.event.data


def test_a_payload_nested_too_deeply_is_too_large_and_no_crash() -> None:
    data: dict[str, Any] = {}
    for _ in range(100_000):
        data = {"data": data}
    with pytest.raises(TaskTooLarge, match="nested too deeply"):
        a_task({"object_kind": "issue", **data}).encode()


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
)
def test_what_is_no_task_is_malformed(body: str) -> None:
    with pytest.raises(MalformedTask):
        Task.decode(body)


# Order


def group(data: Any, event: str = "Issue Hook", **about: str) -> str:
    return a_task(data, event=event, **about).group


def test_events_of_one_issue_reach_one_handler_in_order() -> None:
    opened, noted = payloads.issue(), payloads.note(issue={"iid": 23})

    assert group(opened) == group(payloads.issue("close"), delivery="d-2")
    assert group(opened) == group(noted, "Note Hook")


def test_nothing_else_waits_for_them() -> None:
    groups = {
        group(payloads.issue()),
        group(payloads.issue(iid=24)),
        group(payloads.issue(), handler="another"),
        group(payloads.merge_request(iid=23), "Merge Request Hook"),
        group({**payloads.issue(), "project": {"id": 72}}),
    }

    assert len(groups) == 5


def test_pushes_to_one_branch_are_in_order_and_branches_do_not_wait() -> None:
    main, other = payloads.push(), payloads.push(ref="refs/heads/other")

    assert group(main, "Push Hook") == group(main, "Push Hook", delivery="d-2")
    assert group(main, "Push Hook") != group(other, "Push Hook")


def test_a_pipeline_and_its_jobs_are_in_order() -> None:
    pipeline = {
        "object_kind": "pipeline",
        "project": {"id": 71},
        "object_attributes": {"id": 5, "ref": "main"},
    }
    job = {"object_kind": "build", "project": {"id": 71}, "pipeline_id": 5, "ref": "main"}

    assert group(pipeline, "Pipeline Hook") == group(job, "Job Hook")
    assert group(pipeline, "Pipeline Hook") != group({**job, "pipeline_id": 6}, "Job Hook")


def test_without_anything_else_the_project_orders_and_without_one_the_delivery() -> None:
    wiki = {"object_kind": "wiki_page", "project": {"id": 71}}
    member = {"event_name": "user_add_to_group", "group_id": 4}

    assert group(wiki) == group({**wiki, "user": {}}, delivery="d-2")
    assert group(member) != group(member, delivery="d-2")


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4), st.text(max_size=20))
def test_any_event_has_a_group_and_an_id_that_sqs_takes(data: dict[str, Any], name: str) -> None:
    message = a_task(data, handler=name).message()

    for text in (message.group, message.deduplication_id):
        assert len(text) == 64
        assert set(text) <= set(string.hexdigits)


# Once


def test_a_resend_has_the_same_deduplication_id_and_nothing_else_does() -> None:
    def once(delivery: str = "d-1", handler: str = "h") -> str:
        return a_task(delivery=delivery, handler=handler).message().deduplication_id

    assert once() == once()
    assert len({once(), once(delivery="d-2"), once(handler="other")}) == 3


def test_each_move_has_an_id_of_its_own() -> None:
    task = a_task()
    parking = Parking(1.0, "a bug", 1, task.group)
    parked = task.parked(parking)

    ids = {
        task.message().deduplication_id,
        parked.moved_message("m-1").deduplication_id,
        parked.replayed("m-2").deduplication_id,
        parked.moved_message("m-3").deduplication_id,
    }
    assert len(ids) == 4
    assert parked.moved_message("m-1") == parked.moved_message("m-1")


def test_a_parked_task_is_alone_in_its_group_and_back_in_its_own_when_replayed() -> None:
    task = a_task()
    parked = task.parked(Parking(1.0, "a bug", 3, "the-group-it-came-from", "Traceback"))
    moved = parked.moved_message("m-1")
    seen = Task.decode(moved.body)

    assert moved.group != task.group
    assert moved.group != parked.moved_message("m-2").group
    assert seen.parking == Parking(1.0, "a bug", 3, "the-group-it-came-from", "Traceback")
    assert seen.replayed("m-2").group == task.group


def test_what_is_parked_while_parked_keeps_the_group_it_came_from() -> None:
    parked = a_task().parked(Parking(1.0, "a bug", 1, "origin"))
    again = parked.parked(Parking(2.0, "another", 1, "the-parked-copy's"))

    assert again.parking == Parking(2.0, "another", 1, "origin")


def test_the_deflated_form_is_no_larger_than_its_promise() -> None:
    body = a_task(payloads.issue(description=os.urandom(300_000).hex())).encode()

    assert len(body) <= MESSAGE_LIMIT - PARKING_RESERVE
