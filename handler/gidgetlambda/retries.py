"""Retries: whether a task whose handler failed is retried, and when, or is parked.

`response` decides what an answer of GitLab means; this module maps each error to a pause. The age
of the task decides more than its number of tries, since SQS also counts receipts without a run of
the handler. This module performs no I/O; `consumer` acts on the decision.

https://docs.gitlab.com/security/rate_limits/
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import httpx

from .errors import (
    GitLabBroken,
    GraphQLAuthorizationFailure,
    HTTPException,
    MalformedTask,
    NotRun,
    OutOfTime,
    RateLimitExceeded,
    SettingsError,
    TryAgain,
    UnknownHandler,
)

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR

PAUSES = (10.0, 30.0, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR)
RATE_LIMIT_PAUSE = MINUTE
STRETCH = 8  # a pause of an outage or a rate limit is at least this part of the age
LONGEST_STRETCHED_PAUSE = 40 * MINUTE  # unless GitLab asks for more
LONGEST_PAUSE = 12 * HOUR - MINUTE  # SQS allows no more; GitLab may ask for it
UNANSWERED_WRITE_PAUSE = 90.0
NOT_YET_CONSISTENT = MINUTE
DEPLOYMENT = 10 * MINUTE
ENOUGH_TRIES, ENOUGH_AGE = 8, 110 * MINUTE
OUTAGE_AGE = DAY
LAST_AGE = 13 * DAY  # SQS deletes a message after 14
LAST_TRIES = 900  # after 1,000, SQS moves the message itself, without the reason


@dataclass(frozen=True)
class Try:
    """One failed try of a task.

    Attributes:
        age: The age of this copy on the queue, in seconds.
        tries: The number of times that SQS delivered this copy, this one included.
        unanswered_write: GitLab may still act on a request whose answer never came.
        jitter: A random number from 0 to 1.
        delivery_age: The time since the delivery in seconds. It exceeds `age` after a replay.
    """

    age: float
    tries: int
    unanswered_write: bool
    jitter: float
    delivery_age: float


def pause(error: BaseException, tried: Try) -> float | None:
    """Return the number of seconds until the next try; `None` to park the task."""
    if tried.age >= LAST_AGE or tried.tries >= LAST_TRIES:
        return None
    seconds = _pause(error, tried)
    if seconds is None:
        return None
    shortest = UNANSWERED_WRITE_PAUSE if tried.unanswered_write else 0.0
    return min(max(seconds, shortest), LONGEST_PAUSE)


def _pause(error: BaseException, tried: Try) -> float | None:
    match error:
        case BaseExceptionGroup():
            return _longest([_pause(one, tried) for one in error.exceptions])
        case TryAgain():
            return max(0.0, error.after)
        case RateLimitExceeded():
            requested = RATE_LIMIT_PAUSE if error.retry_after is None else error.retry_after
            return _stretched(requested, tried)
        case (
            GitLabBroken(down=True)
            # No connection, or a broken one.
            | httpx.NetworkError()
            | httpx.ConnectTimeout()
            | httpx.ProxyError()
            | httpx.RemoteProtocolError()
        ):
            return _stretched(PAUSES[0], tried)
        case GitLabBroken() | httpx.RequestError() | TimeoutError() | OutOfTime():
            exhausted = tried.tries >= ENOUGH_TRIES and tried.age >= ENOUGH_AGE
            return None if exhausted else _step(tried)
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return _step(tried) if tried.delivery_age < NOT_YET_CONSISTENT else None
        case UnknownHandler() | MalformedTask():
            return _step(tried) if tried.age < DEPLOYMENT else None
        # These need the owner's action. GitLab answers 401 to every request with an expired token.
        case (
            NotRun()
            | SettingsError()
            | GraphQLAuthorizationFailure()
            | HTTPException(status_code=HTTPStatus.UNAUTHORIZED)
        ):
            return _step(tried)
    return None


def _stretched(least: float, tried: Try) -> float | None:
    """Return the pause of a task that waits until GitLab serves requests again."""
    if tried.age >= OUTAGE_AGE:
        return None
    seconds = max(least, PAUSES[0], min(tried.age / STRETCH, LONGEST_STRETCHED_PAUSE))
    # Tasks that were refused together must not be retried together.
    return seconds + tried.jitter * max(seconds / 4, 10.0)


def _step(tried: Try) -> float:
    return PAUSES[min(max(tried.tries, 1), len(PAUSES)) - 1]


def _longest(pauses: list[float | None]) -> float | None:
    """Return the longest of several pauses; `None` if one of the errors is non-retryable."""
    known = [seconds for seconds in pauses if seconds is not None]
    return max(known) if len(known) == len(pauses) else None
