"""Small payloads in GitLab's shapes, for tests; each call gives new ones."""

from typing import Any

Json = dict[str, Any]

PROJECT: Json = {"id": 71, "name": "Playground", "path_with_namespace": "demo/playground"}
ALICE: Json = {"id": 2, "name": "Alice", "username": "alice"}


def issue(action: str | None = "open", **attributes: Any) -> Json:
    told: Json = {"id": 301, "iid": 23, "project_id": 71, "author_id": 2, "state": "opened"}
    if action is not None:
        told["action"] = action
    return {
        "object_kind": "issue",
        "event_type": "issue",
        "user": dict(ALICE),
        "project": dict(PROJECT),
        "object_attributes": told | attributes,
        "labels": [],
        "changes": {},
    }


def merge_request(action: str | None = "open", **attributes: Any) -> Json:
    told: Json = {"id": 501, "iid": 7, "author_id": 3, "target_project_id": 71, "action": action}
    return {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": dict(ALICE),
        "project": dict(PROJECT),
        "object_attributes": told | attributes,
        "labels": [],
        "changes": {},
    }


def note(text: str = "Me too", **beside: Any) -> Json:
    """A comment; what it is on is told beside it: `issue={"iid": 23}`."""
    return {
        "object_kind": "note",
        "event_type": "note",
        "user": dict(ALICE),
        "project_id": 71,
        "project": dict(PROJECT),
        "object_attributes": {
            "id": 1001,
            "note": text,
            "noteable_type": "Issue",
            "author_id": 2,
            "action": "create",
        },
        **(beside or {"issue": {"id": 301, "iid": 23, "author_id": 3}}),
    }


def push(**fields: Any) -> Json:
    told: Json = {
        "object_kind": "push",
        "event_name": "push",
        "ref": "refs/heads/main",
        "user_id": 2,
        "user_username": "alice",
        "project_id": 71,
        "project": dict(PROJECT),
        "commits": [],
    }
    return told | fields
