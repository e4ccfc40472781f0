"""The short form of `make soak`."""

from tests.soak.soak import soak


def test_nothing_is_lost_and_nothing_is_done_twice() -> None:
    account = soak(200)

    assert account.lost == []
    assert account.duplicated == []
    assert account.accepted == account.deliveries == 200
    assert account.faults.total() > 20
