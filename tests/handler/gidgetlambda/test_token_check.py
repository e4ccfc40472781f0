import datetime
import io
import json
from typing import Any

import httpx
import pytest
from gidgetlambda.logs import Reporter
from gidgetlambda.metrics import Metrics
from gidgetlambda.redactor import Redactor
from gidgetlambda.token_check import TokenCheck

from tests.handler.apis import ScriptedGitLab, answer

pytestmark = pytest.mark.anyio


def in_days(days: int) -> str:
    return (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days)).isoformat()


class CheckedToken:
    """A token check with its metrics."""

    def __init__(self) -> None:
        self._written = io.StringIO()
        self.check = TokenCheck(Reporter(Redactor([]), Metrics("Bots", self._written)))

    @property
    def days_left(self) -> list[int]:
        return [json.loads(one)["TokenDaysLeft"] for one in self._written.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("given", "days_left", "warns"),
    [
        (answer(data={"expires_at": in_days(365)}), [365], False),
        (answer(data={"expires_at": in_days(14)}), [14], False),
        (answer(data={"expires_at": in_days(13)}), [13], True),
        (answer(data={"expires_at": in_days(0)}), [0], True),
        (answer(data={"expires_at": None}), [], False),
        (answer(data={"expires_at": "soon"}), [], False),
        (answer(data={}), [], False),
        (answer(data=[]), [], False),
        (answer(401), [], False),
        (answer(403), [], False),
        (answer(404), [], False),
        (answer(422), [], False),
        (answer(500), [], False),
        (httpx.Response(200, text="<html>", headers={"content-type": "text/html"}), [], False),
        (httpx.ReadError("reset"), [], False),
    ],
    ids=repr,
)
async def test_reports_the_days_that_are_left(
    given: Any, days_left: list[int], warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    checked, gitlab = CheckedToken(), ScriptedGitLab(given)
    await checked.check.run(gitlab.api, time_limit=0.6)
    assert checked.days_left == days_left
    assert {request.url.path for request in gitlab.requests} == {
        "/api/v4/personal_access_tokens/self"
    }
    assert ["replace it" in one.message for one in caplog.records] == [True] * warns


async def test_checks_once_a_day_and_only_with_enough_time() -> None:
    checked, gitlab = CheckedToken(), ScriptedGitLab(answer(data={"expires_at": in_days(20)}))
    for time_limit, requests in ((0.4, 0), (10.0, 1), (10.0, 1)):
        await checked.check.run(gitlab.api, time_limit=time_limit)
        assert len(gitlab.requests) == requests
    checked.check._checked = datetime.date(2026, 1, 1)
    await checked.check.run(gitlab.api, time_limit=10.0)
    assert checked.days_left == [20, 20]
