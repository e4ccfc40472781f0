"""Notes: finds and updates the bot's own notes, and creates each at most once.

A note is found again by its marker, however often a task is retried, resent or replayed. So is an
issue that a handler opens.

https://docs.gitlab.com/api/notes/ and https://docs.gitlab.com/api/discussions/
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

from . import markers
from .errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

# Longer than GitLab resends a delivery (7 days) and than a task is kept: queued for 14 days and
# parked for 14 more, even if it was replayed once and parked again.
LOOK_BACK = timedelta(days=60)
# GitLab resends a delivery for 7 days, and the resent one has the time of its own arrival.
RESENT_FOR = timedelta(days=8)

# The fields of a request that hold the text of a note or a description.
NOTE_FIELDS = frozenset({"body", "note"})
TEXT_FIELDS = NOTE_FIELDS | {"description"}

# The ends of the paths, below /api/v4, that create a note or a thing with a description.
NOTES = re.compile(r"/(?:notes|discussions|draft_notes|repository/commits/[^/]+/comments)\Z")
ISSUABLES = re.compile(r"/projects/[^/]+/(?:issues|merge_requests)\Z")
# The ends of the paths of one such note or thing.
NOTE_OR_ISSUABLE = re.compile(r"/(?:(?:draft_)?notes|issues|merge_requests)/\d+\Z")
DISCUSSION = re.compile(r"/discussions/[^/]+\Z")

# Takes the name of a field and its text, and returns the text to send.
Rewrite: TypeAlias = "Callable[[str, str], str]"


@dataclass(frozen=True)
class Origin:
    """The origin of requests: one handler's run.

    Attributes:
        handler: The identity of the handler's route.
        user_id: The number of the access token's account.
        event_uuid: Sent with each request, so that GitLab can cut chains of events. `None` sends
            none.
        received: The time of the delivery, in seconds since the epoch.
    """

    delivery_id: str
    handler: str
    user_id: int
    event_uuid: str | None = None
    received: float = field(default_factory=time.time)

    @property
    def note_identity(self) -> str:
        """The identity of a text that is posted without `comment`."""
        return markers.identity("note", self.delivery_id, self.handler)

    def once(self, path: str, *distinction: str) -> str:
        """Return the identity of a thing that this delivery causes once."""
        return markers.identity("once", self.delivery_id, self.handler, path, *distinction)

    def standing(self, path: str, *distinction: str) -> str:
        """Return the identity of a note that stays the same for each delivery."""
        return markers.identity("standing", self.handler, path, *distinction)


class Requests(Protocol):
    """The requests that notes need, as `GitLabAPI` sends them."""

    async def send(self, method: str, url: str, data: Any) -> Any:
        """Send a request as it is; return the data of the answer."""
        ...

    def getiter(self, url: str, params: Mapping[str, Any] | None = None) -> AsyncIterator[Any]:
        """GET the items of a list, page by page."""
        ...

    async def getitem(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """GET one thing."""
        ...


@dataclass(frozen=True)
class Note:
    """One of the account's own notes.

    Attributes:
        path: Its path in the API.
        data: The note as GitLab describes it.
    """

    path: str
    data: dict[str, Any]

    @property
    def body(self) -> str:
        return str(self.data["body"])


class Notes:
    """The notes and descriptions of one handler's run.

    Args:
        requests: Sends the requests.
        origin: The run.
    """

    def __init__(self, requests: Requests, origin: Origin) -> None:
        self._requests = requests
        self._origin = origin
        self._keys: set[tuple[str, str]] = set()
        # Looking and posting are two requests: one text at a time.
        self._lock = asyncio.Lock()

    async def comment(
        self, path: str, body: str, *, key: str | None, update: bool, internal: bool
    ) -> Any:
        """Post a note, unless it exists; see `GitLabAPI.comment`."""
        # An internal note and a public one never replace each other.
        visibility = ("internal",) if internal else ()
        url, data = new_note(path, body, internal=internal)
        if update:
            identity = self._origin.standing(path, key or "", *visibility)
            async with self._lock:
                return await self._keep_standing(path, body, identity, url, data)
        identity = self._origin.once(path, *self._distinction(path, key, body), *visibility)
        async with self._lock:
            async for note in self._own(path, identity, newest_first=True):
                return without_markers(note.data)
            return await self.write("POST", url, data, identity)

    async def open_issue(self, path: str, data: dict[str, str], *, key: str) -> Any:
        """Open an issue, unless it exists; see `GitLabAPI.open_issue`."""
        identity = self._origin.once(path, *self._distinction(path, key, ""))
        since = datetime.fromtimestamp(self._origin.received, UTC) - RESENT_FOR
        own = {
            "author_id": self._origin.user_id,
            "created_after": since.isoformat(timespec="seconds"),
            "scope": "all",
            "per_page": 100,
        }
        async with self._lock:
            async for issue in self._requests.getiter(path, own):
                if self._is_own(issue) and markers.find(issue.get("description")) == identity:
                    return without_markers(issue)
            return await self.write("POST", path, data, identity)

    async def write(self, method: str, url: str, data: Any, identity: str | None = None) -> Any:
        """Send a request, and keep the markers of the texts that it writes.

        A created note or description gets a marker. A changed one keeps its marker, and the text
        below it.

        Args:
            method: POST, PUT or PATCH.
            url: Relative to the API, or absolute.
            data: The body.
            identity: The identity of a created text, by default that of the run.
        """
        identity = identity or self._origin.note_identity
        path = urlsplit(url)._replace(query="").geturl().rstrip("/")
        if method == "POST" and ISSUABLES.search(path):
            url, data = _with_description(url, data)
        if _texts(url, data):
            rewrite = await self._rewriting(method, path, identity)
            url, data = rewritten(url, data, rewrite)
        answer = await self._requests.send(method, url, data)
        marked = any(markers.find(text) for text in _texts(url, data))
        if method == "POST" and NOTES.search(path) and not marked:
            await self._mark_created(path, answer, identity)
        return without_markers(answer)

    def _distinction(self, path: str, key: str | None, text: str) -> tuple[str, str]:
        """Return the part of an identity that distinguishes a text from others on its target.

        Raises:
            ValueError: The run used the key before.
        """
        if key is None:
            return "text", text
        if (path, key) in self._keys:
            raise ValueError(f"the key {key!r} was used before on {path}: each text needs its own")
        self._keys.add((path, key))
        return "key", key

    async def _keep_standing(
        self, path: str, body: str, identity: str, url: str, data: dict[str, Any]
    ) -> Any:
        """Edit the standing note with an identity, or create it."""
        async for note in self._own(path, identity):
            return await self._edit(note, body)
        created = await self.write("POST", url, data, identity)
        found = [note async for note in self._own(path, identity)]
        if len(found) < 2:
            return created
        # Another run created one at the same time. GitLab does not name a new comment on a commit.
        created_id = created.get("id") if isinstance(created, dict) else None
        newest = f"{path}/notes/{created_id}" if created_id else found[-1].path
        if newest == found[0].path:
            return created
        await self._delete(newest)
        return await self._edit(found[0], body)

    async def _edit(self, note: Note, body: str) -> Any:
        text = _replaced(note.body, body)
        if text == note.body:
            return without_markers(note.data)
        return without_markers(await self._requests.send("PUT", note.path, {"body": text}))

    async def _delete(self, path: str) -> None:
        try:
            await self._requests.send("DELETE", path, b"")
        except BadRequest as error:
            if error.status_code != HTTPStatus.NOT_FOUND:
                raise

    async def _own(
        self, path: str, identity: str, *, newest_first: bool = False
    ) -> AsyncIterator[Note]:
        """Yield the account's own notes with an identity, and skip malformed ones."""
        async for note_path, data in self._listed(path, newest_first=newest_first):
            if not self._is_own(data) or not isinstance(data.get("id"), int):
                continue
            if markers.find(data.get("body")) == identity:
                yield Note(f"{note_path}/{data['id']}", data)

    async def _listed(self, path: str, *, newest_first: bool) -> AsyncIterator[tuple[str, Any]]:
        """Yield the notes on a target or in a discussion, each with the path of such notes.

        Args:
            path: The path of the target or the discussion.
            newest_first: Skip those older than `LOOK_BACK`, where GitLab sorts notes by time.
        """
        if DISCUSSION.search(path):
            for note in _notes_of(await self._requests.getitem(path)):
                yield f"{path}/notes", note
        elif _is_commit(path):
            discussions = self._requests.getiter(f"{path}/discussions", {"per_page": 100})
            async for discussion in discussions:
                for note in _notes_of(discussion):
                    yield f"{path}/discussions/{discussion.get('id')}/notes", note
        else:
            order = {
                "per_page": 100,
                "order_by": "created_at",
                "sort": "desc" if newest_first else "asc",
                "activity_filter": "only_comments",
            }
            oldest = datetime.now(UTC) - LOOK_BACK
            async for note in self._requests.getiter(f"{path}/notes", order):
                if newest_first and _created_at(note) < oldest:
                    return
                yield f"{path}/notes", note

    async def _rewriting(self, method: str, path: str, identity: str) -> Rewrite:
        """Return the function that rewrites the texts of a request."""
        if method == "POST" and NOTES.search(path):
            return _marking(NOTE_FIELDS, identity, path)
        if method == "POST" and ISSUABLES.search(path):
            return _marking({"description"}, identity)
        if method != "POST" and NOTE_OR_ISSUABLE.search(path):
            present = await self._requests.getitem(path)
            if self._is_own(present):
                return lambda name, text: _replaced(present.get(name), text)
        return strip

    async def _mark_created(self, path: str, answer: Any, identity: str) -> None:
        """Add the marker to a note that GitLab created from quick actions that it did not know."""
        url, note = path, answer
        if path.endswith("/discussions") and (notes := _notes_of(answer)):
            url, note = f"{path}/{answer.get('id')}/notes", notes[0]
        text = note.get("body") if isinstance(note, dict) else None
        if url.endswith("/notes") and isinstance(text, str) and "id" in note:
            marked = {"body": markers.mark(text, identity)}
            await self._requests.send("PUT", f"{url}/{note['id']}", marked)

    def _is_own(self, item: Any) -> bool:
        """Return whether the account is the author of a note, an issue or a merge request."""
        if not isinstance(item, dict):
            return False
        author = item.get("author")
        user_id = author.get("id") if isinstance(author, dict) else item.get("author_id")
        return bool(user_id == self._origin.user_id)


