"""Small payloads in GitLab's shapes; each call returns a new one."""

from typing import Any

Json = dict[str, Any]

PROJECT: Json = {"id": 71, "name": "Playground", "path_with_namespace": "demo/playground"}
ALICE: Json = {"id": 2, "name": "Alice", "username": "alice"}


def issue(action: str | None = "open", **attributes: Any) -> Json:
    usual: Json = {"id": 301, "iid": 23, "project_id": 71, "author_id": 2, "state": "opened"}
    if action is not None:
        usual["action"] = action
    return _issuable("issue", usual | attributes)


def merge_request(action: str | None = "open", **attributes: Any) -> Json:
    usual: Json = {"id": 501, "iid": 7, "author_id": 3, "target_project_id": 71, "action": action}
    return _issuable("merge_request", usual | attributes)


def note(text: str = "Me too", **noteable: Any) -> Json:
    """Return a comment on the issue 23, or on another item: `snippet={"id": 53}`."""
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
        **(noteable or {"issue": {"id": 301, "iid": 23, "author_id": 3}}),
    }


def push(**fields: Any) -> Json:
    usual: Json = {
        "object_kind": "push",
        "event_name": "push",
        "ref": "refs/heads/main",
        "user_id": 2,
        "user_username": "alice",
        "project_id": 71,
        "project": dict(PROJECT),
        "commits": [],
    }
    return usual | fields


def _issuable(kind: str, attributes: Json) -> Json:
    return {
        "object_kind": kind,
        "event_type": kind,
        "user": dict(ALICE),
        "project": dict(PROJECT),
        "object_attributes": attributes,
        "labels": [],
        "changes": {},
    }
