"""A GitLab in memory for tests, benchmarks and one's own machine."""

from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx
from starlette.types import ASGIApp

from . import awards, issuables, notes, pushes, seed
from .acting import Acting
from .app import create_app
from .issuables import Edit
from .state import (
    TRIGGERS,
    Awardable,
    AwardEmoji,
    Commit,
    Hook,
    HookEvent,
    Instance,
    Issuable,
    Issue,
    MergeRequest,
    Note,
    Noteable,
    Project,
    User,
    utc_now,
)
from .webhooks import Webhooks


class Sandbox:
    """A GitLab instance: its state, its HTTP face (`app`), and what users do in it.

    The methods named after what users do (`open_issue`, `comment`, `merge`, …) act as the user
    named in `by`, ask for no permission, and fire the webhooks that follow, as a request to the
    API would. Safe to use from several threads. Close it, or use it as a context manager, when
    webhooks were fired: they are delivered by a thread.

    Args:
        url: the instance's address, sub-path included (`http://gitlab.example.com/gitlab`), as
            it stands in links and webhooks; `server.serve` sets it to where it really listens.
        seed: fills the new instance; `seed.demo` unless told otherwise.
        version: what GitLab it says to be.
        rate_limit: API requests that a user may make in a minute before 429; far more than
            GitLab's 2,000 unless told otherwise.
        webhook_timeout: seconds that a webhook's receiver may take.
        disable_failing_hooks: whether hooks that keep failing are paused, as GitLab does.
        webhook_transport: how to reach receivers, instead of over the network.
        now: the clock.
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
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.instance = Instance(url=url.rstrip("/"), version=version, now=now)
        self.webhooks = Webhooks(
            self.instance,
            timeout=webhook_timeout,
            disable_failing=disable_failing_hooks,
            transport=webhook_transport,
        )
        seed(self.instance)
        self._app = create_app(self.instance, self.webhooks, rate_limit=rate_limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop delivering webhooks; what is under way is dropped."""
        self.webhooks.close()

    @property
    def app(self) -> ASGIApp:
        return self._app

    @property
    def url(self) -> str:
        return self.instance.url

    @url.setter
    def url(self, value: str) -> None:
        self.instance.url = value.rstrip("/")

    @property
    def project(self) -> Project:
        """The first project, which is the only one unless more were added."""
        return next(iter(self.instance.projects.values()))

    @property
    def hook_events(self) -> list[HookEvent]:
        """Every delivery that has ended, of every hook, oldest first."""
        with self.instance.changed:
            hooks = [
                hook for each in self.instance.projects.values() for hook in each.hooks.values()
            ]
            return sorted((event for hook in hooks for event in hook.events), key=lambda e: e.id)

    def user(self, username: str) -> User:
        return self.instance.user(username)

    def add_hook(
        self,
        url: str,
        *,
        token: str = "",
        signing_token: str = "",
        triggers: Iterable[str] = TRIGGERS,
        project: Project | None = None,
    ) -> Hook:
        """Add a webhook to a project; it has every trigger unless told otherwise."""
        with self.instance.changed:
            where = project or self.project
            hook = Hook(
                id=self.instance.next_id("hook"),
                project=where,
                url=url,
                created_at=self.instance.now(),
                token=token,
                signing_token=signing_token,
                triggers=set(triggers),
            )
            where.hooks[hook.id] = hook
            return hook

    def open_issue(
        self,
        title: str,
        *,
        description: str = "",
        by: str = "alice",
        labels: Iterable[str] = (),
        confidential: bool = False,
        issue_type: str = "issue",
        project: Project | None = None,
    ) -> Issue:
        with self.instance.changed:
            return issuables.open_issue(
                self._as(by),
                project or self.project,
                title=title,
                description=description,
                labels=labels,
                confidential=confidential,
                issue_type=issue_type,
            )

    def open_merge_request(
        self,
        title: str,
        *,
        source_branch: str = "",
        target_branch: str = "main",
        description: str = "",
        by: str = "alice",
        labels: Iterable[str] = (),
        project: Project | None = None,
    ) -> MergeRequest:
        """Open a merge request; without a source branch, from a new one."""
        with self.instance.changed:
            where = project or self.project
            return issuables.open_merge_request(
                self._as(by),
                where,
                title=title,
                source_branch=source_branch or f"branch-{len(where.branches)}",
                target_branch=target_branch,
                description=description,
                labels=labels,
            )

    def edit(self, issuable: Issuable, change: Edit, *, by: str = "alice") -> None:
        with self.instance.changed:
            issuables.edit(self._as(by), issuable, change)

    def close_issuable(self, issuable: Issuable, *, by: str = "alice") -> None:
        """Close an issue, or a merge request without merging it."""
        self.edit(issuable, Edit(state_event="close"), by=by)

    def reopen(self, issuable: Issuable, *, by: str = "alice") -> None:
        self.edit(issuable, Edit(state_event="reopen"), by=by)

    def merge(self, merge_request: MergeRequest, *, by: str = "alice") -> None:
        with self.instance.changed:
            issuables.merge(self._as(by), merge_request)

    def push(self, branch: str, *messages: str, by: str = "alice") -> list[Commit]:
        """Push a commit for each message to a branch of the project."""
        with self.instance.changed:
            return issuables.push(self._as(by), self.project, branch, list(messages))

    def tag(self, name: str, *, by: str = "alice") -> None:
        with self.instance.changed:
            pushes.tag(self._as(by), self.project, name)

    def comment(
        self, noteable: Noteable, body: str, *, by: str = "alice", internal: bool = False
    ) -> Note:
        """Comment. The text is taken as it is: for quick actions, go through the API."""
        with self.instance.changed:
            return notes.comment(self._as(by), noteable, body, internal=internal)

    def reply(self, note: Note, body: str, *, by: str = "alice") -> Note:
        with self.instance.changed:
            return notes.reply(self._as(by), note, body)

    def edit_note(self, note: Note, body: str, *, by: str = "alice") -> None:
        with self.instance.changed:
            notes.edit(self._as(by), note, body)

    def award(self, awardable: Awardable, name: str, *, by: str = "alice") -> AwardEmoji:
        with self.instance.changed:
            return awards.award(self._as(by), awardable, name)

    def revoke(self, emoji: AwardEmoji, *, by: str = "alice") -> None:
        with self.instance.changed:
            awards.revoke(self._as(by), emoji)

    def wait_for(
        self, check: Callable[[], object], *, timeout: float = 10.0, what: str = "what was awaited"
    ) -> None:
        """Block until `check()` is true of the state. Raises TimeoutError, naming `what`.

        Args:
            timeout: seconds.
        """
        with self.instance.changed:
            if not self.instance.changed.wait_for(lambda: bool(check()), timeout):
                raise TimeoutError(f"{what} did not happen within {timeout:g} s")

    def settle(self, *, timeout: float = 15.0) -> list[HookEvent]:
        """Block until no delivery is under way, and give all that ended. Raises TimeoutError.

        What a receiver does after its answer is not waited for. In an async test, call it in a
        thread (`await anyio.to_thread.run_sync(sandbox.settle)`).
        """
        self.wait_for(
            lambda: not self.webhooks.under_way, timeout=timeout, what="the end of all deliveries"
        )
        return self.hook_events

    def _as(self, username: str) -> Acting:
        return Acting(self.instance, self.webhooks, self.instance.user(username))
