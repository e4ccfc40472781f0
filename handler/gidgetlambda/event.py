"""Event: one webhook event, and what is commonly asked of it.

Takes values and returns values. Whether a delivery may be believed is `delivery`'s question;
what to do about an event is the router's. A payload is somebody else's: every property here copes
with parts that are missing, `null` or of a wrong type.

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

if TYPE_CHECKING:
    from collections.abc import Mapping

# What is kept of a delivery's headers: nothing in it is secret.
KEPT_HEADERS = frozenset(
    {
        "idempotency-key",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "x-gitlab-event-uuid",
        "x-gitlab-instance",
        "x-gitlab-webhook-uuid",
    }
)

# Headers that tell one delivery from another. A resend bears the same first two, not the last.
DELIVERY_ID_HEADERS = ("webhook-id", "idempotency-key", "x-gitlab-webhook-uuid")

PUSHES = ("push", "tag_push", "repository_update")

PLAIN_ID = re.compile(r"[\x21-\x7e]{1,128}")
COMMIT_SHA = re.compile(r"[0-9a-f]{7,64}")


class Event:
    """One event that GitLab tells of.

    data: the payload, decoded from JSON.
    event: the value of `X-Gitlab-Event`, "Issue Hook" for one.
    secret: the webhook's secret token, as in gidgetlab; nothing here reads it.
    headers: the delivery's headers; those in `KEPT_HEADERS` are kept.
    delivery_id: overrides what the headers say.
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
        self._delivery_id = delivery_id or _delivery_id(self.headers)

    def __repr__(self) -> str:
        return f"<Event {self.event!r} {self.delivery_id}>"

    @classmethod
    def from_http(
        cls, headers: Mapping[str, str], body: bytes, *, secret: str | None = None
    ) -> Event:
        """The event that a delivery's headers and body tell of, checked against a secret token.

        headers: names in any case.
        body: the raw bytes, JSON in UTF-8.
        secret: the webhook's secret token; `None` takes only deliveries that carry none.

        Raises:
            ValidationFailure: the token is missing, wrong or not expected, or `X-Gitlab-Event` is
                missing.
            MalformedDelivery: the content type is not JSON (415), or the body is not a JSON object
                (400).
        """
        headers = {name.lower(): value for name, value in headers.items()}
        given = headers.get("x-gitlab-token")
        if given is not None and secret is None:
            raise ValidationFailure("the delivery carries a secret token and none is configured")
        if given is None and secret is not None:
            raise ValidationFailure("X-Gitlab-Token is missing")
        if given is not None and secret is not None and not same_secret(given, secret):
            raise ValidationFailure("X-Gitlab-Token is not the configured secret token")
        if not headers.get("x-gitlab-event"):
            raise ValidationFailure("X-Gitlab-Event is missing")
        return cls.parse(headers, body, secret=secret)

    @classmethod
    def parse(cls, headers: Mapping[str, str], body: bytes, *, secret: str | None = None) -> Event:
        """The event that a delivery tells of, without asking whether it may be believed.

        headers: names in lower case.

        Raises `MalformedDelivery`: 415 for a content type other than JSON, 400 for a missing
        `X-Gitlab-Event` and for a body that is not a JSON object.
        """
        _require_json(headers.get("content-type", ""))
        event = headers.get("x-gitlab-event", "").strip()
        if not event:
            raise MalformedDelivery(
                HTTPStatus.BAD_REQUEST,
                "X-Gitlab-Event is missing: is this a request from a GitLab webhook?",
            )
        data = _json_object(body)
        delivery_id = _delivery_id(headers) or hashlib.sha256(body).hexdigest()
        return cls(data, event=event, secret=secret, headers=headers, delivery_id=delivery_id)

    @property
    def delivery_id(self) -> str:
        """What tells this delivery from others and stays the same when GitLab resends it.

        `webhook-id`, else `Idempotency-Key`, else `X-Gitlab-Webhook-UUID`, else a SHA-256 of the
        body.
        """
        if self._delivery_id is None:
            body = json.dumps(self.data, sort_keys=True, default=str)
            self._delivery_id = hashlib.sha256(body.encode()).hexdigest()
        return self._delivery_id

    @property
    def event_uuid(self) -> str | None:
        """`X-Gitlab-Event-UUID`: shared by all events of one recursion, so no delivery's own.

        `None` also where it is nothing that a request to GitLab could carry on.
        """
        value = self.headers.get("x-gitlab-event-uuid", "")
        return value if PLAIN_ID.fullmatch(value) else None

    @property
    def instance(self) -> str | None:
        """`X-Gitlab-Instance`: the base URL of the GitLab that sent the delivery."""
        return self.headers.get("x-gitlab-instance") or None

    @property
    def object_attributes(self) -> dict[str, Any]:
        """The payload's `object_attributes`, empty where there is none."""
        return _part(self.data, "object_attributes")

    @property
    def kind(self) -> str | None:
        """What the event is about: `object_kind`, else `event_name`."""
        return _text(self.data, "object_kind") or _text(self.data, "event_name")

    @property
    def action(self) -> str | None:
        """What happened: "open", "close", "update", …; `None` where GitLab does not say."""
        return _text(self.object_attributes, "action") or _text(self.data, "action")

    @property
    def project_id(self) -> int:
        """The project's number.

        Raises `AttributeError` where the event belongs to no project (a group's member, say).
        """
        for part, name in (
            (self._project, "id"),
            (self.data, "project_id"),
            (self.object_attributes, "project_id"),
        ):
            if (number := _number(part, name)) is not None:
                return number
        raise AttributeError(f"this {self.event!r} event names no project")

    @property
    def project_path(self) -> str | None:
        """The project's full path: "group/project"."""
        return _text(self._project, "path_with_namespace") or _text(
            self.data, "path_with_namespace"
        )

    @property
    def user_id(self) -> int | None:
        """The number of the user who did it."""
        number = _number(_part(self.data, "user"), "id")
        return number if number is not None else _number(self._pusher, "user_id")

    @property
    def username(self) -> str | None:
        """The name, without the @, of the user who did it."""
        return _text(_part(self.data, "user"), "username") or _text(self._pusher, "user_username")

    @property
    def author_id(self) -> int | None:
        """The number of the user whose issue or merge request it is."""
        return _number(self._issuable[1], "author_id")

    @property
    def iid(self) -> int | None:
        """The number, within its project, of the issue or merge request that it is about."""
        return _number(self._issuable[1], "iid")

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that an update changed, mostly as `{"previous": …, "current": …}`."""
        return _part(self.data, "changes")

    @property
    def labels(self) -> list[str]:
        """The titles of the labels that the issue or merge request has now."""
        if isinstance(_field(self.data, "labels"), list):
            return _titles(self.data["labels"])
        return _titles(_field(self._issuable[1], "labels"))

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
        """The API path of what the event is about, where that can be commented on.

        Issues, merge requests, commits and snippets; also from a note or an emoji on one of them,
        and from a merge request's pipeline: "/projects/1/issues/23". Else `None`.
        """
        collection, thing = self._target
        key = {"repository/commits": "id", "snippets": "id"}.get(collection, "iid")
        reference = _reference(thing, key)
        project = self._target_project(thing)
        if project is None or reference is None:
            return None
        return f"/projects/{project}/{collection}/{reference}"

    @property
    def awardable_path(self) -> str | None:
        """The API path of what an emoji would be awarded to: the note, if the event is of one."""
        target = self.target_path
        if target is None or "/repository/commits/" in target:
            return None
        note = self.object_attributes if self.kind == "note" else _part(self.data, "note")
        note_id = _number(note, "id")
        return target if note_id is None else f"{target}/notes/{note_id}"

    @property
    def _project(self) -> dict[str, Any]:
        return _part(self.data, "project")

    @property
    def _pusher(self) -> Any:
        # A push names its user flatly. So does a member event, but that is the member.
        return self.data if self.kind in PUSHES else None

    @property
    def _label_change(self) -> tuple[list[str], list[str]]:
        change = _part(self.changes, "labels")
        return _titles(_field(change, "previous")), _titles(_field(change, "current"))

    @property
    def _issuable(self) -> tuple[str, dict[str, Any]]:
        collection, thing = self._target
        return (collection, thing) if collection in ("issues", "merge_requests") else ("", {})

    @property
    def _target(self) -> tuple[str, dict[str, Any]]:
        """Which of the API's collections the event's subject is in, and what is told of it."""
        kind = self.kind
        if kind in ("issue", "work_item"):
            return "issues", self.object_attributes
        if kind == "merge_request":
            return "merge_requests", self.object_attributes
        if kind == "pipeline":
            return "merge_requests", _part(self.data, "merge_request")
        if kind in ("note", "emoji"):
            return self._noted
        return "", {}

    @property
    def _noted(self) -> tuple[str, dict[str, Any]]:
        """What a note or an emoji is on: GitLab tells it beside the note."""
        for key, collection in (
            ("issue", "issues"),
            ("merge_request", "merge_requests"),
            ("commit", "repository/commits"),
            ("snippet", "snippets"),
        ):
            if thing := _part(self.data, key):
                return collection, thing
        return "", {}

    def _target_project(self, thing: dict[str, Any]) -> int | None:
        # A merge request from a fork is its target project's; its pipeline may be the fork's.
        if self.kind == "pipeline" and (target := _number(thing, "target_project_id")) is not None:
            return target
        try:
            return self.project_id
        except AttributeError:
            return None


def same_secret(given: str, expected: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell how alike they are."""
    return hmac.compare_digest(_secret_bytes(given), _secret_bytes(expected))


