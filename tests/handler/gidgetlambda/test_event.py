import hashlib
import json
from typing import Any

import pytest
from gidgetlambda import Event, ValidationFailure
from gidgetlambda.errors import MalformedDelivery

from tests.handler import payloads
from tests.handler.payloads import Json

JSON = {"content-type": "application/json", "x-gitlab-event": "Issue Hook"}
SHA = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
PROPERTIES = sorted(name for name, kind in vars(Event).items() if isinstance(kind, property))
WRONG_VALUES: list[Any] = [
    *(None, True, 0, -1, 10**400, 1.5),
    *("", "text", "\ud800"),
    *([], [1], {}, {"": 1}, {1: 2}),
]


def short(value: Any) -> str:
    return ascii(value)[:12]


def event_of(data: Any, event: str = "Issue Hook", **headers: str) -> Event:
    return Event(data, event=event, headers=headers)


def from_http(body: bytes, secret: str | None = None, **headers: str | None) -> Event:
    changed = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    return Event.from_http({k: v for k, v in changed.items() if v is not None}, body, secret=secret)


# Reading a delivery


def test_holds_the_payload_the_event_and_the_secret() -> None:
    body = json.dumps(payloads.issue()).encode()
    event = from_http(body, "hook-secret", x_gitlab_token="hook-secret")
    assert (event.data, event.event) == (payloads.issue(), "Issue Hook")
    assert event.secret == "hook-secret"
    assert "hook-secret" not in repr(event)


def test_ignores_the_case_of_header_names() -> None:
    headers = {"Content-Type": "application/json", "X-Gitlab-Event": "Push Hook"}
    assert Event.from_http(headers, b"{}").event == "Push Hook"


