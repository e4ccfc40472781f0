"""Who makes a request, and how often: tokens and rate limits.

After https://docs.gitlab.com/api/rest/authentication/ and
https://docs.gitlab.com/security/rate_limits/.
"""

import math
from collections.abc import Mapping

from ..state import Instance, Token
from .call import ApiError

_WINDOW_SECONDS = 60
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def authenticate(instance: Instance, headers: Mapping[str, str]) -> Token:
    """The token of a request. Raises ApiError 401 if there is none, or not a good one."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    bearer = bearer.strip() if scheme.lower() == "bearer" else ""
    token = instance.tokens.get(headers.get("private-token", "") or bearer)
    if not token:
        raise ApiError(401, {"message": "401 Unauthorized"})
    if token.expired:
        raise ApiError(
            401,
            {
                "error": "invalid_token",
                "error_description": "Token is expired. You can either do re-authorization or "
                "token refresh.",
            },
        )
    return token


def require_scope(token: Token, method: str) -> None:
    """Refuse writing with a token that may only read."""
    if method in _READING or "api" in token.scopes:
        return
    raise ApiError(
        403,
        {
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the "
            "access token.",
            "scope": "api",
        },
    )


class RateLimiter:
    """Counts each user's requests by the minute.

    Args:
        limit: requests that a user may make in a minute.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._window = 0
        self._seen: dict[int, int] = {}

    def count(self, user_id: int, now: float) -> dict[str, str]:
        """Count a request at `now` (Unix seconds) and give its headers. Raises ApiError 429."""
        window = math.floor(now / _WINDOW_SECONDS)
        if window != self._window:
            self._window = window
            self._seen.clear()
        seen = self._seen[user_id] = self._seen.get(user_id, 0) + 1
        reset = (window + 1) * _WINDOW_SECONDS
        headers = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Name": "throttle_authenticated_api",
            "RateLimit-Observed": str(seen),
            "RateLimit-Remaining": str(max(0, self.limit - seen)),
            "RateLimit-Reset": str(reset),
        }
        if seen > self.limit:
            retry_after = str(math.ceil(reset - now))
            raise ApiError(429, "Retry later\n", headers=headers | {"Retry-After": retry_after})
        return headers
