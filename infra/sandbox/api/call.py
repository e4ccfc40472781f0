"""One authenticated API request, and the objects that its path names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote

from ..actor import Actor
from ..state import (
    PLANNER,
    Commit,
    Instance,
    Issue,
    MergeRequest,
    Note,
    Project,
    Snippet,
    User,
)
from ..webhooks import Webhooks
from .errors import ApiError, invalid, not_found
from .params import Params

_T = TypeVar("_T")

ISSUE = "/projects/{id}/issues/{issue_iid}"
MERGE_REQUEST = "/projects/{id}/merge_requests/{merge_request_iid}"
SNIPPET = "/projects/{id}/snippets/{snippet_id}"
COMMIT = "/projects/{id}/repository/commits/{sha}"


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request.

    Attributes:
        resource: the path below `/api/v4`, still encoded.
        path: the parameters in the path, still encoded.
        params: the parameters in the query and the body.
        event_uuid: the `X-Gitlab-Event-UUID` header.
    """

    user: User
    webhooks: Webhooks
    resource: str
    path: dict[str, str]
    params: Params
    event_uuid: str | None = None

    @property
    def actor(self) -> Actor:
        return Actor(self.user, self.webhooks, self.event_uuid)

    @property
    def instance(self) -> Instance:
        return self.user.instance

    def text(self, name: str) -> str:
        """A path parameter, decoded."""
        return unquote(self.path[name])

    def number(self, name: str) -> int:
        """A numeric path parameter. Raises ApiError 400 for anything else."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise invalid(name)
        return int(text)

    @property
    def project(self) -> Project:
        """The project in the path, by number or encoded path, if the user may see it."""
        project = self.instance.project(self.text("id"))
        if not project or not project.can_read(self.user):
            raise not_found("Project")
        return project

    @property
    def issue(self) -> Issue:
        issue = self.find(self.project.issues, "issue_iid")
        if not self.may_see(issue):
            raise not_found()
        return issue

    @property
    def merge_request(self) -> MergeRequest:
        return self.find(self.project.merge_requests, "merge_request_iid")

    @property
    def commit(self) -> Commit:
        commit = self.project.commits.get(self.text("sha"))
        if not commit:
            raise not_found("Commit")
        return commit

    @property
    def noteable(self) -> Issue | MergeRequest | Snippet | Commit:
        """The object in the path that notes can be on."""
        if "issue_iid" in self.path:
            return self.issue
        if "merge_request_iid" in self.path:
            return self.merge_request
        if "snippet_id" in self.path:
            return self.find(self.project.snippets, "snippet_id")
        return self.commit

    @property
    def note(self) -> Note:
        """The note in the path, if it is on the noteable and the user may see it."""
        notes = {note.id: note for note in self.noteable.notes if self.may_see(note)}
        return self.find(notes, "note_id", "Note")

    def find(self, found: Mapping[int, _T], name: str, what: str = "") -> _T:
        """The element with the number in the path. Raises ApiError 404, naming `what`."""
        number = self.number(name)
        if number not in found:
            raise not_found(what)
        return found[number]

    def may_see(self, thing: Issue | Note) -> bool:
        """Confidential issues and internal notes are for the team and those concerned."""
        hidden = thing.confidential if isinstance(thing, Issue) else thing.internal
        assignees = thing.assignees if isinstance(thing, Issue) else ()
        if not hidden or self.user in (thing.author, *assignees):
            return True
        return thing.project.access_level(self.user) >= PLANNER

    def require(self, level: int, *, unless: bool = False) -> None:
        """Refuse a user with less than an access level in the project, `unless` it is theirs."""
        if not unless and self.project.access_level(self.user) < level:
            raise ApiError(403, {"message": "403 Forbidden"})
