import datetime

import pytest
from gidgetlambda.rate_limit import RateLimit

HEADERS = {
    "ratelimit-limit": "2000",
    "ratelimit-remaining": "1234",
    "ratelimit-reset": "1744578183",
}


def test_reads_the_headers() -> None:
    rate_limit = RateLimit.from_http(HEADERS)
    assert rate_limit is not None
    assert (rate_limit.limit, rate_limit.remaining) == (2000, 1234)
    assert rate_limit.reset_datetime == datetime.datetime.fromtimestamp(1744578183, datetime.UTC)
    assert str(rate_limit) == "< 1,234/2,000 until 2025-04-13 21:03:03+00:00 >"


def test_is_true_while_a_request_can_be_made() -> None:
    future = datetime.datetime.now(datetime.UTC).timestamp() + 3600
    assert RateLimit(limit=1, remaining=1, reset_epoch=future)
    assert not RateLimit(limit=1, remaining=0, reset_epoch=future)
    assert RateLimit(limit=1, remaining=0, reset_epoch=0)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        HEADERS | {"ratelimit-limit": "many"},
        HEADERS | {"ratelimit-remaining": ""},
        HEADERS | {"ratelimit-reset": "nan"},
        HEADERS | {"ratelimit-reset": "inf"},
        HEADERS | {"ratelimit-reset": "1e30"},
    ],
)
def test_missing_or_malformed_headers_are_none(headers: dict[str, str]) -> None:
    assert RateLimit.from_http(headers) is None
