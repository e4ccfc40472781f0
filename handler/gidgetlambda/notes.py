"""Notes: finds and updates the bot's own notes, and creates each at most once.

A note is found again by its marker, however often a task is retried, resent or replayed.

https://docs.gitlab.com/api/notes/
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from . import markers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

# Longer than GitLab resends a delivery (7 days) and than a task is kept: queued for 14 days and
# parked for 14 more, even if it was replayed once and parked again.
LOOK_BACK = timedelta(days=60)


@dataclass(frozen=True)
class Origin:
    """The origin of requests: one handler's run.

    Attributes:
        handler: The identity of the handler's route.
        user_id: The number of the access token's account.
    """

    delivery_id: str
    handler: str
    user_id: int

    @property
    def note_identity(self) -> str:
        """The identity of a note that is posted without `comment`."""
        return markers.identity("note", self.delivery_id, self.handler)

    def comment_identity(self, path: str, key: str, *, standing: bool) -> str:
        """Return a comment's identity; that of a standing one is the same for each delivery."""
        if standing:
            return markers.identity("standing", self.handler, path, key)
        return markers.identity("once", self.delivery_id, self.handler, path, key)


class Requests(Protocol):
    """The requests that notes need, as `GitLabAPI` sends them."""

    async def send(self, method: str, url: str, data: Any) -> Any:
        """Send a request as it is; return the data of the answer."""
        ...

    def getiter(self, url: str, params: Mapping[str, Any] | None = None) -> AsyncIterator[Any]:
        """GET the items of a list, page by page."""
        ...


class Notes:
    """The notes of one handler's run.

    Args:
        requests: Sends the requests.
        origin: The run.
    """

    def __init__(self, requests: Requests, origin: Origin) -> None:
        self._requests = requests
        self._origin = origin

    async def comment(self, path: str, body: str, *, key: str, update: bool) -> Any:
        """Post a note, unless it exists; see `GitLabAPI.comment`."""
        identity = self._origin.comment_identity(path, key, standing=update)
        text = markers.mark(body, identity)
        since = None if update else datetime.now(UTC) - LOOK_BACK
        found = await self._find(path, identity, since)
        if found is None:
            return await create(self._requests, path, text)
        note_path, note = found
        if update and note["body"] != text:
            return await self._requests.send("PUT", note_path, {"body": text})
        return note

    async def _find(
        self, path: str, identity: str, since: datetime | None
    ) -> tuple[str, dict[str, Any]] | None:
        """Find the account's own note with an identity on a target; return its path and the note.

        Args:
            path: The path of the target.
            identity: The identity of the note.
            since: Older notes are skipped where GitLab sorts notes by time.
        """
        async for note_path, note in self._all(path, since):
            own = (note.get("author") or {}).get("id") == self._origin.user_id
            if own and markers.find(note.get("body")) == identity:
                return note_path, note
        return None

    async def _all(
        self, path: str, since: datetime | None
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield the notes on a target with their paths, newest first where GitLab sorts them."""
        if _is_commit(path):
            url = f"{path}/discussions"
            async for discussion in self._requests.getiter(url, {"per_page": 100}):
                for note in discussion["notes"]:
                    yield f"{path}/discussions/{discussion['id']}/notes/{note['id']}", note
            return
        newest_first = {
            "per_page": 100,
            "order_by": "created_at",
            "sort": "desc",
            "activity_filter": "only_comments",
        }
        async for note in self._requests.getiter(f"{path}/notes", newest_first):
            if since is not None and _created_at(note) < since:
                return
            yield f"{path}/notes/{note['id']}", note


async def create(requests: Requests, path: str, text: str) -> Any:
    """Create a note on a target; commits have a separate endpoint."""
    if _is_commit(path):
        return await requests.send("POST", f"{path}/comments", {"note": text})
    return await requests.send("POST", f"{path}/notes", {"body": text})


def _is_commit(path: str) -> bool:
    return "/repository/commits/" in path


def _created_at(note: Mapping[str, Any]) -> datetime:
    """Return the time at which a note was created; now, if GitLab does not state it."""
    try:
        created = datetime.fromisoformat(note["created_at"])
    except (KeyError, TypeError, ValueError):
        return datetime.now(UTC)
    return created if created.tzinfo else created.replace(tzinfo=UTC)
