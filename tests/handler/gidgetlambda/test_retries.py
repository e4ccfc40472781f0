"""The design's table of failures: the pause for each error, age and number of tries."""

import asyncio

import httpx
import pytest
from gidgetlambda import GitLabBroken, RateLimitExceeded, TryAgain
from gidgetlambda.errors import (
    BadRequest,
    GraphQLAuthorizationFailure,
    InvalidField,
    MalformedTask,
    NotRun,
    OutOfTime,
    SettingsError,
    UnknownHandler,
)
from gidgetlambda.rate_limit import RateLimit
from gidgetlambda.retries import DAY, HOUR, MINUTE, Try, pause

MAX_RECEIVES = 1000  # after these, SQS moves a message itself


def limited(retry_after: float | None = None) -> RateLimitExceeded:
    rate_limit = RateLimit(limit=0, remaining=0, reset_epoch=0)
    return RateLimitExceeded(rate_limit, status_code=429, retry_after=retry_after)


def group(*errors: BaseException) -> BaseException:
    return BaseExceptionGroup("several", errors)


def tried(
    age: float = 0.0,
    tries: int = 1,
    *,
    unanswered_write: bool = False,
    jitter: float = 0.0,
    delivery_age: float | None = None,
) -> Try:
    since = age if delivery_age is None else delivery_age
    return Try(age, tries, unanswered_write, jitter, since)


def pauses_until_parked(error: BaseException, *, jitter: float = 0.0) -> tuple[list[float], float]:
    """Return the pauses of a task that always fails alike, and its age when it is parked."""
    pauses: list[float] = []
    age = 0.0
    while True:
        seconds = pause(error, tried(age, len(pauses) + 1, jitter=jitter))
        if seconds is None:
            return pauses, age
        pauses.append(seconds)
        age += seconds
        assert len(pauses) < MAX_RECEIVES, "SQS would have moved the task, without the reason"


GITLAB_IS_DOWN = [
    GitLabBroken(502),
    GitLabBroken(503),
    GitLabBroken(504),
    GitLabBroken(403, "maintenance mode", down=True),
    GitLabBroken(200, "HTML", down=True),
    httpx.ConnectError("no route"),
    httpx.ConnectTimeout("no route"),
    httpx.ProxyError("no route"),
    httpx.ReadError("it hung up"),
    httpx.RemoteProtocolError("it hung up"),
]
PASSING = [
    GitLabBroken(500),
    GitLabBroken(409, "Resource lock"),
    GitLabBroken(408),
    GitLabBroken(425),
    GitLabBroken(200, "broken JSON"),
    httpx.DecodingError("garbled"),
    httpx.ReadTimeout("no answer"),
    TimeoutError("of the handler itself"),
    OutOfTime("it exceeded its time limit of 50 s"),
]
NEEDS_THE_OWNER = [
    NotRun("GitLab does not accept GL_ACCESS_TOKEN"),
    SettingsError(["set GL_URL"]),
    BadRequest(401),
    GraphQLAuthorizationFailure({"errors": [{"message": "Invalid token"}]}),
]
NOT_RETRYABLE = [
    BadRequest(400),
    BadRequest(403),
    BadRequest(409),
    InvalidField({"body": ["is too long"]}),
    ValueError("a bug"),
    SystemExit(1),
    asyncio.CancelledError(),
]


@pytest.mark.parametrize(
    ("error", "age", "tries", "seconds"),
    [
        (TryAgain(after=0.5), 0, 1, 0.5),
        (TryAgain(after=40_000), 12 * DAY, 899, 40_000),
        (TryAgain(after=-5), 0, 1, 0),
        (BadRequest(404), 0, 1, 10),
        (BadRequest(404), 59, 3, 60),
        (BadRequest(404), 60, 2, None),
        (GitLabBroken(500), 0, 0, 10),
        # Throttled receipts count as tries, though no handler ran.
        (GitLabBroken(500), 30 * MINUTE, 60, HOUR),
        (GitLabBroken(502), 80, 60, 10),
        (GitLabBroken(502), HOUR, 60, HOUR / 8),
        (GitLabBroken(502), 23 * HOUR, 60, 40 * MINUTE),
        # The task waited behind its group.
        (GitLabBroken(500), 5 * HOUR, 1, 10),
        (GitLabBroken(500), 5 * HOUR, 7, HOUR),
        (GitLabBroken(500), 5 * HOUR, 8, None),
        # SQS deletes a message after 14 days, and moves it after 1,000 receipts.
        *((error, 13 * DAY, 1, None) for error in (TryAgain(60), limited(60), GitLabBroken(502))),
        *((error, 0, 900, None) for error in (TryAgain(60), limited(60), GitLabBroken(502))),
        *((error, 0, 1, None) for error in NOT_RETRYABLE),
        # Of several errors, the worst decides.
        (group(TryAgain(after=5), GitLabBroken(502)), 0, 1, 10),
        (group(TryAgain(after=50), GitLabBroken(502)), 0, 1, 50),
        (group(limited(300), TryAgain(after=5)), 0, 1, 300),
        (group(group(TryAgain(after=5)), TryAgain(after=7)), 0, 1, 7),
        (group(GitLabBroken(502), ValueError("a bug")), 0, 1, None),
        (group(TryAgain(after=5), SystemExit(1)), 0, 1, None),
    ],
    ids=repr,
)
def test_pause(error: BaseException, age: float, tries: int, seconds: float | None) -> None:
    assert pause(error, tried(age, tries)) == seconds


