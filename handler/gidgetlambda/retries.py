"""What becomes of a task whose handler failed: again after some time, or parked.

Takes values and returns values; `consumer` does what is decided here. Age decides more than the
number of tries does, since SQS also counts tries in which no handler ran.

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
LONG_PAUSE = 5 * HOUR  # for what waits for its owner, after the first day: few tries in 13 days
RATE_LIMIT_PAUSE = MINUTE
RATE_LIMIT_STRETCH = 8
RATE_LIMIT_LONGEST_PAUSE = 40 * MINUTE  # where GitLab does not ask for more
UNANSWERED_WRITE_PAUSE = 90.0
NOT_YET_CONSISTENT = MINUTE
DEPLOYMENT = 10 * MINUTE
ENOUGH_TRIES, ENOUGH_AGE = 8, 110 * MINUTE
RATE_LIMIT_AGE = DAY
LAST_AGE = 13 * DAY  # SQS forgets a message after 14
LAST_TRIES = 90  # SQS moves it by itself, without the reason, after 100


@dataclass(frozen=True)
class Try:
    """One try of a task that failed.

    age: of this copy on the queue, in seconds.
    tries: how often SQS handed this copy out, this time included.
    unanswered_write: GitLab may still act on a request whose answer never came.
    jitter: a random number from 0 to 1.
    """

    age: float
    tries: int
    unanswered_write: bool
    jitter: float


def pause(error: BaseException, tried: Try) -> float | None:
    """For how many seconds the task has to wait, `None` where it is to be parked."""
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
            worn_out = tried.tries >= ENOUGH_TRIES and tried.age >= ENOUGH_AGE
            return None if worn_out else _step(tried)
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return _step(tried) if tried.age < NOT_YET_CONSISTENT else None
        case UnknownHandler() | MalformedTask():
            return _step(tried) if tried.age < DEPLOYMENT else None
        # What waits for its owner. GitLab answers 401 to a token that expired, whoever asks.
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
    asked = RATE_LIMIT_PAUSE if error.retry_after is None else error.retry_after
    # A limit that held for hours is not asked every minute: the tries have to last for a day.
    stretched = min(tried.age / RATE_LIMIT_STRETCH, RATE_LIMIT_LONGEST_PAUSE)
    asked = max(asked, PAUSES[0], stretched)
    # Tasks that were turned away together must not come back together.
    return asked + tried.jitter * max(asked / 4, 10.0)


def _step(tried: Try) -> float:
    return PAUSES[min(max(tried.tries, 1), len(PAUSES)) - 1]


def _longest(pauses: list[float | None]) -> float | None:
    """Of several errors of one handler: parked if one of them cannot heal."""
    known = [seconds for seconds in pauses if seconds is not None]
    return max(known) if len(known) == len(pauses) else None
