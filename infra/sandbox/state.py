"""The state of a GitLab instance: users, projects, issues, notes, hooks. Data and look-ups.

The rules (permissions, consequences) are in the modules that change this state; the JSON shapes
are in `entities` (REST) and `payloads` (webhooks).
"""

import hashlib
import itertools
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlsplit

GUEST, PLANNER, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 15, 20, 30, 40, 50

TRIGGERS = (
    *("push_events", "tag_push_events", "issues_events", "confidential_issues_events"),
    *("note_events", "confidential_note_events", "merge_requests_events", "job_events"),
    *("pipeline_events", "wiki_page_events", "deployment_events", "feature_flag_events"),
    *("releases_events", "milestone_events", "emoji_events", "resource_access_token_events"),
)

_STATE_IDS = {"opened": 1, "closed": 2, "merged": 3, "locked": 4}
_DRAFT = re.compile(r"\s*(draft:|\[draft\]|\(draft\))", re.IGNORECASE)


@dataclass(eq=False, kw_only=True, slots=True)
class User:
    """A person, or a bot account (`bot`: access-token and service accounts)."""

    instance: "Instance" = field(repr=False)
    id: int
    username: str
    name: str
    bot: bool = False
    admin: bool = False

    @property
    def email(self) -> str:
        return f"{self.username}@example.com"

    @property
    def web_url(self) -> str:
        return f"{self.instance.url}/{self.username}"

    @property
    def avatar_url(self) -> str:
        return f"{self.instance.url}/uploads/-/system/user/avatar/{self.id}/avatar.png"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """An access token: its owner and its scopes."""

    user: User
    scopes: frozenset[str]
    expired: bool


@dataclass(eq=False, kw_only=True, slots=True)
class Label:
    id: int
    project: "Project" = field(repr=False)
    name: str
    color: str
    description: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(eq=False, kw_only=True, slots=True)
class AwardEmoji:
    id: int
    name: str
    user: User
    awardable: "Awardable"
    created_at: datetime


@dataclass(eq=False, kw_only=True, slots=True)
class Note:
    """A comment. Its replies share its `discussion_id`; `threaded` means that it accepts them."""

    id: int
    body: str
    author: User
    noteable: "Noteable"
    discussion_id: str
    created_at: datetime
    updated_at: datetime
    threaded: bool = False
    system: bool = False
    internal: bool = False
    path: str | None = None
    line: int | None = None
    line_type: str | None = None
    updated_by: User | None = None
    awards: list[AwardEmoji] = field(default_factory=list)

    @property
    def project(self) -> "Project":
        return self.noteable.project

    @property
    def web_url(self) -> str:
        return f"{self.noteable.web_url}#note_{self.id}"

    @property
    def confidential(self) -> bool:
        """Whether GitLab sends the note to the confidential note hooks."""
        on_issue = isinstance(self.noteable, Issue) and self.noteable.confidential
        return self.internal or on_issue


@dataclass(eq=False, kw_only=True, slots=True)
class Issuable:
    """The common fields of issues and merge requests."""

    resource: ClassVar[str]
    sign: ClassVar[str]

    id: int
    iid: int
    project: "Project"
    title: str
    description: str
    author: User
    created_at: datetime
    updated_at: datetime
    state: str = "opened"
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    closed_at: datetime | None = None
    closed_by: User | None = None
    updated_by: User | None = None
    last_edited_at: datetime | None = None
    last_edited_by: User | None = None
    notes: list[Note] = field(default_factory=list)
    awards: list[AwardEmoji] = field(default_factory=list)

    @property
    def state_id(self) -> int:
        return _STATE_IDS[self.state]

    @property
    def reference(self) -> str:
        return f"{self.sign}{self.iid}"

    @property
    def web_url(self) -> str:
        return f"{self.project.web_url}/-/{self.resource}/{self.iid}"


@dataclass(eq=False, kw_only=True, slots=True)
class Issue(Issuable):
    resource: ClassVar[str] = "issues"
    sign: ClassVar[str] = "#"

    confidential: bool = False
    issue_type: str = "issue"


