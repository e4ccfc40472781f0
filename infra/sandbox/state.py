"""The state of a GitLab instance: users, projects, issues, notes, hooks.

The rules (permissions, side effects) are in the modules that change this state. The JSON shapes
are in `entities` (REST) and `payloads` (webhooks).
"""

import hashlib
import itertools
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

GUEST, PLANNER, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 15, 20, 30, 40, 50

TRIGGERS = (
    *("push_events", "tag_push_events", "issues_events", "confidential_issues_events"),
    *("note_events", "confidential_note_events", "merge_requests_events", "job_events"),
    *("pipeline_events", "wiki_page_events", "deployment_events", "feature_flag_events"),
    *("releases_events", "milestone_events", "emoji_events", "resource_access_token_events"),
)

_FAILURES_UNTIL_DISABLED = 40
_LONGEST_LIFE_OF_A_TOKEN = timedelta(days=365)
_STATE_IDS = {"opened": 1, "closed": 2, "merged": 3, "locked": 4}
KEPT = date.min
_WORST_FIRST = ("running", "pending", "failed", "canceled", "success", "skipped")
_DRAFT = re.compile(r"\s*(draft:|\[draft\]|\(draft\))", re.IGNORECASE)


@dataclass(eq=False, kw_only=True, slots=True)
class Record:
    """The common fields of the objects that `Instance.create` makes."""

    id: int
    created_at: datetime
    updated_at: datetime


@dataclass(eq=False, kw_only=True, slots=True)
class User(Record):
    """A person, or the account of an access token or a service (`bot`)."""

    instance: "Instance" = field(repr=False)
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
    """An access token of a user."""

    user: User
    scopes: frozenset[str] = frozenset({"api"})
    expired: bool = False
    expires_at: date | None = field(
        default_factory=lambda: datetime.now(UTC).date() + _LONGEST_LIFE_OF_A_TOKEN
    )


@dataclass(eq=False, kw_only=True, slots=True)
class Label(Record):
    project: "Project" = field(repr=False)
    name: str
    color: str
    description: str | None


@dataclass(eq=False, kw_only=True, slots=True)
class Milestone(Record):
    iid: int
    project: "Project" = field(repr=False)
    title: str
    description: str = ""
    state: str = "active"
    due_date: date | None = None
    start_date: date | None = None

    @property
    def web_url(self) -> str:
        return f"{self.project.web_url}/-/milestones/{self.iid}"


@dataclass(eq=False, kw_only=True, slots=True)
class AwardEmoji(Record):
    name: str
    user: User
    awardable: "Awardable"


@dataclass(eq=False, kw_only=True, slots=True)
class Note(Record):
    """A comment, or a `system` note that GitLab writes about a change.

    Attributes:
        discussion_id: The id that the note shares with its replies.
        threaded: Whether the note is part of a discussion that accepts replies.
    """

    body: str
    author: User
    noteable: "Noteable"
    discussion_id: str
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
        """Whether the note fires the trigger of confidential notes."""
        on_issue = isinstance(self.noteable, Issue) and self.noteable.confidential
        return self.internal or on_issue


@dataclass(eq=False, kw_only=True, slots=True)
class Issuable(Record):
    """The common fields of issues and merge requests."""

    resource: ClassVar[str]
    sign: ClassVar[str]

    iid: int
    project: "Project"
    title: str
    description: str
    author: User
    state: str = "opened"
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    milestone: Milestone | None = None
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
    due_date: date | None = None


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
    squash: bool = False
    force_remove_source_branch: bool = False
    approved_by: list[User] = field(default_factory=list)
    merged_onto: str | None = None

    @property
    def base(self) -> str:
        """The target before the merge: a SHA if it is merged, else the target branch."""
        return self.merged_onto or self.target_branch

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
    """A change to an issue or merge request; `None` leaves a field as it is.

    Attributes:
        due_date: `None` removes it, and `KEPT` leaves it.
        milestone_id: The id of a milestone of the project; another removes the present one.
    """

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
    due_date: date | None = KEPT
    milestone_id: int | None = None
    issue_type: str | None = None
    squash: bool | None = None
    force_remove_source_branch: bool | None = None


