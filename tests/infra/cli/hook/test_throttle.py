"""Throttle: so many in a minute, and not one more."""

import pytest

from infra.cli.hook.throttle import MINUTE, Throttle

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def test_no_more_than_the_limit_pass_in_any_minute() -> None:
    clock, passed = Clock(), []
    throttle = Throttle(5, clock=clock, sleep=clock.sleep)
    for _ in range(23):
        async with throttle.turn():
            passed.append(clock.now)
            clock.now += 1.5  # what the request takes
    for first, sixth in zip(passed, passed[5:], strict=False):
        assert sixth - first >= MINUTE
    assert len(clock.slept) == 4


async def test_a_pause_between_requests_counts() -> None:
    clock = Clock()
    throttle = Throttle(1, clock=clock, sleep=clock.sleep)
    async with throttle.turn():
        pass
    clock.now += MINUTE
    async with throttle.turn():
        pass
    assert clock.slept == []


async def test_a_request_that_failed_counts_as_well() -> None:
    clock, told = Clock(), []
    throttle = Throttle(1, clock=clock, sleep=clock.sleep, waiting=told.append)
    with pytest.raises(OSError, match="broken"):
        async with throttle.turn():
            raise OSError("broken")
    async with throttle.turn():
        pass
    assert clock.slept == told == [MINUTE]
