"""One API request, read and authenticated, and the answer to it.

A handler of the API is a function `(Call) -> Answer`: it opens nothing and waits for nothing
(or, where GitLab itself waits for a receiver, it is async). What it refuses, it raises.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ..acting import Acting
from ..state import GUEST, Instance, Issue, MergeRequest, Project, Snippet, User
from ..webhooks import Webhooks
from .params import Params


class ApiError(Exception):
    """A refusal, in one of GitLab's shapes: `body` is sent as it is."""

    def __init__(
        self, status: int, body: dict[str, Any] | str, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; `body=None` is an empty one."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        if self.body is None:
            return b""
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request. `path` holds the parameters in the path, still encoded."""

    instance: Instance
    webhooks: Webhooks
    user: User
    resource: str
    path: dict[str, str]
    params: Params
    event_uuid: str | None = None

    @property
    def acting(self) -> Acting:
        return Acting(self.instance, self.webhooks, self.user, self.event_uuid)

    def text(self, name: str) -> str:
        """A path parameter, decoded."""
        return unquote(self.path[name])

    def number(self, name: str) -> int:
        """A numeric path parameter. Raises ApiError 400 for anything else."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise ApiError(400, {"error": f"{name} is invalid"})
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
        issue = self.project.issues.get(self.number("issue_iid"))
        if not issue or not self.may_see(issue):
            raise not_found()
        return issue

    @property
    def merge_request(self) -> MergeRequest:
        merge_request = self.project.merge_requests.get(self.number("merge_request_iid"))
        if not merge_request:
            raise not_found()
        return merge_request

    @property
    def snippet(self) -> Snippet:
        snippet = self.project.snippets.get(self.number("snippet_id"))
        if not snippet:
            raise not_found()
        return snippet

    def may_see(self, issue: Issue) -> bool:
        """Confidential issues are for planners and above, their author and their assignees."""
        if not issue.confidential or self.user in (issue.author, *issue.assignees):
            return True
        return issue.project.access_level(self.user) > GUEST

    def require(self, level: int, *, unless: bool = False) -> None:
        """Refuse whoever has less than an access level in the project, `unless` it is their own."""
        if not unless and self.project.access_level(self.user) < level:
            raise ApiError(403, {"message": "403 Forbidden"})


def not_found(what: str = "") -> ApiError:
    """GitLab's 404, which also hides what the user may not see."""
    return ApiError(404, {"message": " ".join(["404", what, "Not Found"]).replace("  ", " ")})


Handler = Callable[[Call], Answer] | Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and a path below `/api/v4`, and what answers there."""

    method: str
    path: str
    handler: Handler


Endpoints = Iterable[Endpoint]
