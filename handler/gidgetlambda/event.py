"""Event: one webhook event, with the properties that handlers commonly read.

This module performs no I/O. `delivery` authenticates an event and `router` finds its handlers.
A payload is untrusted: every property tolerates parts that are missing, `null` or of a wrong type.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import MalformedDelivery, ValidationFailure
from .redactor import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

# An allow-list: none of these headers carries a secret.
KEPT_HEADERS = frozenset(
    {
        "idempotency-key",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "x-gitlab-instance",
        "x-gitlab-webhook-uuid",
    }
)

# In order of preference.
DELIVERY_ID_HEADERS = ("webhook-id", "idempotency-key", "x-gitlab-webhook-uuid")

PUSH_KINDS = ("push", "tag_push", "repository_update")

# The subjects of notes and emojis: each one's key in the payload and collection in the API.
NOTEABLES = {
    "issue": "issues",
    "work_item": "issues",
    "merge_request": "merge_requests",
    "commit": "repository/commits",
    "snippet": "snippets",
    "project_snippet": "snippets",
}

MISSING_EVENT = "X-Gitlab-Event is missing: only GitLab's webhooks are accepted"

PLAIN_ID = re.compile(r"[\x21-\x7e]{1,128}")
COMMIT_SHA = re.compile(r"[0-9a-f]{7,64}")
# A custom webhook template can put any text here, and a handler would repeat it.
USERNAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
FULL_PATH = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
DISCUSSION_ID = re.compile(r"[0-9a-f]{1,64}")


class Event:
    """One webhook event.

    Args:
        data: The payload, decoded from JSON.
        event: The value of `X-Gitlab-Event`, for example "Issue Hook".
        secret: The webhook's secret token, as in gidgetlab; the framework does not read it.
        headers: The delivery's headers, with names in any case. `KEPT_HEADERS` are kept.
        delivery_id: Overrides the ID in the headers.
    """

    def __init__(
        self,
        data: Any,
        *,
        event: str,
        secret: str | None = None,
        headers: Mapping[str, str] | None = None,
        delivery_id: str | None = None,
    ) -> None:
        self.data = data
        self.event = event
        self.secret = secret
        self.headers = {
            name.lower(): value
            for name, value in (headers or {}).items()
            if name.lower() in KEPT_HEADERS
        }
        self._delivery_id = delivery_id or delivery_id_in(self.headers)

    def __repr__(self) -> str:
        return f"<Event {self.event!r} {self.delivery_id}>"

    @classmethod
    def from_http(
        cls, headers: Mapping[str, str], body: bytes, *, secret: str | None = None
    ) -> Event:
        """Check a delivery's secret token and read its event.

        Args:
            headers: The delivery's headers, with names in any case.
            body: The raw bytes, JSON in UTF-8.
            secret: The webhook's secret token; `None` accepts only deliveries without a token.

        Raises:
            ValidationFailure: The token is missing, wrong or unexpected, or `X-Gitlab-Event` is
                missing.
            MalformedDelivery: The content type is not JSON (415), or the body is not a JSON object
                (400).
        """
        headers = {name.lower(): value for name, value in headers.items()}
        given = headers.get("x-gitlab-token")
        if given is not None and secret is None:
            raise ValidationFailure("X-Gitlab-Token is not expected: pass the webhook's `secret`")
        if given is None and secret is not None:
            raise ValidationFailure(
                "X-Gitlab-Token is missing: set the secret token on the webhook in GitLab"
            )
        if given is not None and secret is not None and not same_secret(given, secret):
            raise ValidationFailure(
                "X-Gitlab-Token does not match: set the same secret token on the webhook in GitLab"
            )
        if not headers.get("x-gitlab-event"):
            raise ValidationFailure(MISSING_EVENT)
        return cls.parse(headers, body, secret=secret)

    @classmethod
    def parse(cls, headers: Mapping[str, str], body: bytes, *, secret: str | None = None) -> Event:
        """Read the event of a delivery without authenticating it.

        Args:
            headers: The delivery's headers, with names in lower case.
            body: The raw bytes, JSON in UTF-8.
            secret: The webhook's secret token, kept as the event's `secret`.

        Raises:
            MalformedDelivery: The content type is not JSON (415), `X-Gitlab-Event` is missing
                (400), or the body is not a JSON object (400).
        """
        _require_json(headers.get("content-type", ""))
        event = headers.get("x-gitlab-event", "").strip()
        if not event:
            raise MalformedDelivery(HTTPStatus.BAD_REQUEST, MISSING_EVENT)
        data = _json_object(body)
        delivery_id = delivery_id_in(headers) or hashlib.sha256(body).hexdigest()
        return cls(data, event=event, secret=secret, headers=headers, delivery_id=delivery_id)

    @property
    def delivery_id(self) -> str:
        """The ID of the delivery.

        It is `webhook-id`, else `Idempotency-Key`, else `X-Gitlab-Webhook-UUID`, else the SHA-256
        hash of the body. A resend repeats all of them but `X-Gitlab-Webhook-UUID`.
        """
        if self._delivery_id is None:
            body = json.dumps(self.data, sort_keys=True, default=str)
            self._delivery_id = hashlib.sha256(body.encode()).hexdigest()
        return self._delivery_id

    @property
    def instance(self) -> str | None:
        """`X-Gitlab-Instance`: the base URL of the GitLab instance that sent the delivery."""
        return self.headers.get("x-gitlab-instance") or None

    @property
    def object_attributes(self) -> dict[str, Any]:
        """The payload's `object_attributes`, empty if there are none."""
        return _part(self.data, "object_attributes")

    @property
    def kind(self) -> str | None:
        """The payload's `object_kind`, else its `event_name`: "issue", "push", …"""
        return _text(self.data, "object_kind") or _text(self.data, "event_name")

    @property
    def action(self) -> str | None:
        """The action: "open", "close", "update", …; `None` if the payload has none.

        That of an emoji is "award" or "revoke".
        """
        action = _text(self.object_attributes, "action") or _text(self.data, "action")
        return action or (_text(self.data, "event_type") if self.kind == "emoji" else None)

    @property
    def project_id(self) -> int:
        """The ID of the project.

        Raises:
            AttributeError: The event belongs to no project; a group's "Member Hook", for example.
        """
        for part, name in (
            (self._project, "id"),
            (self.data, "project_id"),
            (self.object_attributes, "project_id"),
            (self._merge_request, "target_project_id"),
        ):
            if (number := _number(part, name)) is not None:
                return number
        raise AttributeError(
            f"this {self.event!r} event belongs to no project: handle the AttributeError"
        )

    @property
    def project_path(self) -> str | None:
        """The project's full path: "group/project"."""
        places = (
            (self._project, "path_with_namespace"),
            (self.data, "path_with_namespace"),
            (self.data, "project_path_with_namespace"),  # of a member
            (_part(self._merge_request, "target"), "path_with_namespace"),
        )
        return next((path for place in places if (path := _path(*place))), None)

    @property
    def user_id(self) -> int | None:
        """The ID of the user who caused the event."""
        number = _number(_part(self.data, "user"), "id")
        return number if number is not None else _number(self._pusher, "user_id")

    @property
    def username(self) -> str | None:
        """The username, without the @, of the user who caused the event."""
        user = _part(self.data, "user")
        return _username(user, "username") or _username(self._pusher, "user_username")

    @property
    def author_id(self) -> int | None:
        """The ID of the issue's or merge request's author; `None` on commits and snippets."""
        return _number(self._issuable, "author_id")

    @property
    def iid(self) -> int | None:
        """The IID of the issue or merge request: its number within the project."""
        return _number(self._issuable, "iid")

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that an update changed, most of them as `{"previous": …, "current": …}`."""
        return _part(self.data, "changes")

    @property
    def labels(self) -> list[str]:
        """The titles of the issue's or merge request's current labels."""
        if isinstance(_field(self.data, "labels"), list):
            return _titles(self.data["labels"])
        return _titles(_field(self._issuable, "labels"))

    @property
    def added_labels(self) -> list[str]:
        """The titles of the labels that this update added."""
        previous, current = self._label_change
        return [title for title in current if title not in previous]

    @property
    def removed_labels(self) -> list[str]:
        """The titles of the labels that this update removed."""
        previous, current = self._label_change
        return [title for title in previous if title not in current]

    @property
    def target_path(self) -> str | None:
        """The API path of the event's subject, such as "/projects/1/issues/23".

        The subject is an issue, merge request, commit or snippet. The subject of a note or an emoji
        is the item that it is on; the subject of a pipeline is its merge request. `None` if the
        event has no subject.
        """
        collection, subject = self._subject
        key = {"repository/commits": "id", "snippets": "id"}.get(collection, "iid")
        reference = _reference(subject, key)
        project = self._subject_project(subject)
        if project is None or reference is None:
            return None
        return f"/projects/{project}/{collection}/{reference}"

    @property
    def awardable_path(self) -> str | None:
        """The API path that accepts an emoji: that of the event's note, else `target_path`.

        `None` if GitLab accepts no emoji there, as on a commit.
        """
        target = self.target_path
        if target is None or "/repository/commits/" in target:
            return None
        note_id = _number(self._note, "id")
        return target if note_id is None else f"{target}/notes/{note_id}"

    @property
    def internal(self) -> bool:
        """Whether the event is about an internal note; older GitLabs call it confidential."""
        return True in (_field(self._note, "internal"), _field(self._note, "confidential"))

    @property
    def discussion_id(self) -> str | None:
        """The ID of the discussion that the event's note belongs to."""
        text = _text(self.object_attributes, "discussion_id") if self.kind == "note" else None
        return text if text is not None and DISCUSSION_ID.fullmatch(text) else None

    @property
    def _note(self) -> dict[str, Any]:
        """The note that the event is about, or that an emoji is on."""
        return self.object_attributes if self.kind == "note" else _part(self.data, "note")

    @property
    def _project(self) -> dict[str, Any]:
        return _part(self.data, "project")

    @property
    def _merge_request(self) -> dict[str, Any]:
        """The merge request that the event is about, or that a note or a pipeline belongs to."""
        own = self.kind == "merge_request"
        return self.object_attributes if own else _part(self.data, "merge_request")

    @property
    def _pusher(self) -> Any:
        # A push has its user at the top level. A member event has the new member there.
        return self.data if self.kind in PUSH_KINDS else None

    @property
    def _label_change(self) -> tuple[list[str], list[str]]:
        change = _part(self.changes, "labels")
        return _titles(_field(change, "previous")), _titles(_field(change, "current"))

    @property
    def _issuable(self) -> dict[str, Any]:
        collection, subject = self._subject
        return subject if collection in ("issues", "merge_requests") else {}

    @property
    def _subject(self) -> tuple[str, dict[str, Any]]:
        """The API collection and the attributes of the event's subject, empty if it has none."""
        kind = self.kind
        if kind in ("issue", "work_item"):
            return "issues", self.object_attributes
        if kind == "merge_request":
            return "merge_requests", self.object_attributes
        if kind == "pipeline":
            return "merge_requests", _part(self.data, "merge_request")
        if kind in ("note", "emoji"):
            for key, collection in NOTEABLES.items():
                if noteable := _part(self.data, key):
                    return collection, noteable
        return "", {}

    def _subject_project(self, subject: dict[str, Any]) -> int | None:
        # A merge request belongs to its target project; its pipeline may run in a fork.
        if self.kind == "pipeline":
            target = _number(subject, "target_project_id")
            if target is not None:
                return target
        try:
            return self.project_id
        except AttributeError:
            return None


