"""A GitLab in memory for tests, benchmarks and local development."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Self, Unpack

import httpx

from . import issuables, notes, seed
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
    MergeRequest,
    Note,
    Noteable,
    Project,
    User,
    utc_now,
)
from .webhooks import Webhooks


class Sandbox:
    """A GitLab instance: its state, its HTTP interface (`app`), and the actions of its users.

    The methods named after user actions (`open_issue`, `comment`, `merge`, …) act as the user
    named in `by`, check no permission, and fire the same webhooks as an API request. They are
    safe to use from several threads. A thread delivers the webhooks; `close()`, or the end of
    the sandbox's `with` block, stops it.

    Args:
        url: the instance's address, sub-path included (`http://gitlab.example.com/gitlab`), as
            it appears in links and webhooks; `server.serve` sets it to the real address.
        seed: fills the new instance.
        version: the GitLab version that it reports.
        rate_limit: API requests per user and minute; far more than GitLab's 2,000 by default.
        webhook_timeout: seconds that a webhook's receiver may take.
        disable_failing_hooks: whether hooks that keep failing are paused, as GitLab does.
        webhook_transport: delivers webhooks instead of the network.
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
        self.app = create_app(self.instance, self.webhooks, rate_limit=rate_limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

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
        """The first project, which is the only one unless more were added."""
        return next(iter(self.instance.projects.values()))

    @property
    def hook_events(self) -> list[HookEvent]:
        """Every finished delivery of every hook, oldest first."""
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
    ) -> Hook:
        """Add a webhook to the project, with every trigger by default."""
        with self.instance.changing():
            hook = Hook(
                id=self.instance.next_id(Hook),
                project=self.project,
                url=url,
                created_at=self.instance.now(),
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
        self,
        title: str,
        *,
        source_branch: str = "",
        target_branch: str = "main",
        by: str = "alice",
        **fields: Unpack[NewMergeRequest],
    ) -> MergeRequest:
        """Open a merge request, from a new branch by default."""
        with self._acting(by) as actor:
            return issuables.open_merge_request(
                actor,
                self.project,
                title,
                source_branch=source_branch or f"branch-{len(self.project.branches)}",
                target_branch=target_branch,
                **fields,
            )

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
            return issuables.push(actor, self.project, branch, messages)

    def tag(self, name: str, *, by: str = "alice") -> None:
        with self._acting(by) as actor:
            issuables.tag(actor, self.project, name)

    def comment(
        self, noteable: Noteable, body: str, *, by: str = "alice", internal: bool = False
    ) -> Note:
        """Comment with the text as it is: only the API applies quick actions."""
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
        """Block until `condition()` is true of the state.

        Args:
            condition: called after each change, with the state locked.
            timeout: seconds.
            what: names the condition in the error.

        Raises:
            TimeoutError: the condition did not become true in time.
        """
        with self.instance.changed:
            if not self.instance.changed.wait_for(lambda: bool(condition()), timeout):
                raise TimeoutError(f"{what} did not happen within {timeout:g} s")

    def settle(self, *, timeout: float = 15.0) -> list[HookEvent]:
        """Block until no delivery is under way, and return all that have finished.

        This does not wait for what a receiver does after its answer. In an async test, call it
        in a thread: `await anyio.to_thread.run_sync(sandbox.settle)`.

        Raises:
            TimeoutError: a delivery was still under way.
        """
        self.wait_for(
            lambda: not self.webhooks.under_way, timeout=timeout, what="the end of all deliveries"
        )
        return self.hook_events

    @contextmanager
    def _acting(self, username: str) -> Iterator[Actor]:
        with self.instance.changing():
            yield Actor(self.instance.user(username), self.webhooks)
