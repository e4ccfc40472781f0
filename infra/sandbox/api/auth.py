"""Authentication and rate limits.

https://docs.gitlab.com/api/rest/authentication/ and https://docs.gitlab.com/security/rate_limits/
"""

import math
from collections import Counter
from collections.abc import Mapping

from ..state import Instance, Token
from .errors import ApiError, unauthorized

_WINDOW_SECONDS = 60
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def authenticate(instance: Instance, headers: Mapping[str, str]) -> Token:
    """Return the token of a request. Raises ApiError 401 if it is missing, unknown or expired."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    bearer = bearer.strip() if scheme.lower() == "bearer" else ""
    token = instance.tokens.get(headers.get("private-token", "") or bearer)
    if not token:
        raise unauthorized()
    if token.expired:
        text = "Token is expired. You can either do re-authorization or token refresh."
        raise ApiError(401, {"error": "invalid_token", "error_description": text})
    return token


def require_scope(token: Token, method: str) -> None:
    """Refuse a write with a read-only token."""
    if method in _READING or "api" in token.scopes:
        return
    text = "The request requires higher privileges than provided by the access token."
    error = {"error": "insufficient_scope", "error_description": text, "scope": "api"}
    raise ApiError(403, error)


class RateLimiter:
    """A counter of each user's requests per minute.

    Args:
        limit: The requests that a user may make in a minute.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._requests: Counter[tuple[int, int]] = Counter()

    def count(self, user_id: int, now: float) -> dict[str, str]:
        """Count a request and return the headers of its response.

        Args:
            user_id: The user's id.
            now: The time, in Unix seconds.

        Raises:
            ApiError: 429, because the user has reached the limit.
        """
        window = int(now // _WINDOW_SECONDS)
        self._requests[user_id, window] += 1
        seen = self._requests[user_id, window]
        reset = (window + 1) * _WINDOW_SECONDS
        headers = {
            "RateLimit-Limit": str(self._limit),
            "RateLimit-Name": "throttle_authenticated_api",
            "RateLimit-Observed": str(seen),
            "RateLimit-Remaining": str(max(0, self._limit - seen)),
            "RateLimit-Reset": str(reset),
        }
        if seen > self._limit:
            retry_after = str(math.ceil(reset - now))
            raise ApiError(429, "Retry later\n", headers=headers | {"Retry-After": retry_after})
        return headers
