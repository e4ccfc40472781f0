import time

import pytest

from infra.testing.clock import Clock


def test_it_is_the_real_time_and_what_was_skipped() -> None:
    clock = Clock()
    before = time.time()
    clock.advance(3600)

    assert 3600 <= clock.now() - before < 3660
    assert clock.skipped == 3600


def test_it_is_moved_to_a_moment_and_never_back() -> None:
    clock = Clock()
    moment = clock.now() + 100
    clock.advance_to(moment)
    assert clock.now() >= moment

    clock.advance_to(moment - 50)
    assert clock.now() >= moment
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)


def test_a_moment_is_as_long_ago_for_the_machine_as_for_the_clock() -> None:
    clock = Clock()
    moment = clock.now()
    clock.advance(1000)

    assert 1000 <= time.time() - clock.real(moment) < 1060
