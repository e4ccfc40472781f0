"""Token check: once a day, the number of days until the access token expires.

https://docs.gitlab.com/api/personal_access_tokens/#self-inform
"""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING, Any

import httpx

from .errors import GitLabException

if TYPE_CHECKING:
    from collections.abc import Callable

    from .gitlab import GitLabAPI
    from .logs import Reporter

TIME_LIMIT = 2.0  # seconds
ENOUGH_TIME = 0.5  # seconds; with less, the check waits for the next task


class TokenCheck:
    """Reports the remaining days of the access token once a day and process.

    Args:
        reporter: Receives the number of days that are left.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._checked: datetime.date | None = None

    async def run(self, gitlab: Callable[[], GitLabAPI], *, time_limit: float) -> None:
        """Check the token, unless that was done today (UTC).

        Some tokens may not ask, some do not expire, and old instances do not know the endpoint:
        then nothing is reported until the next day.

        Args:
            gitlab: Returns what sends the request.
            time_limit: The time that the check may take, in seconds; at most 2 count.
        """
        today = datetime.datetime.now(datetime.UTC).date()
        if self._checked == today or time_limit < ENOUGH_TIME:
            return
        self._checked = today
        try:
            async with asyncio.timeout(min(time_limit, TIME_LIMIT)):
                token = await gitlab().getitem("/personal_access_tokens/self")
        except (GitLabException, httpx.RequestError, TimeoutError):
            return
        expires = _expiry(token)
        if expires is not None:
            self._reporter.token((expires - today).days)


def _expiry(token: Any) -> datetime.date | None:
    """Return the day at whose beginning a token expires; `None` if it does not."""
    try:
        return datetime.date.fromisoformat(token["expires_at"])
    except (TypeError, KeyError, ValueError):
        return None