@dataclass(eq=False, kw_only=True, slots=True)
class Snippet(Record):
    project: "Project"
    title: str
    description: str = ""
    file_name: str
    content: str
    author: User
    notes: list[Note] = field(default_factory=list)
    awards: list[AwardEmoji] = field(default_factory=list)

    @property
    def web_url(self) -> str:
        return f"{self.project.web_url}/-/snippets/{self.id}"


@dataclass(eq=False, kw_only=True, slots=True)
class Commit:
    """A commit; `changes` has the new content of each changed file, `None` for a deleted one."""

    sha: str
    project: "Project"
    message: str
    author: User
    created_at: datetime
    parents: tuple[str, ...]
    changes: dict[str, str | None]
    notes: list[Note] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.message.splitlines()[0] if self.message else ""

    @property
    def web_url(self) -> str:
        return f"{self.project.web_url}/-/commit/{self.sha}"


@dataclass(eq=False, kw_only=True, slots=True)
class Job(Record):
    """A job of a pipeline; `trace` is its log."""

    pipeline: "Pipeline" = field(repr=False)
    name: str
    stage: str
    status: str = "pending"
    trace: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def web_url(self) -> str:
        return f"{self.pipeline.project.web_url}/-/jobs/{self.id}"

    @property
    def failure_reason(self) -> str | None:
        return "script_failure" if self.status == "failed" else None


@dataclass(eq=False, kw_only=True, slots=True)
class Pipeline(Record):
    iid: int
    project: "Project" = field(repr=False)
    ref: str
    sha: str
    source: str
    user: User
    jobs: list[Job] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The status that follows from the jobs; a job that was retried does not count."""
        latest = {job.name: job.status for job in self.jobs}
        found = [each for each in _WORST_FIRST if each in latest.values()]
        return found[0] if found else "pending"

    @property
    def web_url(self) -> str:
        return f"{self.project.web_url}/-/pipelines/{self.id}"

    @property
    def merge_request(self) -> MergeRequest | None:
        """The open merge request of the pipeline's branch."""
        opened = (each for each in self.project.merge_requests.values() if each.state == "opened")
        return next((each for each in opened if each.source_branch == self.ref), None)


Noteable = Issuable | Snippet | Commit
Awardable = Issuable | Snippet | Note


@dataclass(eq=False, kw_only=True, slots=True)
class HookEvent:
    """A delivery in a hook's history. The secrets in its `headers` are redacted."""

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
class Hook(Record):
    """A project webhook. Its repr omits its secrets."""

    project: "Project"
    url: str
    name: str = ""
    description: str = ""
    token: str = field(default="", repr=False)
    signing_token: str = field(default="", repr=False)
    triggers: set[str] = field(default_factory=lambda: {"push_events"})
    enable_ssl_verification: bool = True
    failures: int = 0
    disabled_until: datetime | None = None
    events: list[HookEvent] = field(default_factory=list, repr=False)

    @property
    def alert_status(self) -> str:
        """`executable`, `temporarily_disabled`, or `disabled` until somebody edits the hook."""
        if self.failures >= _FAILURES_UNTIL_DISABLED:
            return "disabled"
        paused = self.disabled_until and self.disabled_until > self.project.instance.now()
        return "temporarily_disabled" if paused else "executable"


