"""Worker: runs handlers, each within its time limit and with its own outcome.

It also prevents loops: it requests the account of the access token once, and keeps the bot's own
events from handlers that are not registered for them. GitLab could prevent loops too, if requests
repeated the `X-Gitlab-Event-UUID` of the delivery. They never do: GitLab would drop the events, and
warn the project's owners of a recursive webhook.

https://docs.gitlab.com/user/project/integrations/webhooks/#recursive-webhooks
"""

from __future__ import annotations

import asyncio
import copy
import marshal
import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from . import markers
from .account import Account
from .errors import (
    BadGraphQLRequest,
    GitLabBroken,
    HTTPException,
    NoTarget,
    NotRun,
    OutOfTime,
    RateLimitExceeded,
    TryAgain,
)
from .notes import Origin
from .outcome import Outcome
from .token_check import TokenCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .event import Event
    from .failures import FailureHooks
    from .gitlab import GitLabAPI
    from .logs import Reporter
    from .redactor import Redactor
    from .router import Evaluation


INLINE_REQUEST_TIMEOUT = 5.0  # seconds
QUEUED_REQUEST_TIMEOUT = 25.0  # seconds; a slow merge or diff takes longer than 10

# GitLab waits for 10 s. After the handlers there is time to report failures and to check the token.
INLINE_SPARE_TIME = 1.0

GRACE = 1.0  # seconds for the cleanup of a handler that exceeded its time limit
NO_GITLAB = "check that GL_URL is the address of a GitLab"


