import datetime

import pytest
from gidgetlambda.rate_limit import RateLimit

SPENT = {"ratelimit-limit": "10", "ratelimit-remaining": "0", "ratelimit-reset": "1744578183"}


def test_a_rate_limit() -> None:
    headers = SPENT | {"ratelimit-limit": "2000", "ratelimit-remaining": "1234"}
    rate_limit = RateLimit.from_http(headers)
    assert rate_limit is not None
    assert (rate_limit.limit, rate_limit.remaining) == (2000, 1234)
    assert rate_limit.reset_datetime == datetime.datetime.fromtimestamp(1744578183, datetime.UTC)
    assert str(rate_limit) == "< 1,234/2,000 until 2025-04-13 21:03:03+00:00 >"


def test_a_rate_limit_is_true_while_a_request_can_be_made() -> None:
    future = datetime.datetime.now(datetime.UTC).timestamp() + 3600
    assert RateLimit(limit=1, remaining=1, reset_epoch=future)
    assert not RateLimit(limit=1, remaining=0, reset_epoch=future)
    assert RateLimit(limit=1, remaining=0, reset_epoch=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"ratelimit-limit": "many"},
        {"ratelimit-remaining": ""},
        {"ratelimit-reset": "nan"},
        {"ratelimit-reset": "inf"},
        {"ratelimit-reset": "1e30"},
    ],
)
def test_a_malformed_rate_limit_is_none(changes: dict[str, str]) -> None:
    assert RateLimit.from_http(SPENT | changes) is None


def test_an_answer_that_tells_nothing_of_it() -> None:
    assert RateLimit.from_http({}) is None
