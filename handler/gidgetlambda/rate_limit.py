"""RateLimit: how many requests GitLab still takes from this user.

https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class RateLimit:
    """How many requests GitLab still takes.

    limit: how many it takes in one period.
    remaining: how many are left of them.
    reset_epoch: when the next period begins, in seconds since the epoch.
    """

    def __init__(self, *, limit: int, remaining: int, reset_epoch: float) -> None:
        self.limit = limit
        self.remaining = remaining
        self.reset_datetime = datetime.datetime.fromtimestamp(reset_epoch, datetime.UTC)

    def __bool__(self) -> bool:
        """Whether another request can be made: some are left, or the next period has begun."""
        return self.remaining > 0 or datetime.datetime.now(datetime.UTC) > self.reset_datetime

    def __str__(self) -> str:
        return f"< {self.remaining:,}/{self.limit:,} until {self.reset_datetime} >"

    @classmethod
    def from_http(cls, headers: Mapping[str, str]) -> RateLimit | None:
        """What an answer's headers tell of the rate limit, `None` where they tell nothing.

        headers: with names in lower case, or a mapping that does not mind their case.
        """
        try:
            return cls(
                limit=int(headers["ratelimit-limit"]),
                remaining=int(headers["ratelimit-remaining"]),
                reset_epoch=float(headers["ratelimit-reset"]),
            )
        except (KeyError, ValueError, OverflowError, OSError):
            return None