def same_secret(given: str, expected: str) -> bool:
    """Return whether two secrets are equal, in a time that does not depend on their content."""
    return hmac.compare_digest(raw_bytes(given), raw_bytes(expected))


def raw_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def delivery_id_in(headers: Mapping[str, str]) -> str | None:
    """Return the ID of a delivery from its headers, with names in lower case, if they have one."""
    for name in DELIVERY_ID_HEADERS:
        if value := headers.get(name):
            if PLAIN_ID.fullmatch(value):
                return value
            return hashlib.sha256(raw_bytes(value)).hexdigest()
    return None


def _require_json(content_type: str) -> None:
    essence, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [part for part in parameters if part.startswith("charset=")]
    if essence == "application/json" and all(
        charset.removeprefix("charset=").strip('"') in ("utf-8", "utf8", "us-ascii")
        for charset in charsets
    ):
        return
    raise MalformedDelivery(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"Content-Type must be application/json in UTF-8, not {shorten(content_type, 100)!r}",
    )


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body.decode("utf-8"), parse_constant=_reject_constant)
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    except UnicodeDecodeError:  # its text quotes the body
        raise _not_json("it is not UTF-8") from None
    except ValueError as error:
        raise _not_json(shorten(str(error), 200)) from None
    if not isinstance(data, dict):
        raise _not_json(f"it is a {type(data).__name__}")
    return data