class Worker:
    """Runs handlers on events.

    Args:
        gitlab: Returns a new `GitLabAPI` over the shared client.
        ignore_self: Whether the bot's own events are ignored; `None` ignores them for bot accounts.
        time_limit: The time that a handler may take in inline mode, in seconds.
        request_timeout: The time that one request to GitLab may take, in seconds; `None` depends on
            the mode.
        wait_consistency: Whether to wait a second before each handler runs, as gidgetlab does.
        redactor: Keeps secrets out of outcomes.
        reporter: Reports each run in inline mode, and the writes that are not sent.
        failures: The functions that are called when a handler fails in inline mode.
        dry_run: Whether writes are reported and not sent.
    """

    def __init__(
        self,
        gitlab: Callable[[], GitLabAPI],
        *,
        ignore_self: bool | None,
        time_limit: float,
        request_timeout: float | None,
        wait_consistency: bool,
        redactor: Redactor,
        reporter: Reporter,
        failures: FailureHooks,
        dry_run: bool,
    ) -> None:
        self._gitlab = gitlab
        self._ignore_self = ignore_self
        self._time_limit = time_limit
        self._request_timeout = request_timeout
        self._wait_consistency = wait_consistency
        self._redactor = redactor
        self._reporter = reporter
        self._failures = failures
        self._dry_run = dry_run
        self._token_check = TokenCheck(reporter)
        self._account: Account | None = None
        # A lock belongs to one event loop.
        self._account_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )

    async def run_all(self, event: Event, evaluations: Sequence[Evaluation]) -> dict[str, Outcome]:
        """Run handlers concurrently, in inline mode; one that fails stops no other.

        Returns:
            The outcomes by the names of the handlers.
        """
        end = time.monotonic() + self._time_limit + INLINE_SPARE_TIME
        runs = [
            self._run_reported(_copy(event) if number else event, evaluation, end)
            for number, evaluation in enumerate(evaluations)
        ]
        # `gather` makes an asyncio task of each; one run needs none.
        outcomes = [await runs[0]] if len(runs) == 1 else await asyncio.gather(*runs)
        await self.check_token(end - time.monotonic())
        names = (evaluation.handler for evaluation in evaluations)
        return dict(zip(names, outcomes, strict=True))

    async def run(
        self,
        event: Event,
        evaluation: Evaluation,
        *,
        time_limit: float,
        received: float,
        request_timeout: float = QUEUED_REQUEST_TIMEOUT,
    ) -> Outcome:
        """Run one handler on an event.

        A handler that ignores its cancellation is abandoned a second after its time limit. It can
        send no further request, so that it does not write beside its own retry.

        Args:
            event: The event.
            evaluation: The handler's route, which matched.
            time_limit: The time that the handler may take, in seconds.
            request_timeout: The time that one request may take unless the bot's options say it.
            received: The time of the delivery, in seconds since the epoch.
        """
        gl = self._gitlab()
        gl.limit_time(self._request_timeout or request_timeout, time_limit)
        # In a separate asyncio task: a handler that cancels its task must not end the function.
        running = asyncio.create_task(
            self._run_in_time(event, evaluation, gl, time_limit, received)
        )
        running.add_done_callback(_retrieve_exception)
        try:
            await asyncio.wait({running}, timeout=time_limit + GRACE)
        except asyncio.CancelledError:
            running.cancel()
            await asyncio.wait({running}, timeout=GRACE)
            gl.close()
            raise
        if not running.done():
            outcome = self._failed(
                OutOfTime(f"it exceeded its time limit of {time_limit:g} s and did not end"), gl
            )
            running.cancel()
            return outcome
        if running.cancelled():
            return self._failed(asyncio.CancelledError("it cancelled itself"), gl)
        return running.result()

    async def check_token(self, time_limit: float) -> None:
        """Report once a day when the access token expires, after a task that GitLab answered.

        Args:
            time_limit: The time that the check may take, in seconds.
        """
        if self._account is not None:
            await self._token_check.run(self._gitlab, time_limit=time_limit)

    async def _run_reported(self, event: Event, evaluation: Evaluation, end: float) -> Outcome:
        started = time.monotonic()
        cancellation: asyncio.CancelledError | None = None
        try:
            outcome = await self.run(
                event,
                evaluation,
                time_limit=self._time_limit,
                received=time.time(),
                request_timeout=INLINE_REQUEST_TIMEOUT,
            )
        except asyncio.CancelledError as cancelled:
            cancellation = cancelled
            outcome = Outcome("failed", "it was cancelled", cancelled)
        error = outcome.error
        if isinstance(error, TryAgain):
            # Not a bug, so without a traceback.
            outcome = Outcome("failed", f"{outcome.because} (inline mode does not retry)")
        self._reporter.task(event, evaluation.handler, outcome, started=started)
        if outcome.status == "failed" and error is not None:
            left = end - time.monotonic()
            await self._failures.call(
                event, evaluation.handler, error, time_limit=left, reporter=self._reporter
            )
        if cancellation is not None:
            raise cancellation
        return outcome

    async def _run_in_time(
        self,
        event: Event,
        evaluation: Evaluation,
        gl: GitLabAPI,
        time_limit: float,
        received: float,
    ) -> Outcome:
        limit = asyncio.timeout(time_limit)
        try:
            async with limit:
                return await self._attempt(event, evaluation, gl, received)
        except (Exception, SystemExit, asyncio.CancelledError, BaseExceptionGroup) as error:
            if limit.expired():
                return self._failed(
                    OutOfTime(f"it exceeded its time limit of {time_limit:g} s"), gl
                )
            return self._failed(error, gl)

    def _failed(self, error: BaseException, gl: GitLabAPI) -> Outcome:
        """Return the outcome of a run that raised an error; a `NoTarget` is not a failure."""
        gl.close()  # what the handler left running must not write beside its retry
        without_target, rest = BaseExceptionGroup("", [error]).split(NoTarget)
        if without_target is not None:
            if rest is None:
                return Outcome("ignored", self._redactor.text(str(_first(without_target))))
            error = rest.exceptions[0]
        return Outcome("failed", self._redactor.error(error), error, gl.unanswered_write)

    async def _attempt(
        self, event: Event, evaluation: Evaluation, gl: GitLabAPI, received: float
    ) -> Outcome:
        route = evaluation.route
        account = await self._whoami(gl)
        ignores_self = account.bot if self._ignore_self is None else self._ignore_self
        if not route.from_self and (refusal := own_event(event, account, ignores_self)):
            return Outcome("ignored", refusal)
        if self._wait_consistency:
            await asyncio.sleep(1)
        gl.act_for(
            Origin(
                delivery_id=event.delivery_id,
                handler=route.identity,
                user_id=account.user_id,
                received=received,
            ),
            me=account,
        )
        if self._dry_run:
            gl.send_no_writes(partial(self._reporter.unsent_write, event, evaluation.handler))
        try:
            await evaluation.run(event, gl)
        except BaseException as error:
            if _is_forbidden(error):
                # If GitLab refuses the account as such, this raises `NotRun` instead.
                self._account = None
                await self._whoami(gl)
            raise
        return Outcome("done")

    async def _whoami(self, gl: GitLabAPI) -> Account:
        """Return the access token's account, requested once per process.

        https://docs.gitlab.com/api/users/#retrieve-the-current-user
        """
        if self._account is not None:
            return self._account
        lock = self._account_locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with lock:  # handlers run concurrently
            if self._account is None:
                self._account = await _get_account(gl)
        return self._account