def new_note(path: str, body: str, *, internal: bool) -> tuple[str, dict[str, Any]]:
    """Return the path and the body of the request that creates a note; commits have their own.

    Raises:
        ValueError: GitLab would publish the internal note.
    """
    if internal and (_is_commit(path) or "/snippets/" in path):
        raise ValueError(f"GitLab has no internal notes on commits and snippets: {path}")
    if _is_commit(path) and not DISCUSSION.search(path):
        return f"{path}/comments", {"note": body}
    return f"{path}/notes", {"body": body, "internal": True} if internal else {"body": body}


def rewritten(url: str, data: Any, rewrite: Rewrite) -> tuple[str, Any]:
    """Return the URL and the body of a request, with each of their texts rewritten."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if any(name in TEXT_FIELDS for name, _ in query):
        pairs = [(name, _rewritten(name, value, rewrite)) for name, value in query]
        url = parts._replace(query=urlencode(pairs)).geturl()
    if isinstance(data, dict):
        data = {name: _rewritten(name, value, rewrite) for name, value in data.items()}
    return url, data


def strip(name: str, text: str) -> str:
    """Return a text without markers, whatever field it is for."""
    return markers.strip(text)


def without_markers(answer: Any) -> Any:
    """Return the answer to a request without the markers in its texts."""
    if not isinstance(answer, dict):
        return answer
    answer = {
        name: _rewritten(name, value, lambda _, text: markers.without(text))
        for name, value in answer.items()
    }
    if notes := _notes_of(answer):
        answer["notes"] = [without_markers(note) for note in notes]
    return answer


def _rewritten(name: str, value: Any, rewrite: Rewrite) -> Any:
    return rewrite(name, value) if name in TEXT_FIELDS and isinstance(value, str) else value


def _marking(fields: Collection[str], identity: str, path: str = "") -> Rewrite:
    """Return a function that adds a marker to the texts of some fields.

    Args:
        fields: The names of the fields.
        identity: The identity in the marker.
        path: The path that notes are created at; their quick actions get no marker.
    """

    def rewrite(name: str, text: str) -> str:
        text = markers.strip(text)
        if name not in fields or (path and markers.creates_no_note(text, path)):
            return text
        return markers.mark(text, identity)

    return rewrite


def _replaced(present: object, text: str) -> str:
    """Return a new text with the marker of the present one and the text below it."""
    identity = markers.find(present)
    if identity is None:
        return markers.strip(text)
    return markers.mark(text, identity, below=markers.below(str(present)))


def _texts(url: str, data: Any) -> list[str]:
    """Return the texts in a request."""
    fields = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    fields += data.items() if isinstance(data, dict) else ()
    return [text for name, text in fields if name in TEXT_FIELDS and isinstance(text, str)]


def _with_description(url: str, data: Any) -> tuple[str, Any]:
    """Return a request that opens an issue or merge request, with a description."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if "description" in dict(query):
        return url, data
    if not isinstance(data, dict):
        return parts._replace(query=urlencode([*query, ("description", "")])).geturl(), data
    return url, {**data, "description": data.get("description") or ""}


def _notes_of(discussion: Any) -> list[Any]:
    notes = discussion.get("notes") if isinstance(discussion, dict) else None
    return notes if isinstance(notes, list) else []


def _is_commit(path: str) -> bool:
    return "/repository/commits/" in path


def _created_at(note: Any) -> datetime:
    """Return the time at which a note was created; now, if GitLab does not state it."""
    try:
        created = datetime.fromisoformat(note["created_at"])
    except (KeyError, TypeError, ValueError):
        return datetime.now(UTC)
    return created if created.tzinfo else created.replace(tzinfo=UTC)
