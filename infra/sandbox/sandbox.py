"""A GitLab instance in memory, for tests, benchmarks and local development."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Self, Unpack

import httpx

from . import branches, issuables, notes, pipelines, seed
from .actor import Actor
from .app import create_app
from .issuables import NewIssue, NewMergeRequest
from .state import (
    TRIGGERS,
    Awardable,
    AwardEmoji,
    Commit,
    Edit,
    Hook,
    HookEvent,
    Instance,
    Issuable,
    Issue,
    Job,
    MergeRequest,
    Note,
    Noteable,
    Pipeline,
    Project,
    User,
)
from .webhooks import Webhooks


class Sandbox:
    """A GitLab instance: its state, its HTTP interface (`app`), and the actions of its users.

    A method named after an action (`open_issue`, `comment`, `merge`, …) acts as the user named in
    `by`, checks no permission, and fires the same webhooks as an API request. The methods are
    thread-safe. A thread delivers the webhooks; `close()`, or the end of the sandbox's `with`
    block, stops it. The end of the block also raises RuntimeError if GitLab would show a banner to
    the owners of a project, so that a test of a bot that causes one fails.

    Args:
        url: The instance's address in links and webhooks, including a sub-path
            (`http://gitlab.example.com/gitlab`); `server.serve` sets the real address.
        seed: Adds users and projects to the new instance.
        version: The GitLab version that the instance reports.
        rate_limit: The API requests per user and minute; GitLab's default is 2,000.
        webhook_timeout: The seconds that a webhook's receiver may take.
        disable_failing_hooks: Whether a hook that fails repeatedly is paused, as in GitLab.
        webhook_transport: Delivers the webhooks instead of the network.
        now: The clock.
    """

    def __init__(
        self,
        *,
        url: str = "http://gitlab.example.com",
        seed: Callable[[Instance], None] = seed.demo,
        version: str = "19.6.0",
        rate_limit: int = 1_000_000,
        webhook_timeout: float = 10.0,
        disable_failing_hooks: bool = True,
        webhook_transport: httpx.AsyncBaseTransport | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.instance = Instance(url=url.rstrip("/"), version=version, now=now)
        self.webhooks = Webhooks(
            self.instance,
            timeout=webhook_timeout,
            disable_failing=disable_failing_hooks,
            transport=webhook_transport,
        )
        seed(self.instance)
        self.app = create_app(self.instance, self.webhooks, rate_limit=rate_limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        banners = [text for each in self.instance.projects.values() for text in each.banners]
        if banners and kind is None:
            raise RuntimeError("; ".join(banners))

    def close(self) -> None:
        """Stop delivering webhooks, and drop those that are being delivered."""
        self.webhooks.close()

    @property
    def url(self) -> str:
        return self.instance.url

    @url.setter
    def url(self, value: str) -> None:
        self.instance.url = value.rstrip("/")

    @property
    def project(self) -> Project:
        """The first project: the only one of the default seed."""
        return next(iter(self.instance.projects.values()))

    @property
    def hook_events(self) -> list[HookEvent]:
        """The finished deliveries of all hooks, the oldest first."""
        with self.instance.changed:
            projects = self.instance.projects.values()
            events = [e for each in projects for hook in each.hooks.values() for e in hook.events]
            return sorted(events, key=lambda event: event.id)

    def user(self, username: str) -> User:
        return self.instance.user(username)

    def add_hook(
        self,
        url: str,
        *,
        token: str = "",
        signing_token: str = "",
        triggers: Iterable[str] = TRIGGERS,
    ) -> Hook:
        """Add a webhook to the project, with every trigger by default."""
        with self.instance.changing():
            hook = self.instance.create(
                Hook,
                project=self.project,
                url=url,
                token=token,
                signing_token=signing_token,
                triggers=set(triggers),
            )
            self.project.hooks[hook.id] = hook
            return hook

    def open_issue(self, title: str, *, by: str = "alice", **fields: Unpack[NewIssue]) -> Issue:
        with self._acting(by) as actor:
            return issuables.open_issue(actor, self.project, title, **fields)

    def open_merge_request(
        self, title: str, *, by: str = "alice", **fields: Unpack[NewMergeRequest]
    ) -> MergeRequest:
        """Open a merge request; the default `source_branch` is a new branch."""
        with self._acting(by) as actor:
            return issuables.open_merge_request(actor, self.project, title, **fields)

    def edit(self, issuable: Issuable, change: Edit, *, by: str = "alice") -> None:
        with self._acting(by) as actor:
            issuables.edit(actor, issuable, change)

    def close_issuable(self, issuable: Issuable, *, by: str = "alice") -> None:
        """Close an issue, or a merge request without merging it."""
        self.edit(issuable, Edit(state_event="close"), by=by)

    def reopen(self, issuable: Issuable, *, by: str = "alice") -> None:
        self.edit(issuable, Edit(state_event="reopen"), by=by)

    def merge(self, merge_request: MergeRequest, *, by: str = "alice") -> None:
        with self._acting(by) as actor:
            issuables.merge(actor, merge_request)

    def push(self, branch: str, *messages: str, by: str = "alice") -> list[Commit]:
        """Push a commit for each message to a branch of the project."""
        with self._acting(by) as actor:
            return branches.push(actor, self.project, branch, messages)

    def commit(
        self, branch: str, message: str, changes: Mapping[str, str | None], *, by: str = "alice"
    ) -> Commit:
        """Push a commit with the new content of files; `None` deletes a file."""
        with self._acting(by) as actor:
            return branches.commit(actor, self.project, branch, message, changes)

    def run_pipeline(
        self, branch: str, jobs: Mapping[str, str], *, trace: str = "", by: str = "alice"
    ) -> Pipeline:
        """Add a pipeline, with the status of each job by its name."""
        with self._acting(by) as actor:
            return pipelines.run(actor, self.project, branch, jobs, trace=trace)

    def set_status(self, job: Job, status: str, *, by: str = "alice") -> None:
        """Change the status of a job."""
        with self._acting(by) as actor:
            pipelines.set_status(actor, job, status)

    def tag(self, name: str, *, by: str = "alice") -> None:
        with self._acting(by) as actor:
            branches.tag(actor, self.project, name)

    def comment(
        self, noteable: Noteable, body: str, *, by: str = "alice", internal: bool = False
    ) -> Note:
        """Add a comment. Quick actions in the text are not applied; only the API does that."""
        with self._acting(by) as actor:
            return notes.comment(actor, noteable, body, internal=internal)

    def reply(self, note: Note, body: str, *, by: str = "alice") -> Note:
        with self._acting(by) as actor:
            return notes.reply(actor, note, body)

    def edit_note(self, note: Note, body: str, *, by: str = "alice") -> None:
        with self._acting(by) as actor:
            notes.edit(actor, note, body)

    def award(self, awardable: Awardable, name: str, *, by: str = "alice") -> AwardEmoji:
        with self._acting(by) as actor:
            return notes.award(actor, awardable, name)

    def revoke(self, emoji: AwardEmoji, *, by: str = "alice") -> None:
        with self._acting(by) as actor:
            notes.revoke(actor, emoji)

    def wait_for(
        self,
        condition: Callable[[], object],
        *,
        timeout: float = 10.0,
        what: str = "the awaited change",
    ) -> None:
        """Block until `condition()` is true; it is called after each change, with the state locked.

        Raises:
            TimeoutError: The condition did not become true in time; the message names `what`.
        """
        with self.instance.changed:
            if not self.instance.changed.wait_for(lambda: bool(condition()), timeout):
                raise TimeoutError(f"{what} did not happen within {timeout:g} s")

    def settle(self, *, timeout: float = 15.0) -> list[HookEvent]:
        """Block until no delivery is under way, and return the finished deliveries of all hooks.

        A receiver may still be at work after its answer. In an async test, call this method in a
        thread: `await anyio.to_thread.run_sync(sandbox.settle)`.

        Raises:
            TimeoutError: A delivery was still under way.
        """
        self.wait_for(
            lambda: not self.webhooks.under_way, timeout=timeout, what="the end of all deliveries"
        )
        return self.hook_events

    @contextmanager
    def _acting(self, username: str) -> Iterator[Actor]:
        with self.instance.changing():
            yield Actor(self.instance.user(username), self.webhooks)
