"""The webhooks of a project or group at GitLab.

No message contains the token, or more of a hook's URL than its host.

https://docs.gitlab.com/api/project_webhooks/
https://docs.gitlab.com/api/group_webhooks/
"""

import contextlib
from asyncio import sleep
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from urllib.parse import quote

import httpx
from gidgetlambda.errors import BadRequest, GitLabBroken, InvalidField, RateLimitExceeded
from gidgetlambda.gitlab import GitLabAPI

from ..console import Failure
from ..gitlab import explained
from .log import LogEntry, leads_to, site

MINUTE = 61.0  # seconds; one more than GitLab's minute, which another clock measures
_PAGE = 20  # entries; GitLab returns no more of a log at once
_TRIES = 5  # of one request, before the rate limit is reported
_TOO_OLD = (
    "this GitLab is older than 17.4 and its API cannot send again: do it by hand, in Settings > "
    "Webhooks > Edit > Recent events > View details > Resend request"
)
# Parts of GitLab's messages that concern every delivery of the hook and URL.
_UNSENDABLE = {
    "URL has changed": "GitLab sends it only to its original URL ({former}), and the hook has "
    "another URL now. Give the hook the original URL until this is done",
    "disabled": "GitLab has disabled the hook, which failed too often. When the endpoint works, "
    "press Test at the hook in GitLab to enable it",
    "Silent mode": "GitLab's administrators have put it into silent mode",
}

T = TypeVar("T")


class Unsendable(Exception):  # noqa: N818 - GitLab's decision
    """GitLab does not send this delivery, nor any other one of the same hook and URL."""


class ProjectHooks:
    """The webhooks of a project or group.

    Args:
        gl: GitLab's API.
        name: The path or the number of the project or group.
        is_group: Whether it is a group.
        progress: Called with a sentence at each step that takes time.
    """

    def __init__(
        self, gl: GitLabAPI, name: str, *, is_group: bool, progress: Callable[[str], None]
    ) -> None:
        kind = "group" if is_group else "project"
        self._gl = gl
        self._path = f"/{kind}s/{quote(name, safe='')}/hooks"
        self._place = f"the {kind} {name}"
        self._roles = "Owners" if is_group else "Maintainers"
        self._progress = progress

    async def find(self, ids: Sequence[int], endpoint: str) -> list[int]:
        """Return the ids, if there are any, else the ids of the hooks that send to the endpoint.

        Raises:
            Failure: One of the ids does not exist, or no hook sends to the endpoint.
        """
        with self._explained("list the hooks"):
            pages = self._gl.getiter(self._path, {"per_page": 100})
            hooks = {int(hook["id"]): str(hook["url"]) async for hook in pages}
        listed = ", ".join(f"{number} ({site(url)})" for number, url in hooks.items()) or "none"
        for number in ids:
            if number not in hooks:
                raise Failure(f"There is no hook {number} at {self._place}. Its hooks: {listed}.")
        found = list(dict.fromkeys(ids)) or [
            number for number, url in hooks.items() if leads_to(url, endpoint)
        ]
        if not found:
            raise Failure(
                f"No hook of {self._place} sends to {endpoint}. Its hooks: {listed}. Name the hook "
                "with --hook-id or its URL with --url; for the hooks of a group, name the group "
                "and add --group."
            )
        return found

    async def log(self, hook_id: int, since: float) -> list[LogEntry]:
        """Return GitLab's log of a hook since a Unix time, newest entry first."""
        with self._explained(f"read the log of hook {hook_id}"):
            return await self._when_allowed(lambda: self._log(hook_id, since))

    async def resend(self, entry: LogEntry) -> str | None:
        """Have GitLab send a delivery again, and return the problem if it does not arrive.

        Raises:
            Unsendable: GitLab sends no delivery of this hook and URL.
        """
        path = f"{self._path}/{entry.hook_id}/events/{entry.id}/resend"
        self._progress("Sending")
        with self._explained("have a delivery sent again"):
            try:
                answer = await self._when_allowed(lambda: self._gl.post(path, data=b""))
            except InvalidField as error:
                for part, meaning in _UNSENDABLE.items():
                    if part in str(error):
                        raise Unsendable(meaning.format(former=site(entry.url))) from None
                return f"GitLab could not send it: {error}"
            except (GitLabBroken, httpx.ReadTimeout, httpx.RemoteProtocolError) as error:
                return f"GitLab gave no answer ({type(error).__name__}): it may have sent it or not"
            except BadRequest as error:
                if error.status_code != httpx.codes.NOT_FOUND:
                    raise
                return f"it is no longer in GitLab's log, or {_TOO_OLD}"
        status = str(answer.get("response_status")) if isinstance(answer, dict) else "nothing"
        return None if status.startswith("2") else f"the endpoint answered {status}"

    async def _log(self, hook_id: int, since: float) -> list[LogEntry]:
        entries: list[LogEntry] = []
        pages = self._gl.getiter(f"{self._path}/{hook_id}/events", {"per_page": _PAGE})
        async for data in pages:
            entry = LogEntry.of(hook_id, data)
            if entry.at is not None and entry.at < since:
                break
            entries.append(entry)
            self._progress(f"Reading the log of hook {hook_id}: {len(entries)} entries")
        return entries

    async def _when_allowed(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request, and repeat it after each pause that GitLab's rate limit demands."""
        for _ in range(_TRIES - 1):
            try:
                return await request()
            except RateLimitExceeded as error:
                seconds = error.retry_after or MINUTE
                self._progress(f"Waiting {seconds:.0f} s for GitLab's rate limit")
                await sleep(seconds)
        return await request()

    def _explained(self, action: str) -> contextlib.AbstractContextManager[None]:
        remedies = {
            301: f"{self._place} has moved: use its new path.",
            403: f"GL_ACCESS_TOKEN does not allow this on {self._place}: hooks are for its "
            f"{self._roles}, and the token needs the scope api. It need not be the bot's token.",
            404: f"{self._place} does not exist, or GL_ACCESS_TOKEN cannot see it. Check the path "
            f"and GL_URL; hooks are for {self._roles}, and those of groups need GitLab Premium. Or "
            f"{_TOO_OLD}.",
        }
        return explained(action, remedies)