@dataclass(eq=False, kw_only=True, slots=True)
class Project(Record):
    """A project; `banners` are GitLab's warnings for its owners."""

    instance: "Instance" = field(repr=False)
    name: str
    path_with_namespace: str
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
    milestones: dict[int, Milestone] = field(default_factory=dict)
    pipelines: dict[int, Pipeline] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)
    banners: set[str] = field(default_factory=set)

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

    def head(self, ref: str) -> Commit | None:
        """Return the commit that a branch or a SHA names."""
        return self.commits.get(self.branches.get(ref, ref))

    def history(self, ref: str) -> list[Commit]:
        """Return the commit that a branch or a SHA names, and all before it."""
        reached: dict[str, Commit] = {}
        waiting = [ref]
        while waiting:
            commit = self.head(waiting.pop())
            if commit is not None and commit.sha not in reached:
                reached[commit.sha] = commit
                waiting += commit.parents
        return list(reached.values())

    def files(self, ref: str) -> dict[str, str]:
        """Return the content of each file at a branch or a SHA."""
        reached = {commit.sha for commit in self.history(ref)}
        content: dict[str, str | None] = {}
        for commit in self.commits.values():  # the oldest first
            content |= commit.changes if commit.sha in reached else {}
        return {path: text for path, text in sorted(content.items()) if text is not None}

    def merge_base(self, one: str, other: str) -> Commit | None:
        """Return the newest commit that two branches or SHAs have in common."""
        both = {each.sha for each in self.history(one)} & {each.sha for each in self.history(other)}
        return next((each for each in reversed(self.commits.values()) if each.sha in both), None)

    def access_level(self, user: User) -> int:
        """Return the user's role: 0 for none, 50 for an owner or an administrator."""
        return OWNER if user.admin else self.members.get(user.id, 0)

    def can_read(self, user: User) -> bool:
        return self.visibility == "public" or self.access_level(user) >= GUEST


_R = TypeVar("_R", bound=Record)

# The ids of each kind begin at a different number, so that a look-up with the id of another kind,
# or with an iid, fails.
_FIRST_IDS: dict[type, int] = {
    User: 1,
    Hook: 11,
    Project: 71,
    Label: 201,
    Milestone: 251,
    Issue: 301,
    MergeRequest: 501,
    Snippet: 701,
    Pipeline: 801,
    Job: 901,
    Note: 1001,
    AwardEmoji: 5001,
    HookEvent: 8001,
}


class Instance:
    """A GitLab instance: its address, its users and projects, and the lock around them.

    Hold `changed` to read state that other threads may change, and `changing()` to change it.
    The address has no slash at the end.
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
        """Hold the lock, then wake the threads that wait for a change."""
        with self.changed:
            try:
                yield
            finally:
                self.changed.notify_all()

    def create(self, kind: type[_R], **fields: Any) -> _R:
        """Return a new object with the next id of its kind; the caller adds it to its owner."""
        now = self.now()
        return kind(id=self.next_id(kind), created_at=now, updated_at=now, **fields)

    def next_id(self, kind: type) -> int:
        return next(self._ids[kind])

    def api_url(self, path: str) -> str:
        """Return the address of an API resource; `path` begins with a slash."""
        return f"{self.url}/api/v4{path}"

    def add_user(
        self, username: str, *, name: str = "", bot: bool = False, admin: bool = False
    ) -> User:
        user = self.create(
            User, instance=self, username=username, name=name or username, bot=bot, admin=admin
        )
        self.users[user.id] = user
        return user

    def add_project(self, path: str, *, name: str = "") -> Project:
        name = name or path.rpartition("/")[2]
        project = self.create(Project, instance=self, name=name, path_with_namespace=path)
        self.projects[project.id] = project
        return project

    def add_label(
        self, project: Project, name: str, *, color: str = "#6699cc", description: str | None = None
    ) -> Label:
        label = self.create(Label, project=project, name=name, color=color, description=description)
        project.labels[name] = label
        return label

    def add_commit(
        self,
        project: Project,
        branch: str,
        message: str,
        *,
        author: User,
        changes: Mapping[str, str | None],
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
            changes=dict(changes),
        )
        project.commits[commit.sha] = commit
        project.branches[branch] = commit.sha
        return commit

    def user(self, username: str) -> User:
        """Return the user with a username. Raises KeyError if there is none."""
        for user in self.users.values():
            if user.username == username:
                return user
        raise KeyError(f"the sandbox has no user {username!r}")

    def project(self, key: str) -> Project | None:
        """Return the project with an id or a full path."""
        if key.isascii() and key.isdigit():
            return self.projects.get(int(key))
        path, projects = key.lower(), self.projects.values()
        return next((each for each in projects if each.path_with_namespace.lower() == path), None)