def own_event(event: Event, account: Account, ignores_self: bool) -> str | None:
    """Return the reason why an event is the bot's own; `None` if it is not.

    Args:
        event: The event.
        account: The account of the access token.
        ignores_self: Whether the account's events without a marker are own events, too.
    """
    did_it = event.user_id == account.user_id or (
        event.user_id is None and event.username == account.username
    )
    if did_it and ignores_self:
        return f"the bot's own event: {account.username} did it"
    author_id = event.object_attributes.get("author_id")
    wrote_it = did_it if author_id is None else author_id == account.user_id
    if wrote_it and markers.find(_new_text(event)) is not None:
        return f"the bot's own text: {account.username} wrote it, and it has a marker"
    return None


def _new_text(event: Event) -> Any:
    """Return the text of a note, or the description of an opened issue or merge request."""
    attributes = event.object_attributes
    if event.kind == "note":
        return attributes.get("note")
    opened = event.kind in ("issue", "work_item", "merge_request") and event.action == "open"
    return attributes.get("description") if opened else None


def _first(error: BaseException) -> BaseException:
    """Return the first error in a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _is_forbidden(error: BaseException) -> bool:
    """Return whether an error is, or contains, GitLab's refusal of a request: 403."""
    if isinstance(error, BaseExceptionGroup):
        return any(_is_forbidden(one) for one in error.exceptions)
    if isinstance(error, HTTPException | BadGraphQLRequest):
        return error.status_code == HTTPStatus.FORBIDDEN
    return False


def _copy(event: Event) -> Event:
    """Return an event with a payload of its own, so that no handler changes that of another."""
    own = copy.copy(event)
    # Unlike `copy.deepcopy`, this copies a payload of any depth that JSON can have.
    own.data = marshal.loads(marshal.dumps(event.data))  # noqa: S302 - its own bytes
    own.headers = dict(event.headers)
    return own


def _retrieve_exception(task: asyncio.Task[Outcome]) -> None:
    """Keep asyncio from reporting the exception of an abandoned run."""
    if not task.cancelled():
        task.exception()


async def _get_account(gl: GitLabAPI) -> Account:
    """Request the account of the access token.

    Raises:
        NotRun: The token or the URL needs the owner's action.
        HTTPException: GitLab is down or limits the rate of requests.
    """
    try:
        return _account(await gl.getitem("/user"))
    except (RateLimitExceeded, GitLabBroken):
        raise
    except HTTPException as error:
        if error.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise NotRun(
                f"GitLab does not accept GL_ACCESS_TOKEN: {error} ({error.request}); replace it, "
                "or restore its account"
            ) from error
        raise NotRun(f"GET /user failed: {error}; {NO_GITLAB}") from error


def _account(user: Any) -> Account:
    try:
        return Account(int(user["id"]), str(user["username"]), bool(user.get("bot")))
    except (TypeError, KeyError, ValueError):
        raise NotRun(f"the answer to GET /user is not a user; {NO_GITLAB}") from None
