"""Have GitLab send again what the bot's endpoint did not take.

What was not taken is told by `log`, how fast it may go by `throttle`. Nothing is remembered
between two runs: GitLab logs each resend under the delivery's own key, so that a run goes on where
the last one was stopped.

https://docs.gitlab.com/api/project_webhooks/ and https://docs.gitlab.com/api/group_webhooks/
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import httpx
from gidgetlambda.errors import BadRequest, GitLabBroken, InvalidField, RateLimitExceeded
from gidgetlambda.gitlab import GitLabAPI

from ..failure import Failure
from .log import Delivery, Entry, leads_to, not_taken, site
from .place import Place, explained, require_resending
from .throttle import MINUTE, Throttle

PER_MINUTE = 5  # resends that GitLab takes for a project or group and user
_PAGE = 20  # entries; GitLab gives no more of a log at once
_LOG_TRIES = 5
_FAILURES_IN_A_ROW = 3  # one more, and GitLab pauses the hook


@dataclass(frozen=True)
class Hook:
    """A hook at GitLab."""

    id: int
    url: str


@dataclass(frozen=True)
class Log:
    """What was read of the hooks' logs.

    entries: how many there were.
    deliveries: those that were not taken and can be sent again, oldest first.
    lost: those of which GitLab did not keep the payload.
    """

    entries: int
    deliveries: list[Delivery]
    lost: list[Delivery]


@dataclass
class Result:
    """What became of the deliveries; grows while they are sent.

    tell: called for each as it is done, with the problem where there was one.
    stopped: why the others were not tried.
    """

    tell: Callable[[Delivery, str | None], None]
    taken: list[Delivery] = field(default_factory=list)
    failed: list[tuple[Delivery, str]] = field(default_factory=list)
    stopped: str | None = None

    def note(self, delivery: Delivery, problem: str | None) -> None:
        if problem is None:
            self.taken.append(delivery)
        else:
            self.failed.append((delivery, problem))
        self.tell(delivery, problem)


@dataclass(frozen=True)
class Refusal:
    """Why a delivery did not arrive.

    for_good: holds for every other delivery of that hook and URL as well.
    """

    problem: str
    for_good: bool = False


async def find_hooks(
    gl: GitLabAPI, place: Place, *, ids: Sequence[int] = (), endpoint: str | None = None
) -> list[Hook]:
    """The hooks with these ids, or where none is named, those that send to the endpoint.

    Raises `Failure`.
    """
    async with explained(gl, "list the hooks", place):
        pages = gl.getiter(place.hooks_path, {"per_page": 100})
        hooks = [Hook(int(one["id"]), str(one["url"])) async for one in pages]
    there = ", ".join(f"{hook.id} ({site(hook.url)})" for hook in hooks) or "none"
    for number in ids:
        if number not in [hook.id for hook in hooks]:
            raise Failure(f"There is no hook {number} at {place}. Its hooks: {there}.")
    if ids:
        return [hook for hook in hooks if hook.id in ids]
    found = [hook for hook in hooks if endpoint is not None and leads_to(hook.url, endpoint)]
    if not found:
        raise Failure(
            f"No hook of {place} sends to {endpoint}. Its hooks: {there}. Name the hook by "
            "--hook-id or its URL by --url; for a group's hooks, name the group and say --group."
        )
    return found


async def read_log(
    gl: GitLabAPI,
    place: Place,
    hooks: Sequence[Hook],
    throttle: Throttle,
    *,
    since: float | None = None,
    told: Callable[[int], None] = lambda count: None,
) -> Log:
    """What GitLab logged of the hooks, in the seven days that it remembers.

    since: nothing older, in seconds since the epoch.
    told: how many entries were read so far.

    Raises `Failure`.
    """
    entries: dict[int, Entry] = {}
    for hook in hooks:
        async for entry in _log(gl, place, hook, throttle):
            if since is not None and entry.at is not None and entry.at < since:
                break
            entries[entry.id] = entry
            told(len(entries))
    deliveries = not_taken(entries.values())
    return Log(
        len(entries),
        [delivery for delivery in deliveries if delivery.last.kept],
        [delivery for delivery in deliveries if not delivery.last.kept],
    )


async def resend(
    gl: GitLabAPI,
    place: Place,
    deliveries: Sequence[Delivery],
    throttle: Throttle,
    result: Result,
    *,
    keep_going: bool = False,
) -> None:
    """Have deliveries sent again, in their order.

    keep_going: though the endpoint fails, at the risk that GitLab pauses or disables the hook.

    Raises `Failure` where no other could be sent either.
    """
    refused: dict[tuple[int, str], str] = {}
    in_a_row = 0
    for number, delivery in enumerate(deliveries, start=1):
        source = delivery.last.hook_id, delivery.last.url
        if source in refused:
            result.note(delivery, refused[source])
            continue
        refusal = await _resend(gl, place, delivery.last, throttle)
        result.note(delivery, refusal.problem if refusal else None)
        if refusal and refusal.for_good:
            refused[source] = refusal.problem
            continue
        in_a_row = in_a_row + 1 if refusal else 0
        if in_a_row >= _FAILURES_IN_A_ROW and number < len(deliveries) and not keep_going:
            result.stopped = (
                f"Stopped, since {in_a_row} in a row failed: GitLab pauses a hook after 4. Mend "
                "the endpoint, whose log tells more, and run this again; or say --keep-going."
            )
            return


async def _log(gl: GitLabAPI, place: Place, hook: Hook, throttle: Throttle) -> AsyncIterator[Entry]:
    """The log of a hook, newest first; from its start again after a limit was met."""
    path = f"{place.hooks_path}/{hook.id}/events"
    async with explained(gl, f"read the log of hook {hook.id}", place):
        for tries_left in reversed(range(_LOG_TRIES)):
            try:
                async for data in gl.getiter(path, {"per_page": _PAGE}):
                    yield Entry.of(hook.id, data)
                return
            except RateLimitExceeded as error:
                if not tries_left:
                    raise
                await throttle.pause(error.retry_after or MINUTE)


async def _resend(gl: GitLabAPI, place: Place, entry: Entry, throttle: Throttle) -> Refusal | None:
    """Have one delivery sent again, and tell why it did not arrive."""
    async with explained(gl, "have a delivery sent again", place):
        try:
            answer = await _post(gl, place, entry, throttle)
        except InvalidField as error:
            return _refusal(entry, str(error))
        except (GitLabBroken, httpx.ReadTimeout, httpx.RemoteProtocolError) as error:
            return Refusal(
                f"GitLab gave no answer ({type(error).__name__}): it may have sent it or not"
            )
        except BadRequest as error:
            if error.status_code != httpx.codes.NOT_FOUND:
                raise
            await require_resending(gl)
            return Refusal("GitLab does not have it in the hook's log any more")
    status = str(answer.get("response_status")) if isinstance(answer, dict) else "nothing"
    return None if status.startswith("2") else Refusal(f"the endpoint answered {status}")


async def _post(gl: GitLabAPI, place: Place, entry: Entry, throttle: Throttle) -> object:
    path = f"{place.hooks_path}/{entry.hook_id}/events/{entry.id}/resend"
    while True:
        try:
            async with throttle.turn():
                return await gl.post(path, data=b"")
        except RateLimitExceeded as error:
            # Somebody else has used up the minute.
            await throttle.pause(error.retry_after or MINUTE)


def _refusal(entry: Entry, message: str) -> Refusal:
    """What GitLab's words mean for whoever wants the delivery."""
    if "URL has changed" in message:
        return Refusal(
            "GitLab sends it to no other URL than the one it was for, and the hook has another "
            f"now (it was at {site(entry.url)}). Give the hook that URL for as long as this takes",
            for_good=True,
        )
    if "disabled" in message:
        return Refusal(
            "GitLab has disabled the hook, which failed too often. Once the endpoint works, press "
            "Test at the hook in GitLab: that enables it",
            for_good=True,
        )
    if "Silent mode" in message:
        return Refusal("GitLab is in silent mode, by its administrators' will", for_good=True)
    return Refusal(f"GitLab could not send it: {message}")
