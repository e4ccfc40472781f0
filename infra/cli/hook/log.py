"""A hook's log at GitLab → the deliveries that the bot's endpoint did not take.

Takes values and returns values; `resend` asks GitLab.

https://docs.gitlab.com/api/project_webhooks/#list-all-events-for-a-project-webhook
"""

import email.utils
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..durations import moment

# What GitLab keeps of a payload that was too large for its log; a resend would send just that.
_NOT_KEPT = {"oversize": True}
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Entry:
    """One attempt to deliver, as GitLab logged it.

    key: the same for each attempt of one delivery.
    status: the HTTP status that the endpoint answered, or a word of GitLab's where it did not.
    at: in seconds since the epoch, `None` where GitLab does not tell.
    url: the hook's at that time.
    kept: whether GitLab kept the payload.
    """

    id: int
    hook_id: int
    key: str
    event: str
    status: str
    at: float | None
    url: str
    kept: bool

    @classmethod
    def of(cls, hook_id: int, data: Mapping[str, Any]) -> "Entry":
        """An entry of the log as the API tells it."""
        headers = {
            str(name).lower(): str(value)
            for name, value in (data.get("request_headers") or {}).items()
        }
        return cls(
            id=int(data["id"]),
            hook_id=hook_id,
            key=headers.get("webhook-id") or headers.get("idempotency-key") or _digest(data),
            event=headers.get("x-gitlab-event") or str(data.get("trigger")),
            status=str(data.get("response_status")),
            at=_time(data, headers),
            url=str(data.get("url")),
            kept=data.get("request_data") != _NOT_KEPT,
        )

    @property
    def taken(self) -> bool:
        return self.status.startswith("2")


@dataclass(frozen=True)
class Delivery:
    """A delivery that was never taken, with all attempts, oldest first."""

    attempts: tuple[Entry, ...]

    @property
    def last(self) -> Entry:
        return self.attempts[-1]

    @property
    def first(self) -> Entry:
        return self.attempts[0]

    def summary(self) -> dict[str, Any]:
        """What a list tells of it, for programs."""
        return {
            "delivery": self.last.key,
            "hook_id": self.last.hook_id,
            "hook_event_id": self.last.id,
            "event": self.last.event,
            "at": moment(self.first.at) if self.first.at is not None else None,
            "status": self.last.status,
            "attempts": len(self.attempts),
        }


def not_taken(entries: Iterable[Entry]) -> list[Delivery]:
    """The deliveries of which no attempt was taken, oldest first."""
    by_delivery: dict[tuple[int, str], list[Entry]] = defaultdict(list)
    for entry in {entry.id: entry for entry in entries}.values():
        by_delivery[entry.hook_id, entry.key].append(entry)
    deliveries = [
        Delivery(tuple(sorted(attempts, key=lambda entry: entry.id)))
        for attempts in by_delivery.values()
        if not any(entry.taken for entry in attempts)
    ]
    return sorted(deliveries, key=lambda delivery: delivery.first.id)


def leads_to(hook_url: str, endpoint: str) -> bool:
    """Whether a hook's URL is of the bot's endpoint, which answers at / as it does at /webhook."""
    hook, own = urlsplit(hook_url.strip()), urlsplit(endpoint.strip())
    if _origin(hook) != _origin(own):
        return False
    path = own.path.rstrip("/")
    return hook.path.rstrip("/") in (path, path.removesuffix("/webhook"))


def site(url: str) -> str:
    """The scheme and host of a URL: the rest of a hook's URL can hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, parts.hostname, port or _PORTS.get(parts.scheme)


def _digest(data: Mapping[str, Any]) -> str:
    """Stands for the key, which GitLab logs since it can resend (17.4)."""
    text = json.dumps([data.get("trigger"), data.get("request_data")], sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _time(data: Mapping[str, Any], headers: Mapping[str, str]) -> float | None:
    """When an attempt was made, from the first part of the entry that tells."""
    answered = {str(k).lower(): str(v) for k, v in (data.get("response_headers") or {}).items()}
    try:
        if data.get("created_at"):
            return datetime.fromisoformat(str(data["created_at"])).timestamp()
        if "webhook-timestamp" in headers:
            return float(headers["webhook-timestamp"])
        if "date" in answered:
            return email.utils.parsedate_to_datetime(answered["date"]).timestamp()
    except ValueError:
        pass
    return None