def test_a_replayed_task_is_not_retried_after_404() -> None:
    assert pause(BadRequest(404), tried(age=1, delivery_age=61)) is None


@pytest.mark.parametrize(
    "error", [*GITLAB_IS_DOWN, *PASSING, TryAgain(after=1), limited(1), *NOT_RETRYABLE]
)
def test_a_task_with_an_unanswered_write_pauses_for_at_least_90_seconds(
    error: BaseException,
) -> None:
    seconds = pause(error, tried(unanswered_write=True))
    assert (seconds is None) if error in NOT_RETRYABLE else (seconds == 90)


@pytest.mark.parametrize(
    ("requested", "jitter", "seconds"),
    [(300, 0.0, 300), (300, 1.0, 375), (None, 0.0, 60), (None, 1.0, 75), (0, 0.0, 10)],
)
def test_rate_limited_tasks_are_retried_when_gitlab_asks_but_not_all_at_once(
    requested: float | None, jitter: float, seconds: float
) -> None:
    assert pause(limited(requested), tried(jitter=jitter)) == seconds


@pytest.mark.parametrize("jitter", [0.0, 1.0])
@pytest.mark.parametrize("requested", [None, 0.0, 1.0, 60.0, 3600.0])
def test_a_rate_limited_task_is_parked_after_a_day(requested: float | None, jitter: float) -> None:
    pauses, age = pauses_until_parked(limited(requested), jitter=jitter)
    assert DAY <= age < 1.3 * DAY
    assert len(pauses) < 90
    assert all(seconds >= max(requested or 0.0, 10.0) for seconds in pauses)


@pytest.mark.parametrize("error", GITLAB_IS_DOWN, ids=repr)
def test_a_task_is_parked_after_gitlab_is_down_for_a_day(error: BaseException) -> None:
    pauses, age = pauses_until_parked(error)
    assert DAY <= age < 1.1 * DAY
    assert pauses[0] == 10
    assert max(pauses) <= 40 * MINUTE
    assert len(pauses) < 90


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_a_task_is_parked_after_eight_passing_failures_in_two_hours(error: BaseException) -> None:
    pauses, age = pauses_until_parked(error)
    assert pauses == [10, 30, 60, 300, 900, 1800, 3600]
    assert age >= 110 * MINUTE


@pytest.mark.parametrize("after", [1, 30, 600])
def test_a_handler_may_ask_for_many_retries(after: float) -> None:
    pauses, _ = pauses_until_parked(TryAgain(after=after))
    assert len(pauses) == 899


@pytest.mark.parametrize("error", [UnknownHandler("no such handler"), MalformedTask("v 2")])
def test_a_task_of_another_version_is_retried_until_the_deployment_has_ended(
    error: BaseException,
) -> None:
    pauses, age = pauses_until_parked(error)
    assert pauses[0] == 10
    assert 10 * MINUTE <= age < 30 * MINUTE


@pytest.mark.parametrize("error", NEEDS_THE_OWNER)
def test_a_failure_that_needs_the_owners_action_is_retried_for_13_days(
    error: BaseException,
) -> None:
    pauses, age = pauses_until_parked(error)
    assert 13 * DAY <= age < 13.1 * DAY
    assert max(pauses) <= HOUR


@pytest.mark.parametrize("after", ["soon", None])
def test_try_again_refuses_a_delay_that_is_not_a_number(after: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        TryAgain(after=after)  # type: ignore[arg-type]
