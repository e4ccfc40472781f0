import hashlib
import json
from typing import Any

import pytest
from gidgetlambda import Event, ValidationFailure
from gidgetlambda.errors import MalformedDelivery

from tests.handler import payloads

JSON = {"content-type": "application/json", "x-gitlab-event": "Issue Hook"}

WRONG_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    10**400,
    1.5,
    "",
    "text",
    "\ud800",
    [],
    [1],
    {},
    {"": 1},
]
PROPERTIES = sorted(name for name, kind in vars(Event).items() if isinstance(kind, property))


def short(value: Any) -> str:
    return ascii(value)[:12]


def event_of(data: Any, event: str = "Issue Hook", **headers: str) -> Event:
    return Event(data, event=event, headers=headers)


def read_all(event: Event) -> None:
    """Ask an event everything that it can be asked; only `project_id` may refuse."""
    for name in PROPERTIES:
        try:
            getattr(event, name)
        except AttributeError:
            assert name == "project_id"


# What gidgetlab's Event has


def test_it_holds_the_payload_the_event_and_the_secret() -> None:
    data = payloads.issue()
    event = Event(data, event="Issue Hook", secret="hook-secret")
    assert (event.data, event.event, event.secret) == (data, "Issue Hook", "hook-secret")


def test_a_secret_is_not_in_its_repr() -> None:
    event = Event({}, event="Issue Hook", secret="hook-secret")
    assert "hook-secret" not in repr(event)


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_object_attributes_are_a_mapping_whatever_the_payload_holds(value: Any) -> None:
    assert event_of({"object_attributes": value}).object_attributes == {}
    assert event_of({}).object_attributes == {}


def test_project_id_comes_from_project_then_top_level_then_attributes() -> None:
    data = {"project": {"id": 1}, "project_id": 2, "object_attributes": {"project_id": 3}}
    assert event_of(data).project_id == 1
    data["project"] = {}
    assert event_of(data).project_id == 2
    del data["project_id"]
    assert event_of(data).project_id == 3


def test_an_event_of_no_project_says_so() -> None:
    with pytest.raises(AttributeError, match="Member Hook"):
        _ = event_of({"group_id": 1}, "Member Hook").project_id


# from_http


def test_from_http_gives_the_event() -> None:
    body = json.dumps(payloads.issue()).encode()
    event = Event.from_http(JSON | {"x-gitlab-token": "s3cret"}, body, secret="s3cret")
    assert event.event == "Issue Hook"
    assert event.iid == 23
    assert event.secret == "s3cret"


def test_from_http_takes_header_names_in_any_case() -> None:
    headers = {"Content-Type": "application/json", "X-Gitlab-Event": "Push Hook"}
    assert Event.from_http(headers, b"{}").event == "Push Hook"


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        (JSON, "s3cret"),
        (JSON | {"x-gitlab-token": "wrong"}, "s3cret"),
        (JSON | {"x-gitlab-token": "s3cret"}, None),
        (JSON | {"x-gitlab-token": ""}, "s3cret"),
        ({"content-type": "application/json"}, None),
    ],
)
def test_from_http_refuses_what_is_not_proven(headers: dict[str, str], secret: str | None) -> None:
    with pytest.raises(ValidationFailure) as refusal:
        Event.from_http(headers, b"{}", secret=secret)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json,application/json",
        "application/json; charset=utf-16",
    ],
)
def test_another_content_type_is_415(content_type: str | None) -> None:
    headers = {"x-gitlab-event": "Push Hook"}
    if content_type is not None:
        headers["content-type"] = content_type
    with pytest.raises(MalformedDelivery) as refusal:
        Event.from_http(headers, b"{}")
    assert refusal.value.status_code == 415


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/json; boundary=x",
    ],
)
def test_json_in_utf_8_is_taken(content_type: str) -> None:
    headers = {"x-gitlab-event": "Push Hook", "content-type": content_type}
    assert Event.from_http(headers, b'{"ref": "\xc3\xa9"}').data == {"ref": "é"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"1",
        b"{} {}",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"{'a': 1}",
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=short,
)
def test_a_body_that_is_no_json_object_is_400(body: bytes) -> None:
    with pytest.raises(MalformedDelivery) as refusal:
        Event.from_http(JSON, body)
    assert refusal.value.status_code == 400
    assert len(str(refusal.value)) < 400


def test_of_duplicate_keys_the_last_counts() -> None:
    assert Event.from_http(JSON, b'{"a": 1, "a": 2}').data == {"a": 2}


# Which delivery it is


def test_the_delivery_is_known_by_the_headers_that_survive_a_resend() -> None:
    headers = {"webhook-id": "w", "Idempotency-Key": "i", "X-Gitlab-Webhook-UUID": "u"}
    assert event_of({}, **headers).delivery_id == "w"
    del headers["webhook-id"]
    assert event_of({}, **headers).delivery_id == "i"
    del headers["Idempotency-Key"]
    assert event_of({}, **headers).delivery_id == "u"


