"""What a GitLab instance knows: users, projects, issues, notes, hooks. Data and look-ups.

Rules (who may do what, what follows from what) live in the modules that change this state;
JSON shapes live in `entities` (REST) and `payloads` (webhooks).
"""

import hashlib
import itertools
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

GUEST, PLANNER, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 15, 20, 30, 40, 50

STATE_IDS = {"opened": 1, "closed": 2, "merged": 3, "locked": 4}

TRIGGERS = (
    "push_events",
    "tag_push_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "merge_requests_events",
    "job_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
)

_DRAFT = re.compile(r"\s*(draft:|\[draft\]|\(draft\))", re.IGNORECASE)


@dataclass(eq=False, kw_only=True, slots=True)
class User:
    """A person, or a bot account (`bot`: access-token and service accounts)."""

    id: int
    username: str
    name: str
    bot: bool = False
    admin: bool = False

    @property
    def email(self) -> str:
        return f"{self.username}@example.com"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """An access token: whose it is, and whether it may write."""

    user: User
    scopes: frozenset[str] = frozenset({"api"})
    expired: bool = False


@dataclass(eq=False, kw_only=True, slots=True)
class Label:
    id: int
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
    """A comment. `discussion_id` joins it with its replies; `threaded` once there may be some."""

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


@dataclass(eq=False, kw_only=True, slots=True)
class Issue:
    id: int
    iid: int
    project: "Project"
    title: str
    description: str
    author: User
    created_at: datetime
    updated_at: datetime
    state: str = "opened"
    confidential: bool = False
    issue_type: str = "issue"
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    closed_at: datetime | None = None
    closed_by: User | None = None
    updated_by: User | None = None
    last_edited_at: datetime | None = None
    last_edited_by: User | None = None
    notes: list[Note] = field(default_factory=list)
    awards: list[AwardEmoji] = field(default_factory=list)


@dataclass(eq=False, kw_only=True, slots=True)
class MergeRequest:
    id: int
    iid: int
    project: "Project"
    title: str
    description: str
    author: User
    source_branch: str
    target_branch: str
    sha: str
    created_at: datetime
    updated_at: datetime
    state: str = "opened"
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    reviewers: list[User] = field(default_factory=list)
    closed_at: datetime | None = None
    closed_by: User | None = None
    merged_at: datetime | None = None
    merge_user: User | None = None
    merge_commit_sha: str | None = None
    updated_by: User | None = None
    last_edited_at: datetime | None = None
    last_edited_by: User | None = None
    notes: list[Note] = field(default_factory=list)
    awards: list[AwardEmoji] = field(default_factory=list)

    @property
    def draft(self) -> bool:
        return _DRAFT.match(self.title) is not None


@dataclass(eq=False, kw_only=True, slots=True)
class Snippet:
    id: int
    project: "Project"
    title: str
    description: str
    file_name: str
    content: str
    author: User
    created_at: datetime
    updated_at: datetime
    notes: list[Note] = field(default_factory=list)
    awards: list[AwardEmoji] = field(default_factory=list)


@dataclass(eq=False, kw_only=True, slots=True)
class Commit:
    sha: str
    project: "Project"
    message: str
    author: User
    created_at: datetime
    parents: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: list[Note] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.message.splitlines()[0] if self.message else ""


Issuable = Issue | MergeRequest
Noteable = Issue | MergeRequest | Snippet | Commit
Awardable = Issue | MergeRequest | Snippet | Note


@dataclass(eq=False, kw_only=True, slots=True)
class HookEvent:
    """One delivery as GitLab remembers it. `headers` hold the secret token already redacted."""

    id: int
    url: str
    trigger: str
    headers: dict[str, str]
    data: dict[str, object]
    response_status: str
    response_headers: dict[str, str]
    response_body: str
    execution_duration: float
    internal_error_message: str | None = None

    @property
    def delivery_id(self) -> str:
        return self.headers["Idempotency-Key"]


@dataclass(eq=False, kw_only=True, slots=True)
class Hook:
    """A project webhook. Its secrets stay out of its repr."""

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
    id: int
    name: str
    path_with_namespace: str
    namespace: str
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

    def access_level(self, user: User) -> int:
        """What `user` may do here: 0 for nobody, 50 for an owner or an administrator."""
        return OWNER if user.admin else self.members.get(user.id, 0)

    def can_read(self, user: User) -> bool:
        return self.visibility == "public" or self.access_level(user) >= GUEST


