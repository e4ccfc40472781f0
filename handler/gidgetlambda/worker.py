"""Worker: runs handlers, each within its time limit, each with its own outcome.

It also guards against loops: it asks GitLab once who the access token belongs to, and keeps the
bot's own events from handlers that did not ask for them.

https://docs.gitlab.com/user/project/integrations/webhooks/#recursive-webhooks
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from . import markers
from .errors import GitLabBroken, HTTPException, NotRun, OutOfTime, RateLimitExceeded
from .gitlab import GitLabAPI, Origin
from .outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .event import Event
    from .logs import Reporter
    from .redactor import Redactor
    from .router import Route


NO_GITLAB = "is GL_URL the address of a GitLab?"


@dataclass(frozen=True)
class Account:
    """The user that the access token belongs to.

    bot: whether it is an access token's or a service account's, and no person's.
    """

    user_id: int
    username: str
    bot: bool


class Worker:
    """Runs handlers on events.

    gitlab: gives a `GitLabAPI` over the shared client.
    ignore_self: whether the bot's own events are ignored; `None` does so for bot accounts.
    time_limit: for one handler, in seconds.
    wait_consistency: wait a second before the handlers run, as gidgetlab does.
    redactor: keeps secrets out of outcomes.
    reporter: is told what becomes of each run while GitLab waits.
    """

    def __init__(
        self,
        gitlab: Callable[[], GitLabAPI],
        *,
        ignore_self: bool | None,
        time_limit: float,
        wait_consistency: bool,
        redactor: Redactor,
        reporter: Reporter,
    ) -> None:
        self._gitlab = gitlab
        self._ignore_self = ignore_self
        self._time_limit = time_limit
        self._wait_consistency = wait_consistency
        self._redactor = redactor
        self._reporter = reporter
        self._account: Account | None = None
        self._asking = asyncio.Lock()

    async def run_all(self, event: Event, routes: Sequence[Route]) -> dict[str, Outcome]:
        """Run handlers side by side, while GitLab waits; none keeps another from running."""
        outcomes = await asyncio.gather(*(self._run_reported(event, route) for route in routes))
        return {route.name: outcome for route, outcome in zip(routes, outcomes, strict=True)}

    async def run(self, event: Event, route: Route, *, time_limit: float) -> Outcome:
        """Run one handler on an event.

        time_limit: in seconds.
        """
        gl = self._gitlab()
        # In an asyncio task of its own: a handler that cancels its task must not end the function.
        running = asyncio.create_task(self._run_in_time(event, route, gl, time_limit))
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError:
            running.cancel()
            await asyncio.wait({running})
            raise
        if running.cancelled():
            return self._failed(asyncio.CancelledError("it cancelled itself"), gl)
        return running.result()

    async def _run_reported(self, event: Event, route: Route) -> Outcome:
        started = time.monotonic()
        try:
            outcome = await self.run(event, route, time_limit=self._time_limit)
        except asyncio.CancelledError as cancelled:
            # With all the others: `gather` knows, and then raises it.
            outcome = Outcome("failed", "it was cancelled", cancelled)
        self._reporter.task(event, route.name, outcome, started=started)
        return outcome

    async def _run_in_time(
        self, event: Event, route: Route, gl: GitLabAPI, time_limit: float
    ) -> Outcome:
        limit = asyncio.timeout(time_limit)
        try:
            async with limit:
                return await self._attempt(event, route, gl)
        except (Exception, SystemExit, asyncio.CancelledError, BaseExceptionGroup) as error:
            if limit.expired():
                return self._failed(OutOfTime(f"it ran out of its {time_limit:g} s"), gl)
            return self._failed(error, gl)

    def _failed(self, error: BaseException, gl: GitLabAPI) -> Outcome:
        return Outcome("failed", self._redactor.error(error), error, gl.unanswered_write)

    async def _attempt(self, event: Event, route: Route, gl: GitLabAPI) -> Outcome:
        account = await self._whoami(gl)
        ignores_self = account.bot if self._ignore_self is None else self._ignore_self
        if not route.from_self and (refusal := own_event(event, account, ignores_self)):
            return Outcome("ignored", refusal)
        if self._wait_consistency:
            await asyncio.sleep(1)
        gl.act_for(
            Origin(
                delivery_id=event.delivery_id,
                handler=route.name,
                user_id=account.user_id,
                # Where own events run, GitLab has to cut the chains.
                event_uuid=None if ignores_self else event.event_uuid,
            )
        )
        await route.run(event, gl)
        return Outcome("done")

    async def _whoami(self, gl: GitLabAPI) -> Account:
        """The access token's account, asked for once.

        https://docs.gitlab.com/api/users/#retrieve-the-current-user
        """
        if self._account is not None:
            return self._account
        async with self._asking:  # handlers run side by side
            if self._account is None:
                self._account = await _ask_whoami(gl)
        return self._account


def own_event(event: Event, account: Account, ignores_self: bool) -> str | None:
    """Why an event counts as the bot's own, `None` where it does not."""
    own = event.user_id == account.user_id or (
        event.user_id is None and event.username == account.username
    )
    if own and ignores_self:
        return f"the bot's own event: {account.username} did it"
    note = event.object_attributes
    if event.kind != "note" or markers.find(note.get("note")) is None:
        return None
    if own or note.get("author_id") == account.user_id:
        return f"the bot's own note: {account.username} wrote it and it bears the mark"
    return None


async def _ask_whoami(gl: GitLabAPI) -> Account:
    """Ask GitLab whom the access token belongs to.

    Raises `NotRun` where it is not for GitLab alone to mend.
    """
    try:
        return _account(await gl.getitem("/user"))
    except (RateLimitExceeded, GitLabBroken):
        raise
    except HTTPException as error:
        if error.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise NotRun(
                f"GitLab does not accept GL_ACCESS_TOKEN: {error} ({error.request})"
            ) from error
        raise NotRun(f"GET /user failed: {error}; {NO_GITLAB}") from error


def _account(user: Any) -> Account:
    try:
        return Account(int(user["id"]), str(user["username"]), bool(user.get("bot")))
    except (TypeError, KeyError, ValueError):
        raise NotRun(f"GET /user was not answered with a user; {NO_GITLAB}") from None
