"""An authenticated API request, and the objects that its path names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote

from ..actor import Actor
from ..state import PLANNER, Commit, Issue, MergeRequest, Note, Project, Snippet, Token
from .errors import ApiError, invalid, not_found
from .params import Params

_T = TypeVar("_T")

ISSUE = "/projects/{id}/issues/{issue_iid}"
MERGE_REQUEST = "/projects/{id}/merge_requests/{merge_request_iid}"
SNIPPET = "/projects/{id}/snippets/{snippet_id}"
COMMIT = "/projects/{id}/repository/commits/{sha}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call(Actor):
    """An authenticated request, and the user who acts through it.

    Attributes:
        token: The token of the request.
        resource: The path below `/api/v4`, still encoded.
        path: The parameters in the path, still encoded.
        params: The parameters in the query and the body.
    """

    token: Token
    resource: str
    path: dict[str, str]
    params: Params

    def text(self, name: str) -> str:
        """Return a path parameter, decoded."""
        return unquote(self.path[name])

    def number(self, name: str) -> int:
        """Return a path parameter. Raises ApiError 400 if it is not a number."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise invalid(name)
        return int(text)

    @property
    def project(self) -> Project:
        """The project whose id or encoded path is in the path, if the user may see it."""
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
        """The object that notes can be on."""
        if "issue_iid" in self.path:
            return self.issue
        if "merge_request_iid" in self.path:
            return self.merge_request
        if "snippet_id" in self.path:
            return self.find(self.project.snippets, "snippet_id")
        return self.commit

    @property
    def note(self) -> Note:
        """The note, if it is on the noteable and the user may see it."""
        notes = {note.id: note for note in self.noteable.notes if self.may_see(note)}
        return self.find(notes, "note_id", "Note")

    def find(self, found: Mapping[int, _T], name: str, what: str = "") -> _T:
        """Return the object whose id is a path parameter. Raises ApiError 404 if there is none."""
        number = self.number(name)
        if number not in found:
            raise not_found(what)
        return found[number]

    def may_see(self, thing: Issue | Note) -> bool:
        """Return whether the user may see an issue or note, which may be confidential."""
        if isinstance(thing, Issue):
            visible = not thing.confidential or self.user in (thing.author, *thing.assignees)
        else:
            visible = not thing.internal or self.user is thing.author
        return visible or thing.project.access_level(self.user) >= PLANNER

    def require(self, level: int, *, unless: bool = False) -> None:
        """Refuse a user with a lower access level in the project, `unless` the condition holds."""
        if not unless and self.project.access_level(self.user) < level:
            raise ApiError(403, {"message": "403 Forbidden"})