@dataclass(eq=False, kw_only=True, slots=True)
class MergeRequest(Issuable):
    resource: ClassVar[str] = "merge_requests"
    sign: ClassVar[str] = "!"

    source_branch: str
    target_branch: str
    sha: str
    reviewers: list[User] = field(default_factory=list)
    merged_at: datetime | None = None
    merge_user: User | None = None
    merge_commit_sha: str | None = None

    @property
    def draft(self) -> bool:
        return _DRAFT.match(self.title) is not None

    @property
    def detailed_merge_status(self) -> str:
        if self.state != "opened":
            return "not_open"
        return "draft_status" if self.draft else "mergeable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """A change to an issue or merge request; `None` leaves a field as it is."""

    title: str | None = None
    description: str | None = None
    labels: tuple[str, ...] | None = None
    add_labels: tuple[str, ...] = ()
    remove_labels: tuple[str, ...] = ()
    state_event: str | None = None
    assignees: list[User] | None = None
    reviewers: list[User] | None = None
    confidential: bool | None = None
    target_branch: str | None = None


@dataclass(eq=False, kw_only=True, slots=True)
class Snippet:
    id: int
    project: "Project"
    title: str
    description: str = ""
    file_name: str
    content: str
    author: User
    created_at: datetime
    updated_at: datetime
    notes: list[Note] = field(default_factory=list)
    awards: list[AwardEmoji] = field(default_factory=list)

    @property
    def web_url(self) -> str:
        return f"{self.project.web_url}/-/snippets/{self.id}"


@dataclass(eq=False, kw_only=True, slots=True)
class Commit:
    sha: str
    project: "Project"
    message: str
    author: User
    created_at: datetime
    parents: tuple[str, ...]
    added: tuple[str, ...]
    modified: tuple[str, ...]
    notes: list[Note] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.message.splitlines()[0] if self.message else ""

    @property
    def web_url(self) -> str:
        return f"{self.project.web_url}/-/commit/{self.sha}"


Noteable = Issuable | Snippet | Commit
Awardable = Issuable | Snippet | Note


@dataclass(eq=False, kw_only=True, slots=True)
class HookEvent:
    """An entry of a hook's delivery history. Its `headers` have the secret token redacted."""

    id: int = 0
    url: str
    trigger: str
    headers: dict[str, str]
    data: dict[str, object]
    response_status: str = "internal error"
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""
    execution_duration: float = 0.0
    internal_error_message: str | None = None

    @property
    def delivery_id(self) -> str:
        return self.headers["Idempotency-Key"]


@dataclass(eq=False, kw_only=True, slots=True)
class Hook:
    """A project webhook. Its repr omits its secrets."""

    id: int
    project: "Project"
    url: str
    created_at: datetime
    name: str = ""
    description: str = ""
    token: str = field(default="", repr=False)
    signing_token: str = field(default="", repr=False)
    triggers: set[str] = field(default_factory=lambda: {"push_events"})
    enable_ssl_verification: bool = True
    push_events_branch_filter: str = ""
    branch_filter_strategy: str = "wildcard"
    custom_headers: dict[str, str] = field(default_factory=dict, repr=False)
    failures: int = 0
    disabled_until: datetime | None = None
    events: list[HookEvent] = field(default_factory=list, repr=False)


@dataclass(eq=False, kw_only=True, slots=True)
class Project:
    instance: "Instance" = field(repr=False)
    id: int
    name: str
    path_with_namespace: str
    created_at: datetime
    description: str = ""
    visibility: str = "private"
    default_branch: str = "main"
    members: dict[int, int] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    merge_requests: dict[int, MergeRequest] = field(default_factory=dict)
    snippets: dict[int, Snippet] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return self.path_with_namespace.rpartition("/")[0]

    @property
    def path(self) -> str:
        return self.path_with_namespace.rpartition("/")[2]

    @property
    def web_url(self) -> str:
        return f"{self.instance.url}/{self.path_with_namespace}"

    @property
    def ssh_url(self) -> str:
        return f"git@{urlsplit(self.instance.url).hostname}:{self.path_with_namespace}.git"

    @property
    def http_url(self) -> str:
        return f"{self.web_url}.git"

    @property
    def issuables(self) -> list[Issuable]:
        return [*self.issues.values(), *self.merge_requests.values()]

    def access_level(self, user: User) -> int:
        """The user's role: 0 for none, 50 for an owner or an administrator."""
        return OWNER if user.admin else self.members.get(user.id, 0)

    def can_read(self, user: User) -> bool:
        return self.visibility == "public" or self.access_level(user) >= GUEST