# Each kind counts from a start of its own, so that an id passed for another kind's id, or for an
# iid, finds nothing instead of finding something by chance.
_FIRST_IDS = {
    "user": 1,
    "project": 71,
    "label": 201,
    "issue": 301,
    "merge_request": 501,
    "snippet": 701,
    "note": 1001,
    "award_emoji": 5001,
    "hook": 11,
    "hook_event": 8001,
}


class Instance:
    """One GitLab: its address, its users and projects, and the lock around them.

    Hold `changed` while reading or writing what other threads may touch; call `touch()` after a
    change, which wakes whoever waits for one.
    """

    def __init__(self, *, url: str, version: str, now: Callable[[], datetime]) -> None:
        self.url = url
        self.version = version
        self.now = now
        self.changed = threading.Condition()
        self.users: dict[int, User] = {}
        self.tokens: dict[str, Token] = {}
        self.projects: dict[int, Project] = {}
        self._ids: dict[str, Iterator[int]] = {}

    def touch(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def next_id(self, kind: str) -> int:
        if kind not in self._ids:
            self._ids[kind] = itertools.count(_FIRST_IDS[kind])
        return next(self._ids[kind])

    def add_user(
        self, username: str, *, name: str = "", bot: bool = False, admin: bool = False
    ) -> User:
        user = User(
            id=self.next_id("user"), username=username, name=name or username, bot=bot, admin=admin
        )
        self.users[user.id] = user
        return user

    def add_token(
        self, value: str, user: User, *, scopes: frozenset[str] | None = None, expired: bool = False
    ) -> None:
        self.tokens[value] = Token(
            user=user, scopes=frozenset({"api"}) if scopes is None else scopes, expired=expired
        )

    def add_project(self, path: str, *, name: str = "", visibility: str = "private") -> Project:
        namespace, _, slug = path.rpartition("/")
        project = Project(
            id=self.next_id("project"),
            name=name or slug,
            path_with_namespace=path,
            namespace=namespace,
            created_at=self.now(),
            visibility=visibility,
        )
        self.projects[project.id] = project
        return project

    def add_label(
        self, project: Project, name: str, *, color: str = "#6699cc", description: str | None = None
    ) -> Label:
        now = self.now()
        label = Label(
            id=self.next_id("label"),
            name=name,
            color=color,
            description=description,
            created_at=now,
            updated_at=now,
        )
        project.labels[name] = label
        return label

    def add_commit(
        self,
        project: Project,
        branch: str,
        message: str,
        *,
        author: User,
        added: tuple[str, ...] = (),
        modified: tuple[str, ...] = (),
        removed: tuple[str, ...] = (),
    ) -> Commit:
        """Put a commit on a branch, which springs from the default branch if it is new."""
        parent = project.branches.get(branch) or project.branches.get(project.default_branch)
        number = len(project.commits)
        identity = f"{project.id}\0{number}\0{parent}\0{branch}\0{message}"
        commit = Commit(
            sha=hashlib.sha1(identity.encode()).hexdigest(),
            project=project,
            message=message,
            author=author,
            created_at=self.now(),
            parents=(parent,) if parent else (),
            added=added,
            modified=modified,
            removed=removed,
        )
        project.commits[commit.sha] = commit
        project.branches[branch] = commit.sha
        return commit

    def add_snippet(
        self, project: Project, *, title: str, file_name: str, content: str, author: User
    ) -> Snippet:
        now = self.now()
        snippet = Snippet(
            id=self.next_id("snippet"),
            project=project,
            title=title,
            description="",
            file_name=file_name,
            content=content,
            author=author,
            created_at=now,
            updated_at=now,
        )
        project.snippets[snippet.id] = snippet
        return snippet

    def user(self, username: str) -> User:
        """The user of that name. Raises KeyError, naming it, if there is none."""
        for user in self.users.values():
            if user.username == username:
                return user
        raise KeyError(f"no user {username!r} in the sandbox")

    def project(self, key: int | str) -> Project | None:
        """The project of that number or full path."""
        text = str(key)
        if text.isascii() and text.isdigit():
            return self.projects.get(int(text))
        for project in self.projects.values():
            if project.path_with_namespace.lower() == text.lower():
                return project
        return None


def utc_now() -> datetime:
    return datetime.now(UTC)
