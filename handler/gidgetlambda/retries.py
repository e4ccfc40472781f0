"""Retries: whether a task whose handler failed is retried, and when, or is parked.

The age of the task decides more than its number of tries, since SQS also counts receipts without a
run of the handler. This module performs no I/O; `consumer` acts on the decision.

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
LONG_PAUSE = 5 * HOUR  # after the first day, if the owner has to act: few tries in 13 days
RATE_LIMIT_PAUSE = MINUTE
RATE_LIMIT_STRETCH = 8
RATE_LIMIT_LONGEST_PAUSE = 40 * MINUTE  # unless GitLab asks for more
UNANSWERED_WRITE_PAUSE = 90.0
NOT_YET_CONSISTENT = MINUTE
DEPLOYMENT = 10 * MINUTE
ENOUGH_TRIES, ENOUGH_AGE = 8, 110 * MINUTE
RATE_LIMIT_AGE = DAY
LAST_AGE = 13 * DAY  # SQS deletes a message after 14
LAST_TRIES = 90  # after 100, SQS moves the message itself, without the reason


@dataclass(frozen=True)
class Try:
    """One failed try of a task.

    Attributes:
        age: The age of this copy on the queue, in seconds.
        tries: The number of times that SQS delivered this copy, this one included.
        unanswered_write: GitLab may still act on a request whose answer never came.
        jitter: A random number from 0 to 1.
    """

    age: float
    tries: int
    unanswered_write: bool
    jitter: float


def pause(error: BaseException, tried: Try) -> float | None:
    """Return the number of seconds until the next try; `None` to park the task."""
    if tried.age >= LAST_AGE or tried.tries >= LAST_TRIES:
        return None
    seconds = _pause(error, tried)
    if seconds is not None and tried.unanswered_write:
        return max(seconds, UNANSWERED_WRITE_PAUSE)
    return seconds


def _pause(error: BaseException, tried: Try) -> float | None:
    match error:
        case BaseExceptionGroup():
            return _longest([_pause(one, tried) for one in error.exceptions])
        case TryAgain():
            return max(0.0, error.after)
        case RateLimitExceeded():
            return _rate_limited(error, tried)
        case GitLabBroken() | httpx.RequestError() | OutOfTime():
            exhausted = tried.tries >= ENOUGH_TRIES and tried.age >= ENOUGH_AGE
            return None if exhausted else _step(tried)
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return _step(tried) if tried.age < NOT_YET_CONSISTENT else None
        case UnknownHandler() | MalformedTask():
            return _step(tried) if tried.age < DEPLOYMENT else None
        # These need the owner's action. GitLab answers 401 to every request with an expired token.
        case (
            NotRun()
            | SettingsError()
            | GraphQLAuthorizationFailure()
            | HTTPException(status_code=HTTPStatus.UNAUTHORIZED)
        ):
            return _step(tried) if tried.age < DAY else LONG_PAUSE
    return None


def _rate_limited(error: RateLimitExceeded, tried: Try) -> float | None:
    if tried.age >= RATE_LIMIT_AGE:
        return None
    seconds = RATE_LIMIT_PAUSE if error.retry_after is None else error.retry_after
    # The number of tries has to last for a day, so the pauses grow with the age of the task.
    stretched = min(tried.age / RATE_LIMIT_STRETCH, RATE_LIMIT_LONGEST_PAUSE)
    seconds = max(seconds, PAUSES[0], stretched)
    # Tasks that were refused together must not be retried together.
    return seconds + tried.jitter * max(seconds / 4, 10.0)


def _step(tried: Try) -> float:
    return PAUSES[min(max(tried.tries, 1), len(PAUSES)) - 1]


def _longest(pauses: list[float | None]) -> float | None:
    """Return the longest of several pauses; `None` if one of the errors is non-retryable."""
    known = [seconds for seconds in pauses if seconds is not None]
    return max(known) if len(known) == len(pauses) else None