# Each kind starts at another number, so that the id of another kind, or an iid, finds nothing
# instead of finding something by chance.
_FIRST_IDS: dict[type, int] = {
    User: 1,
    Hook: 11,
    Project: 71,
    Label: 201,
    Issue: 301,
    MergeRequest: 501,
    Snippet: 701,
    Note: 1001,
    AwardEmoji: 5001,
    HookEvent: 8001,
}


class Instance:
    """One GitLab: its address, its users and projects, and the lock around them.

    Hold `changed` while reading state that other threads may change, and `changing()` while
    changing it.
    """

    def __init__(self, *, url: str, version: str, now: Callable[[], datetime]) -> None:
        self.url = url
        self.version = version
        self.now = now
        self.changed = threading.Condition()
        self.users: dict[int, User] = {}
        self.tokens: dict[str, Token] = {}
        self.projects: dict[int, Project] = {}
        self._ids: dict[type, Iterator[int]] = {
            kind: itertools.count(first) for kind, first in _FIRST_IDS.items()
        }

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock for a change, then wake the threads that wait for one."""
        with self.changed:
            try:
                yield
            finally:
                self.changed.notify_all()

    def next_id(self, kind: type) -> int:
        return next(self._ids[kind])

    def api_url(self, path: str) -> str:
        """The address of an API resource; `path` begins with a slash."""
        return f"{self.url}/api/v4{path}"

    def add_user(
        self, username: str, *, name: str = "", bot: bool = False, admin: bool = False
    ) -> User:
        number = self.next_id(User)
        self.users[number] = User(
            instance=self, id=number, username=username, name=name or username, bot=bot, admin=admin
        )
        return self.users[number]

    def add_token(
        self,
        value: str,
        user: User,
        *,
        scopes: frozenset[str] = frozenset({"api"}),
        expired: bool = False,
    ) -> None:
        self.tokens[value] = Token(user=user, scopes=scopes, expired=expired)

    def add_project(self, path: str, *, name: str = "") -> Project:
        project = Project(
            instance=self,
            id=self.next_id(Project),
            name=name or path.rpartition("/")[2],
            path_with_namespace=path,
            created_at=self.now(),
        )
        self.projects[project.id] = project
        return project

    def add_label(
        self, project: Project, name: str, *, color: str = "#6699cc", description: str | None = None
    ) -> Label:
        now = self.now()
        project.labels[name] = Label(
            id=self.next_id(Label),
            project=project,
            name=name,
            color=color,
            description=description,
            created_at=now,
            updated_at=now,
        )
        return project.labels[name]

    def add_commit(
        self,
        project: Project,
        branch: str,
        message: str,
        *,
        author: User,
        added: tuple[str, ...] = (),
        modified: tuple[str, ...] = (),
    ) -> Commit:
        """Add a commit to a branch. A new branch starts at the head of the default branch."""
        parent = project.branches.get(branch) or project.branches.get(project.default_branch)
        identity = f"{project.id}\0{len(project.commits)}\0{parent}\0{branch}\0{message}"
        commit = Commit(
            sha=hashlib.sha1(identity.encode()).hexdigest(),
            project=project,
            message=message,
            author=author,
            created_at=self.now(),
            parents=(parent,) if parent else (),
            added=added,
            modified=modified,
        )
        project.commits[commit.sha] = commit
        project.branches[branch] = commit.sha
        return commit

    def user(self, username: str) -> User:
        """The user with that name. Raises KeyError, naming it, if there is none."""
        for user in self.users.values():
            if user.username == username:
                return user
        raise KeyError(f"no user {username!r} in the sandbox")

    def project(self, key: str) -> Project | None:
        """The project with that number or full path."""
        if key.isascii() and key.isdigit():
            return self.projects.get(int(key))
        for project in self.projects.values():
            if project.path_with_namespace.lower() == key.lower():
                return project
        return None


def utc_now() -> datetime:
    return datetime.now(UTC)