@pytest.mark.parametrize(
    ("secret", "headers", "problem"),
    [
        ("s3cret", {}, "X-Gitlab-Token is missing"),
        ("s3cret", {"x_gitlab_token": "wrong"}, "X-Gitlab-Token does not match"),
        ("s3cret", {"x_gitlab_token": ""}, "X-Gitlab-Token does not match"),
        (None, {"x_gitlab_token": "s3cret"}, "X-Gitlab-Token is not expected"),
        (None, {"x_gitlab_event": None}, "X-Gitlab-Event is missing"),
    ],
)
def test_refuses_an_unauthenticated_delivery(
    secret: str | None, headers: dict[str, str | None], problem: str
) -> None:
    with pytest.raises(ValidationFailure, match=problem) as refusal:
        from_http(b"{}", secret, **headers)
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
def test_rejects_another_content_type(content_type: str | None) -> None:
    with pytest.raises(MalformedDelivery, match="Content-Type must be") as error:
        from_http(b"{}", content_type=content_type)
    assert error.value.status_code == 415


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/json; boundary=x",
    ],
)
def test_accepts_json_in_utf_8(content_type: str) -> None:
    body = b'{"ref": "a", "ref": "\xc3\xa9"}'
    assert from_http(body, content_type=content_type).data == {"ref": "é"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
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
def test_rejects_a_body_other_than_a_json_object(body: bytes) -> None:
    with pytest.raises(MalformedDelivery, match="the body must be a JSON object") as error:
        from_http(body)
    assert error.value.status_code == 400
    assert len(str(error.value)) < 400


def test_rejects_a_delivery_without_an_event() -> None:
    with pytest.raises(MalformedDelivery, match="X-Gitlab-Event is missing") as error:
        Event.parse(JSON | {"x-gitlab-event": " "}, b"{}")
    assert error.value.status_code == 400


# Headers


def test_delivery_id_prefers_the_headers_that_a_resend_repeats() -> None:
    headers = {"webhook-id": "w", "Idempotency-Key": "i", "X-Gitlab-Webhook-UUID": "u"}
    for name, value in list(headers.items()):
        assert event_of({}, **headers).delivery_id == value
        del headers[name]


def test_delivery_id_is_a_hash_of_the_body_without_such_a_header() -> None:
    assert from_http(b'{"a": 1}').delivery_id == hashlib.sha256(b'{"a": 1}').hexdigest()
    assert event_of({"a": 1}).delivery_id == event_of({"a": 1}).delivery_id
    assert event_of({"a": 1}).delivery_id != event_of({"a": 2}).delivery_id


@pytest.mark.parametrize("strange", ["x" * 4000, "é" * 20, "a b", "a\x00b", "\ud800"], ids=short)
def test_delivery_id_is_a_hash_of_a_header_with_other_characters(strange: str) -> None:
    delivery_id = event_of({}, **{"webhook-id": strange}).delivery_id
    assert delivery_id.isascii()
    assert len(delivery_id) == 64
    assert delivery_id == event_of({}, **{"webhook-id": strange}).delivery_id


def test_instance_is_a_header() -> None:
    headers = {"X-Gitlab-Instance": "https://gitlab.example.com"}
    assert event_of({}, **headers).instance == "https://gitlab.example.com"
    assert event_of({}).instance is None


def test_drops_headers_that_may_carry_secrets() -> None:
    headers = JSON | {"x-gitlab-token": "s3cret", "webhook-signature": "v1,c2ln", "cookie": "c"}
    event = Event.from_http(headers | {"webhook-id": "w"}, b"{}", secret="s3cret")
    assert event.headers == {"webhook-id": "w"}


# The payload


LABELED = payloads.issue("update") | {
    "labels": [{"title": "bug"}, {"title": "new"}],
    "changes": {
        "labels": {
            "previous": [{"title": "bug"}, {"title": "old"}],
            "current": [{"title": "bug"}, {"title": "new"}],
        }
    },
}
REVIEWED = payloads.merge_request("update") | {
    "changes": {"reviewers": [[], [{"id": 1}]], "labels": [[], []]}
}
RENAMED = {
    "object_kind": "merge_request",
    "object_attributes": {
        "iid": 7,
        "target_project_id": 71,
        "target": {"path_with_namespace": "demo/playground"},
    },
}
EMOJI_AWARD = {"object_kind": "emoji", "event_type": "award"}
MEMBER = {"event_name": "user_add_to_group", "user_id": 64, "user_username": "bob"}
JOB = {"object_kind": "build", "user": {"id": 3, "name": "User"}}


@pytest.mark.parametrize(
    ("data", "name", "value"),
    [
        ({}, "object_attributes", {}),
        ({"object_attributes": []}, "object_attributes", {}),
        ({"object_kind": "issue", "event_name": "x"}, "kind", "issue"),
        ({"object_kind": None, "event_name": "x"}, "kind", "x"),
        ({}, "kind", None),
        ({"object_attributes": {"action": "open"}, "action": "x"}, "action", "open"),
        ({"object_attributes": None, "action": "create"}, "action", "create"),
        ({}, "action", None),
        (EMOJI_AWARD, "action", "award"),
        (EMOJI_AWARD | {"object_attributes": {"action": "revoke"}}, "action", "revoke"),
        ({"object_kind": "issue", "event_type": "issue"}, "action", None),
        (
            {"project": {"id": 1}, "project_id": 2, "object_attributes": {"project_id": 3}},
            "project_id",
            1,
        ),
        (
            {"project": {}, "project_id": 2, "object_attributes": {"project_id": 3}},
            "project_id",
            2,
        ),
        ({"object_attributes": {"project_id": 3}}, "project_id", 3),
        (RENAMED, "project_id", 71),
        ({"object_kind": "note", "merge_request": {"target_project_id": 4}}, "project_id", 4),
        (RENAMED, "project_path", "demo/playground"),
        (RENAMED, "target_path", "/projects/71/merge_requests/7"),
        (payloads.issue(), "project_path", "demo/playground"),
        ({"path_with_namespace": "a/b"}, "project_path", "a/b"),
        ({}, "project_path", None),
        ({"project_path_with_namespace": "a/b"}, "project_path", "a/b"),
        ({"project_path_with_namespace": "x\n/close"}, "project_path", None),
        (payloads.issue(), "user_id", 2),
        (payloads.issue(), "username", "alice"),
        (payloads.push(), "user_id", 2),
        (payloads.push(), "username", "alice"),
        (MEMBER, "user_id", None),
        (MEMBER, "username", None),
        (JOB, "user_id", 3),
        (JOB, "username", None),
        (payloads.issue(author_id=9), "author_id", 9),
        (payloads.note(issue={"iid": 1, "author_id": 5}), "author_id", 5),
        (payloads.note(merge_request={"iid": 1, "author_id": 6}), "author_id", 6),
        (payloads.note(snippet={"id": 1, "author_id": 7}), "author_id", None),
        (payloads.push(), "author_id", None),
        (payloads.issue(), "iid", 23),
        (payloads.note(merge_request={"iid": 1}), "iid", 1),
        (payloads.note(commit={"id": SHA}), "iid", None),
        (LABELED, "labels", ["bug", "new"]),
        (LABELED, "added_labels", ["new"]),
        (LABELED, "removed_labels", ["old"]),
        (LABELED, "changes", LABELED["changes"]),
        (REVIEWED, "added_labels", []),
        (payloads.note(issue={"labels": [{"title": "a"}, None, {"title": None}]}), "labels", ["a"]),
    ],
)
def test_property(data: Json, name: str, value: Any) -> None:
    assert getattr(event_of(data), name) == value


def test_project_id_names_the_event_that_has_no_project() -> None:
    with pytest.raises(AttributeError, match="'Member Hook' event belongs to no project"):
        _ = event_of({"group_id": 1}, "Member Hook").project_id


EMOJI = {"object_kind": "emoji", "project_id": 71, "issue": {"iid": 23}}
PIPELINE = {"object_kind": "pipeline", "project": {"id": 5}, "merge_request": {"iid": 7}}
FORK_PIPELINE = PIPELINE | {"merge_request": {"iid": 7, "target_project_id": 71}}


@pytest.mark.parametrize(
    ("data", "target", "award"),
    [
        (payloads.issue(), "/projects/71/issues/23", ""),
        (payloads.issue() | {"object_kind": "work_item"}, "/projects/71/issues/23", ""),
        (payloads.merge_request(), "/projects/71/merge_requests/7", ""),
        (payloads.note(), "/projects/71/issues/23", "/notes/1001"),
        (
            payloads.note(merge_request={"iid": 7}),
            "/projects/71/merge_requests/7",
            "/notes/1001",
        ),
        (payloads.note(snippet={"id": 53}), "/projects/71/snippets/53", "/notes/1001"),
        (payloads.note(work_item={"iid": 23}), "/projects/71/issues/23", "/notes/1001"),
        (payloads.note(project_snippet={"id": 53}), "/projects/71/snippets/53", "/notes/1001"),
        (EMOJI, "/projects/71/issues/23", ""),
        (EMOJI | {"issue": None, "work_item": {"iid": 9}}, "/projects/71/issues/9", ""),
        (
            EMOJI | {"issue": None, "project_snippet": {"id": 5}, "note": {"id": 8}},
            "/projects/71/snippets/5",
            "/notes/8",
        ),
        (EMOJI | {"note": {"id": 5}}, "/projects/71/issues/23", "/notes/5"),
        (PIPELINE, "/projects/5/merge_requests/7", ""),
        (FORK_PIPELINE, "/projects/71/merge_requests/7", ""),
    ],
)
def test_target_path_and_awardable_path(data: Json, target: str, award: str) -> None:
    event = event_of(data)
    assert (event.target_path, event.awardable_path) == (target, target + award)


def noted(**attributes: Any) -> Json:
    data = payloads.note()
    data["object_attributes"] |= attributes
    return data


@pytest.mark.parametrize(
    ("data", "internal"),
    [
        (noted(), False),
        (noted(internal=None), False),
        (noted(internal="true"), False),
        (noted(internal=True), True),
        (noted(confidential=True), True),
        (EMOJI | {"note": {"id": 5, "internal": True}}, True),
        (payloads.issue(confidential=True), False),
    ],
)
def test_internal_is_about_the_note(data: Json, internal: bool) -> None:
    assert event_of(data).internal is internal


@pytest.mark.parametrize(
    ("data", "discussion"),
    [
        (noted(discussion_id="6a9c"), "6a9c"),
        (noted(discussion_id="../user"), None),
        (noted(discussion_id=5), None),
        (noted(), None),
        (payloads.issue(discussion_id="6a9c"), None),
    ],
)
def test_discussion_id_is_a_hash_of_a_note(data: Json, discussion: str | None) -> None:
    assert event_of(data).discussion_id == discussion


def test_a_commit_accepts_comments_and_no_emoji() -> None:
    event = event_of(payloads.note(commit={"id": SHA}))
    assert event.target_path == f"/projects/71/repository/commits/{SHA}"
    assert event.awardable_path is None


@pytest.mark.parametrize(
    "data",
    [
        {},
        payloads.push(),
        PIPELINE | {"merge_request": None},
        payloads.issue() | {"project": None, "object_attributes": {"iid": 1}},
        payloads.issue(iid=None),
        payloads.issue(iid="1/../../../user"),
        payloads.note(commit={"id": "../../../user"}),
        payloads.note(commit={"id": SHA.upper()}),
    ],
)
def test_has_no_path_without_a_valid_target(data: Json) -> None:
    event = event_of(data)
    assert (event.target_path, event.awardable_path) == (None, None)


# Payloads that GitLab does not send


def read_every_property(event: Event) -> None:
    for name in PROPERTIES:
        try:
            getattr(event, name)
        except AttributeError:
            assert name == "project_id"


@pytest.mark.parametrize("kind", ["issue", "merge_request", "note", "emoji", "pipeline", "push"])
@pytest.mark.parametrize("wrong", WRONG_VALUES, ids=short)
def test_no_property_fails_on_a_wrong_part(kind: str, wrong: Any) -> None:
    whole: Json = {
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
        read_every_property(event_of(whole | {name: wrong}))
        if isinstance(part, dict):
            for inner in part:
                read_every_property(event_of(whole | {name: part | {inner: wrong}}))
    read_every_property(
        event_of(whole | {"changes": {"labels": {"previous": wrong, "current": wrong}}})
    )
    read_every_property(event_of(whole | {"labels": [wrong, {"title": wrong}]}))