def test_without_such_a_header_the_body_tells() -> None:
    event = Event.from_http(JSON, b'{"a": 1}')
    assert event.delivery_id == hashlib.sha256(b'{"a": 1}').hexdigest()


def test_an_event_made_by_hand_has_a_delivery_id_too() -> None:
    assert event_of({"a": 1}).delivery_id == event_of({"a": 1}).delivery_id
    assert event_of({"a": 1}).delivery_id != event_of({"a": 2}).delivery_id


@pytest.mark.parametrize("strange", ["x" * 4000, "é" * 20, "a b", "a\x00b", "\ud800"], ids=short)
def test_a_strange_delivery_id_becomes_a_plain_one(strange: str) -> None:
    delivery_id = event_of({}, **{"webhook-id": strange}).delivery_id
    assert delivery_id.isascii()
    assert len(delivery_id) == 64
    assert delivery_id == event_of({}, **{"webhook-id": strange}).delivery_id


def test_headers_tell_the_chain_and_the_instance() -> None:
    headers = {"X-Gitlab-Event-UUID": "u", "X-Gitlab-Instance": "https://gitlab.example.com"}
    event = event_of({}, **headers)
    assert (event.event_uuid, event.instance) == ("u", "https://gitlab.example.com")
    assert (event_of({}).event_uuid, event_of({}).instance) == (None, None)


@pytest.mark.parametrize(
    "strange", ["é", "a b", "a\r\nprivate-token: b", "x" * 4000, ""], ids=short
)
def test_what_cannot_be_echoed_to_gitlab_is_no_chain(strange: str) -> None:
    assert event_of({}, **{"X-Gitlab-Event-UUID": strange}).event_uuid is None


def test_no_secret_header_is_kept() -> None:
    headers = JSON | {"x-gitlab-token": "s3cret", "webhook-signature": "v1,c2ln", "cookie": "c"}
    event = Event.from_http(headers, b"{}", secret="s3cret")
    assert not event.headers.keys() & {"x-gitlab-token", "webhook-signature", "cookie"}


# What it is about


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"object_kind": "issue"}, "issue"),
        ({"object_kind": "push", "event_name": "push"}, "push"),
        ({"event_name": "user_add_to_group"}, "user_add_to_group"),
        ({"object_kind": None, "event_name": "x"}, "x"),
        ({}, None),
    ],
)
def test_kind(data: dict[str, Any], kind: str | None) -> None:
    assert event_of(data).kind == kind


@pytest.mark.parametrize(
    ("data", "action"),
    [
        ({"object_attributes": {"action": "open"}, "action": "x"}, "open"),
        ({"action": "create"}, "create"),
        ({"object_attributes": None, "action": "create"}, "create"),
        ({}, None),
    ],
)
def test_action(data: dict[str, Any], action: str | None) -> None:
    assert event_of(data).action == action


def test_who_did_it_and_whose_it_is() -> None:
    event = event_of(payloads.issue(author_id=9))
    assert (event.user_id, event.username, event.author_id) == (2, "alice", 9)


def test_who_pushed_stands_at_the_top_level() -> None:
    event = event_of(payloads.push(), "Push Hook")
    assert (event.user_id, event.username, event.author_id) == (2, "alice", None)


def test_a_new_member_is_not_who_did_it() -> None:
    data = {"event_name": "user_add_to_group", "user_id": 64, "user_username": "bob"}
    event = event_of(data, "Member Hook")
    assert (event.user_id, event.username) == (None, None)


def test_a_job_without_a_user_name() -> None:
    event = event_of({"object_kind": "build", "user": {"id": 3, "name": "User"}}, "Job Hook")
    assert (event.user_id, event.username) == (3, None)


def test_the_author_of_what_a_note_is_on() -> None:
    assert event_of(payloads.note(issue={"iid": 1, "author_id": 5})).author_id == 5
    assert event_of(payloads.note(merge_request={"iid": 1, "author_id": 6})).author_id == 6
    assert event_of(payloads.note(snippet={"id": 1, "author_id": 7})).author_id is None


def test_project_path() -> None:
    assert event_of(payloads.issue()).project_path == "demo/playground"
    assert event_of({"path_with_namespace": "a/b"}, "Project Hook").project_path == "a/b"
    assert event_of({}).project_path is None


def test_labels_and_what_changed_of_them() -> None:
    data = payloads.issue("update")
    data["labels"] = [{"title": "bug"}, {"title": "new"}]
    data["changes"] = {
        "labels": {
            "previous": [{"title": "bug"}, {"title": "old"}],
            "current": [{"title": "bug"}, {"title": "new"}],
        }
    }
    event = event_of(data)
    assert event.labels == ["bug", "new"]
    assert event.added_labels == ["new"]
    assert event.removed_labels == ["old"]
    assert list(event.changes) == ["labels"]


