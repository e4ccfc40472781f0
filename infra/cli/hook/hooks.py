"""The webhooks of a project or group at GitLab.

No message contains the token, or more of a hook's URL than its host.

https://docs.gitlab.com/api/project_webhooks/ and https://docs.gitlab.com/api/group_webhooks/
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

import httpx
from gidgetlambda.errors import (
    BadRequest,
    GitLabBroken,
    GitLabException,
    HTTPException,
    InvalidField,
    RateLimitExceeded,
)
from gidgetlambda.gitlab import GitLabAPI

from ..failure import Failure
from .log import Entry, leads_to, site

PER_MINUTE = 5  # resends that GitLab accepts for a project or group and user
MINUTE = 61.0  # seconds; one more than GitLab's minute, which another clock measures
_PAGE = 20  # entries; the most that GitLab returns of a log at once
_TRIES = 5  # of one request, before the rate limit is reported
_TOO_OLD = (
    "this GitLab is older than 17.4 and its API cannot send again: do it by hand, in Settings > "
    "Webhooks > Edit > Recent events > View details > Resend request"
)
# Parts of GitLab's messages that concern every delivery of the hook and URL.
_UNSENDABLE = {
    "URL has changed": "GitLab sends it only to the URL that it was for ({former}), and the hook "
    "has another one now. Give the hook the former URL until this is done",
    "disabled": "GitLab has disabled the hook, which failed too often. When the endpoint works, "
    "press Test at the hook in GitLab to enable it",
    "Silent mode": "GitLab's administrators have put it into silent mode",
}

T = TypeVar("T")


class Unsendable(Exception):  # noqa: N818 - GitLab's decision
    """GitLab does not send this delivery, nor any other one of the same hook and URL."""


@dataclass
class Hooks:
    """The webhooks of a project or group.

    Attributes:
        name: the path or the number of the project or group.
        progress: called with a sentence at each step that takes time.
        clock: returns seconds.
        sleep: waits some seconds.
    """

    gl: GitLabAPI
    name: str
    is_group: bool = False
    progress: Callable[[str], None] = lambda text: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _resent: deque[float] = field(default_factory=lambda: deque(maxlen=PER_MINUTE))

    @property
    def _path(self) -> str:
        return f"/{'groups' if self.is_group else 'projects'}/{quote(self.name, safe='')}/hooks"

    @property
    def _place(self) -> str:
        return f"the {'group' if self.is_group else 'project'} {self.name}"

    async def find(self, ids: Sequence[int], endpoint: str) -> list[int]:
        """The ids, if there are any, else the ids of the hooks that send to the endpoint."""
        async with self._explained("list the hooks"):
            pages = self.gl.getiter(self._path, {"per_page": 100})
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

    async def log(self, hook_id: int, *, since: float = 0) -> list[Entry]:
        """GitLab's log of a hook, newest first.

        Args:
            since: a Unix time; older entries are left out.
        """
        async with self._explained(f"read the log of hook {hook_id}"):
            return await self._when_allowed(lambda: self._log(hook_id, since))

    async def resend(self, entry: Entry) -> str | None:
        """Let GitLab send a delivery again, and return the problem if it does not arrive.

        Raises:
            Unsendable: GitLab sends no delivery of this hook and URL.
        """
        path = f"{self._path}/{entry.hook_id}/events/{entry.id}/resend"
        async with self._explained("have a delivery sent again"):
            try:
                answer = await self._when_allowed(lambda: self._post(path))
            except InvalidField as error:
                return _explain_refusal(str(error), entry)
            except (GitLabBroken, httpx.ReadTimeout, httpx.RemoteProtocolError) as error:
                return f"GitLab gave no answer ({type(error).__name__}): it may have sent it or not"
            except BadRequest as error:
                if error.status_code != httpx.codes.NOT_FOUND:
                    raise
                return f"it is no longer in GitLab's log, or {_TOO_OLD}"
        status = str(answer.get("response_status")) if isinstance(answer, dict) else "nothing"
        return None if status.startswith("2") else f"the endpoint answered {status}"

    async def _log(self, hook_id: int, since: float) -> list[Entry]:
        entries: list[Entry] = []
        pages = self.gl.getiter(f"{self._path}/{hook_id}/events", {"per_page": _PAGE})
        async for data in pages:
            entry = Entry.of(hook_id, data)
            if entry.at is not None and entry.at < since:
                break
            entries.append(entry)
            self.progress(f"Reading the log of hook {hook_id}: {len(entries)} entries")
        return entries

    async def _post(self, path: str) -> object:
        if len(self._resent) == PER_MINUTE:
            await self._pause(self._resent[0] + MINUTE - self.clock())
        try:
            self.progress("Sending")
            return await self.gl.post(path, data=b"")
        finally:
            # GitLab has counted the request at some time before this.
            self._resent.append(self.clock())

    async def _when_allowed(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request, again after each pause that GitLab's rate limit demands."""
        for _ in range(_TRIES - 1):
            try:
                return await request()
            except RateLimitExceeded as error:
                await self._pause(error.retry_after or MINUTE)
        return await request()

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self.progress(f"Waiting {seconds:.0f} s for GitLab's rate limit")
            await self.sleep(seconds)

    @contextlib.asynccontextmanager
    async def _explained(self, action: str) -> AsyncIterator[None]:
        """Turn GitLab's refusals into a `Failure`; `action` follows "could not"."""
        try:
            yield
        except HTTPException as error:
            raise Failure(f"Could not {action}: {self._explain(error)}") from None
        except httpx.TransportError as error:
            raise Failure(
                f"Could not {action}: GitLab cannot be reached at GL_URL ({type(error).__name__}: "
                f"{error}). Check GL_URL and the network; if a certificate is not trusted, name "
                "its authority's PEM file in GL_CA_FILE."
            ) from None
        except GitLabException as error:
            raise Failure(f"Could not {action}: {error}") from None

    def _explain(self, error: HTTPException) -> str:
        status, roles = int(error.status_code), "Owners" if self.is_group else "Maintainers"
        if isinstance(error, RateLimitExceeded):
            return f"GitLab accepts no more requests for now ({error}). Try again later."
        if 300 <= status < 400:
            return f"{self._place} has moved ({error}). Use its new path."
        explanations = {
            401: f"GitLab refused GL_ACCESS_TOKEN ({error}). It is wrong, expired or revoked: "
            "create another one with the scope api.",
            403: f"GL_ACCESS_TOKEN does not allow this on {self._place} ({error}). Hooks are for "
            f"its {roles}, and the token needs the scope api. It need not be the bot's.",
            404: f"{self._place} does not exist, or GL_ACCESS_TOKEN cannot see it. Check the path "
            f"and GL_URL; hooks are for {roles}, and those of groups need GitLab Premium. Or "
            f"{_TOO_OLD}.",
        }
        return explanations.get(status, f"GitLab answered {status}: {error}")


def _explain_refusal(message: str, entry: Entry) -> str:
    """The meaning of GitLab's message for one delivery; raises `Unsendable`."""
    for part, meaning in _UNSENDABLE.items():
        if part in message:
            raise Unsendable(meaning.format(former=site(entry.url)))
    return f"GitLab could not send it: {message}"
