"""The worker's table, row by row, as a function of error, age and tries."""

import asyncio
from collections.abc import Callable

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
from gidgetlambda.retries import DAY, HOUR, MINUTE, Try, pause

MAX_RECEIVES = 100  # after which SQS moves a message by itself


def limited(retry_after: float | None = None) -> RateLimitExceeded:
    return RateLimitExceeded(None, status_code=429, retry_after=retry_after)


def once(
    error: BaseException,
    *,
    age: float = 0.0,
    tries: int = 1,
    unanswered_write: bool = False,
    jitter: float = 0.0,
) -> float | None:
    return pause(error, Try(age, tries, unanswered_write, jitter))


def lives(error: BaseException, *, jitter: float = 0.0) -> tuple[list[float], float]:
    """The pauses of a task that fails in the same way until it is parked, and its age then."""
    pauses: list[float] = []
    age = 0.0
    while (seconds := once(error, age=age, tries=len(pauses) + 1, jitter=jitter)) is not None:
        pauses.append(seconds)
        age += seconds
        assert len(pauses) < MAX_RECEIVES, "SQS would have moved it without its reason"
    return pauses, age


GITLAB_IS_AWAY = [
    GitLabBroken(500),
    GitLabBroken(502),
    httpx.ConnectError("no route"),
    httpx.DecodingError("garbled"),
    httpx.ReadTimeout("no answer"),
    httpx.RemoteProtocolError("it hung up"),
    OutOfTime("it ran out of its 57 s"),
]


@pytest.mark.parametrize("after", [0.5, 60, 40_000])
def test_try_again_is_tried_after_as_long_as_it_says(after: float) -> None:
    assert once(TryAgain(after=after)) == after
    assert once(TryAgain(after=after), age=12 * DAY, tries=89) == after


def test_try_again_in_the_past_is_at_once() -> None:
    assert once(TryAgain(after=-5)) == 0


@pytest.mark.parametrize("after", ["soon", None])
def test_try_again_after_nothing_that_is_a_number_is_the_handlers_bug(after: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        TryAgain(after=after)  # type: ignore[arg-type]


def test_a_rate_limit_waits_for_as_long_as_gitlab_asks() -> None:
    assert once(limited(300)) == 300


def test_a_rate_limit_without_a_time_waits_a_minute_at_least() -> None:
    assert once(limited()) == 60
    assert once(limited(), jitter=0.999) == pytest.approx(75, abs=0.1)


def test_tasks_that_were_turned_away_together_do_not_come_back_together() -> None:
    waits = {once(limited(30), jitter=jitter / 10) for jitter in range(10)}

    assert len(waits) == 10
    assert min(wait for wait in waits if wait is not None) >= 30


@pytest.mark.parametrize("jitter", [0.0, 1.0])
@pytest.mark.parametrize("asked", [None, 0.0, 1.0, 60.0, 3600.0])
def test_a_rate_limited_task_is_parked_only_after_a_day(asked: float | None, jitter: float) -> None:
    pauses, age = lives(limited(asked), jitter=jitter)

    assert DAY <= age < 1.3 * DAY
    assert len(pauses) < 90
    assert all(wait >= max(asked or 0.0, 10.0) for wait in pauses)


@pytest.mark.parametrize("error", GITLAB_IS_AWAY)
def test_while_gitlab_is_away_pauses_grow_and_end_after_eight_tries_in_two_hours(
    error: BaseException,
) -> None:
    pauses, age = lives(error)

    assert pauses == [10, 30, 60, 300, 900, 1800, 3600]
    assert age >= 110 * MINUTE


@pytest.mark.parametrize("error", GITLAB_IS_AWAY)
def test_a_young_task_is_not_parked_however_often_it_was_handed_out(
    error: BaseException,
) -> None:
    # Throttled receives count as tries, though no handler ran.
    assert once(error, age=30 * MINUTE, tries=60) == HOUR


@pytest.mark.parametrize("error", GITLAB_IS_AWAY)
def test_an_old_task_is_not_parked_at_its_first_tries(error: BaseException) -> None:
    # It waited behind its group for hours.
    assert once(error, age=5 * HOUR, tries=1) == 10
    assert once(error, age=5 * HOUR, tries=7) == HOUR
    assert once(error, age=5 * HOUR, tries=8) is None


@pytest.mark.parametrize("error", [*GITLAB_IS_AWAY, TryAgain(after=1), limited(1)])
def test_a_write_whose_answer_never_came_waits_until_gitlab_cannot_commit_it_any_more(
    error: BaseException,
) -> None:
    seconds = once(error, unanswered_write=True)

    assert seconds is not None
    assert seconds >= 90


def test_a_404_may_heal_within_a_minute_of_the_delivery() -> None:
    assert once(BadRequest(404), age=0) == 10
    assert once(BadRequest(404), age=59, tries=3) == 60
    assert once(BadRequest(404), age=60, tries=2) is None


@pytest.mark.parametrize(
    "error",
    [
        BadRequest(400),
        BadRequest(403),
        BadRequest(409),
        InvalidField({"body": ["is too long"]}),
        ValueError("a bug"),
        AttributeError("a bug"),
        SystemExit(1),
        asyncio.CancelledError(),
        TimeoutError("the handler's own"),
    ],
)
def test_what_cannot_heal_is_parked_at_once(error: BaseException) -> None:
    assert once(error) is None
    assert once(error, unanswered_write=True) is None


@pytest.mark.parametrize("error", [UnknownHandler("no such handler"), MalformedTask("v 2")])
def test_what_this_version_does_not_know_waits_for_the_deployment_to_end(
    error: BaseException,
) -> None:
    pauses, age = lives(error)

    assert pauses[0] == 10
    assert 10 * MINUTE <= age < 30 * MINUTE


@pytest.mark.parametrize(
    "error",
    [
        NotRun("GitLab does not accept GL_ACCESS_TOKEN"),
        SettingsError(["set GL_URL"]),
        BadRequest(401),
        GraphQLAuthorizationFailure({"errors": [{"message": "Invalid token"}]}),
    ],
)
def test_what_waits_for_the_owner_is_parked_just_before_sqs_would_forget_it(
    error: BaseException,
) -> None:
    pauses, age = lives(error)

    assert 13 * DAY <= age < 13.5 * DAY
    assert max(pauses) <= 5 * HOUR


@pytest.mark.parametrize("error", [TryAgain(after=60), limited(60), GitLabBroken(502)])
def test_no_task_is_left_for_sqs_to_forget_or_to_move_without_its_reason(
    error: BaseException,
) -> None:
    assert once(error, age=13 * DAY) is None
    assert once(error, tries=90) is None


def group(*errors: Exception) -> BaseException:
    return ExceptionGroup("several", errors)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (group(TryAgain(after=5), GitLabBroken(502)), 10),
        (group(TryAgain(after=50), GitLabBroken(502)), 50),
        (group(limited(300), TryAgain(after=5)), 300),
        (group(GitLabBroken(502), ValueError("a bug")), None),
        (group(group(TryAgain(after=5)), TryAgain(after=7)), 7),
    ],
)
def test_of_several_errors_the_worst_decides(error: BaseException, seconds: float | None) -> None:
    assert once(error) == seconds


@pytest.mark.parametrize("make", [limited, lambda: GitLabBroken(500), lambda: TryAgain(0)])
def test_no_pause_is_negative(make: Callable[[], BaseException]) -> None:
    seconds = once(make(), tries=0)

    assert seconds is not None
    assert seconds >= 0
