"""The log of a hook at GitLab, and the deliveries in it that never arrived.

https://docs.gitlab.com/api/project_webhooks/#list-all-events-for-a-project-webhook
"""

import email.utils
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from ..times import timestamp

# GitLab's log has this in place of a payload that was too large; a resend would send only this.
_TOO_LARGE = {"oversize": True}


@dataclass(frozen=True)
class LogEntry:
    """An attempt to deliver, or the last attempt of several.

    Attributes:
        key: The delivery's key, which all its attempts share.
        status: The endpoint's HTTP status, or GitLab's word for a missing answer.
        at: The Unix time of the first attempt, `None` if the log has none.
        url: The hook's URL at the time of the attempt.
        has_payload: Whether the log has the payload, so that it can be sent again.
        attempts: The number of attempts.
    """

    id: int
    hook_id: int
    key: str
    event: str
    status: str
    at: float | None
    url: str
    has_payload: bool
    attempts: int = 1

    @classmethod
    def of(cls, hook_id: int, data: Mapping[str, Any]) -> "LogEntry":
        """Return the entry in an item of the API's list."""
        headers = _lower_names(data.get("request_headers"))
        return cls(
            id=int(data["id"]),
            hook_id=hook_id,
            key=headers.get("webhook-id") or headers.get("idempotency-key") or _digest(data),
            event=headers.get("x-gitlab-event") or str(data.get("trigger")),
            status=str(data.get("response_status")),
            at=_time(data, headers),
            url=str(data.get("url")),
            has_payload=data.get("request_data") != _TOO_LARGE,
        )

    def describe(self) -> str:
        tries = f", tried {self.attempts} times" if self.attempts > 1 else ""
        at = "unknown time" if self.at is None else timestamp(self.at)
        return f"{at}  {self.event}  {self.key}  ({self.status}{tries})"

    def summary(self) -> dict[str, Any]:
        """Return the fields for programs, without the URL, which can contain a secret."""
        return {
            "delivery": self.key,
            "hook_id": self.hook_id,
            "hook_event_id": self.id,
            "event": self.event,
            "at": None if self.at is None else timestamp(self.at),
            "status": self.status,
            "attempts": self.attempts,
        }


def missed(entries: Iterable[LogEntry]) -> list[LogEntry]:
    """Return the deliveries without a successful attempt, oldest first."""
    by_delivery: dict[tuple[int, str], list[LogEntry]] = defaultdict(list)
    for entry in sorted(set(entries), key=lambda entry: entry.id):
        by_delivery[entry.hook_id, entry.key].append(entry)
    return [
        replace(attempts[-1], at=attempts[0].at, attempts=len(attempts))
        for attempts in by_delivery.values()
        if not any(entry.status.startswith("2") for entry in attempts)
    ]


def failed_with(text: str) -> re.Pattern[str]:
    """Return the pattern of the statuses in a list such as "5xx,429,error".

    Raises:
        ValueError: A part is neither a status nor "error", which stands for a missing answer.
    """
    parts = [part.strip().lower() for part in text.split(",")]
    if not all(re.fullmatch(r"[1-5](?:xx|\d\d)|error", part) for part in parts):
        raise ValueError(f"{text!r} is not a list such as 5xx,429,error")
    patterns = (part.replace("x", r"\d") if part != "error" else r"\D.*" for part in parts)
    return re.compile("|".join(patterns))


def leads_to(hook_url: str, endpoint: str) -> bool:
    """Return whether a hook's URL is the bot's endpoint, which answers at / and at /webhook."""
    try:
        hook, own = httpx.URL(hook_url.strip()), httpx.URL(endpoint.strip())
    except httpx.InvalidURL:
        return False
    path = own.path.rstrip("/")
    return (hook.scheme, hook.host, hook.port) == (own.scheme, own.host, own.port) and (
        hook.path.rstrip("/") in (path, path.removesuffix("/webhook"))
    )


def site(url: str) -> str:
    """Return the scheme and host of a hook's URL, since the rest can contain a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _lower_names(headers: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in (headers or {}).items()}


def _digest(data: Mapping[str, Any]) -> str:
    """Return a substitute for the key, which the log contains since GitLab 17.4."""
    text = json.dumps([data.get("trigger"), data.get("request_data")], sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _time(data: Mapping[str, Any], request_headers: Mapping[str, str]) -> float | None:
    response_headers = _lower_names(data.get("response_headers"))
    try:
        if sent := request_headers.get("webhook-timestamp"):
            return float(sent)
        return email.utils.parsedate_to_datetime(response_headers["date"]).timestamp()
    except (ValueError, KeyError):
        return None