def _secret_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _delivery_id(headers: Mapping[str, str]) -> str | None:
    for name in DELIVERY_ID_HEADERS:
        if value := headers.get(name):
            if PLAIN_ID.fullmatch(value):
                return value
            return hashlib.sha256(_secret_bytes(value)).hexdigest()
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
        f"the content type must be application/json in UTF-8, not {content_type[:100]!r}",
    )


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise MalformedDelivery(HTTPStatus.BAD_REQUEST, "the body is nested too deeply") from None
    except ValueError as error:
        # Not the error's text for UnicodeDecodeError: it quotes the body.
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)[:200]
        raise MalformedDelivery(
            HTTPStatus.BAD_REQUEST, f"the body is not the JSON that GitLab sends: {reason}"
        ) from None
    if not isinstance(data, dict):
        raise MalformedDelivery(
            HTTPStatus.BAD_REQUEST,
            f"the body is not a JSON object but a {type(data).__name__}",
        )
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _field(part: Any, name: str) -> Any:
    return part.get(name) if isinstance(part, dict) else None


def _part(part: Any, name: str) -> dict[str, Any]:
    value = _field(part, name)
    return value if isinstance(value, dict) else {}


def _text(part: Any, name: str) -> str | None:
    value = _field(part, name)
    return value if isinstance(value, str) and value else None


def _number(part: Any, name: str) -> int | None:
    value = _field(part, name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _reference(part: Any, name: str) -> str | None:
    """A number or a commit's SHA, as a segment of a path; no other text may become one."""
    if (number := _number(part, name)) is not None:
        return str(number)
    text = _text(part, name)
    return text if text is not None and COMMIT_SHA.fullmatch(text) else None


def _titles(labels: Any) -> list[str]:
    if not isinstance(labels, list):
        return []
    return [title for label in labels if (title := _text(label, "title")) is not None]
