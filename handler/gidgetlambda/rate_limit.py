"""RateLimit: the number of requests that GitLab still accepts from this user.

https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class RateLimit:
    """The state of a rate limit. It is true while another request can be made.

    Args:
        limit: The number of requests that GitLab accepts in one period.
        remaining: The number of requests that remain in this period.
        reset_epoch: The start of the next period, in seconds since the epoch.

    Attributes:
        reset_datetime: The start of the next period, in UTC.
    """

    def __init__(self, *, limit: int, remaining: int, reset_epoch: float) -> None:
        self.limit = limit
        self.remaining = remaining
        self.reset_datetime = datetime.datetime.fromtimestamp(reset_epoch, datetime.UTC)

    def __bool__(self) -> bool:
        """Return whether requests remain or the next period has begun."""
        return self.remaining > 0 or datetime.datetime.now(datetime.UTC) > self.reset_datetime

    def __str__(self) -> str:
        return f"< {self.remaining:,}/{self.limit:,} until {self.reset_datetime} >"

    @classmethod
    def from_http(cls, headers: Mapping[str, str]) -> RateLimit | None:
        """Read a response's headers; `None` if they state no rate limit.

        Args:
            headers: With names in lower case, or a mapping that ignores case.
        """
        try:
            return cls(
                limit=int(headers["ratelimit-limit"]),
                remaining=int(headers["ratelimit-remaining"]),
                reset_epoch=float(headers["ratelimit-reset"]),
            )
        except (KeyError, ValueError, OverflowError, OSError):
            return None