def test_labels_of_what_a_note_is_on() -> None:
    data = payloads.note(issue={"iid": 1, "labels": [{"title": "bug"}, None, {"title": None}]})
    assert event_of(data).labels == ["bug"]


def test_changes_of_reviewers_are_lists_and_no_trouble() -> None:
    data = payloads.merge_request("update")
    data["changes"] = {"reviewers": [[], [{"id": 1}]], "labels": [[], []]}
    event = event_of(data, "Merge Request Hook")
    assert (event.added_labels, event.removed_labels) == ([], [])


# Where it can be answered


SHA = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"


@pytest.mark.parametrize(
    ("data", "target", "awardable"),
    [
        (payloads.issue(), "/projects/71/issues/23", "/projects/71/issues/23"),
        (
            payloads.issue() | {"object_kind": "work_item"},
            "/projects/71/issues/23",
            "/projects/71/issues/23",
        ),
        (
            payloads.merge_request(),
            "/projects/71/merge_requests/7",
            "/projects/71/merge_requests/7",
        ),
        (payloads.note(), "/projects/71/issues/23", "/projects/71/issues/23/notes/1001"),
        (
            payloads.note(merge_request={"iid": 7}),
            "/projects/71/merge_requests/7",
            "/projects/71/merge_requests/7/notes/1001",
        ),
        (
            payloads.note(snippet={"id": 53}),
            "/projects/71/snippets/53",
            "/projects/71/snippets/53/notes/1001",
        ),
        (payloads.note(commit={"id": SHA}), f"/projects/71/repository/commits/{SHA}", None),
        (
            {"object_kind": "emoji", "project_id": 71, "issue": {"iid": 23}},
            "/projects/71/issues/23",
            "/projects/71/issues/23",
        ),
        (
            {"object_kind": "emoji", "project_id": 71, "issue": {"iid": 23}, "note": {"id": 5}},
            "/projects/71/issues/23",
            "/projects/71/issues/23/notes/5",
        ),
        (
            {"object_kind": "pipeline", "project": {"id": 5}, "merge_request": {"iid": 7}},
            "/projects/5/merge_requests/7",
            "/projects/5/merge_requests/7",
        ),
        (
            {
                "object_kind": "pipeline",
                "project": {"id": 5},
                "merge_request": {"iid": 7, "target_project_id": 71},
            },
            "/projects/71/merge_requests/7",
            "/projects/71/merge_requests/7",
        ),
        ({"object_kind": "pipeline", "project": {"id": 5}, "merge_request": None}, None, None),
        (payloads.push(), None, None),
        (payloads.issue() | {"project": None, "object_attributes": {"iid": 1}}, None, None),
        (payloads.issue(iid=None), None, None),
        (payloads.issue(iid="1/../../../user"), None, None),
        (payloads.note(commit={"id": "../../../user"}), None, None),
        (payloads.note(commit={"id": SHA.upper()}), None, None),
        ({}, None, None),
    ],
)
def test_target_and_awardable(
    data: dict[str, Any], target: str | None, awardable: str | None
) -> None:
    event = event_of(data)
    assert event.target_path == target
    assert event.awardable_path == awardable


# Payloads that are not what GitLab sends


@pytest.mark.parametrize("data", [*WRONG_VALUES, {1: 2}], ids=short)
def test_nothing_in_place_of_the_payload_makes_a_property_raise(data: Any) -> None:
    read_all(Event(data, event="Issue Hook", delivery_id="d"))


@pytest.mark.parametrize("kind", ["issue", "merge_request", "note", "emoji", "pipeline", "push"])
@pytest.mark.parametrize("wrong", WRONG_VALUES, ids=short)
def test_a_wrong_value_in_any_place_makes_no_property_raise(kind: str, wrong: Any) -> None:
    whole: dict[str, Any] = {
        **payloads.note(merge_request={"iid": 1, "author_id": 2, "labels": [], "id": 3}),
        "object_kind": kind,
        "labels": [{"title": "bug"}],
        "changes": {"labels": {"previous": [{"title": "a"}], "current": [{"title": "b"}]}},
        "note": {"id": 5},
        "event_name": "x",
        "action": "y",
        "user_id": 1,
        "user_username": "u",
    }
    for name, part in whole.items():
        read_all(event_of(whole | {name: wrong}))
        if isinstance(part, dict):
            for inner in part:
                read_all(event_of(whole | {name: part | {inner: wrong}}))
    read_all(event_of(whole | {"changes": {"labels": {"previous": wrong, "current": wrong}}}))
    read_all(event_of(whole | {"labels": [wrong, {"title": wrong}]}))