def _not_json(reason: str) -> MalformedDelivery:
    return MalformedDelivery(
        HTTPStatus.BAD_REQUEST, f"the body must be a JSON object in UTF-8: {reason}"
    )


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")


def _field(part: Any, name: str) -> Any:
    return part.get(name) if isinstance(part, dict) else None


def _part(part: Any, name: str) -> dict[str, Any]:
    value = _field(part, name)
    return value if isinstance(value, dict) else {}


def _text(part: Any, name: str) -> str | None:
    value = _field(part, name)
    return value if isinstance(value, str) and value else None


def _username(part: Any, name: str) -> str | None:
    value = _text(part, name)
    return value if value is not None and USERNAME.fullmatch(value) else None


def _path(part: Any, name: str) -> str | None:
    value = _text(part, name)
    return value if value is not None and FULL_PATH.fullmatch(value) else None


def _number(part: Any, name: str) -> int | None:
    value = _field(part, name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _reference(part: Any, name: str) -> str | None:
    """Return an ID or a commit's SHA as a path segment; any other text could leave the path."""
    if (number := _number(part, name)) is not None:
        return str(number)
    text = _text(part, name)
    return text if text is not None and COMMIT_SHA.fullmatch(text) else None


def _titles(labels: Any) -> list[str]:
    if not isinstance(labels, list):
        return []
    return [title for label in labels if (title := _text(label, "title")) is not None]
