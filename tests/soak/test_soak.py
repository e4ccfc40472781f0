"""The short form of `make soak`. SOAK_SEED repeats the choices of an earlier run."""

import os
import random
from collections.abc import Callable

from tests.soak.soak import soak


def test_no_delivery_is_lost_or_handled_twice(
    record_property: Callable[[str, object], None],
) -> None:
    seed = int(os.environ.get("SOAK_SEED") or random.randrange(1_000_000))
    record_property("figure", f"soak: seed {seed}, 200 deliveries")

    result = soak(200, seed)

    assert result.lost == []
    assert result.duplicated == []
    assert result.accepted == result.deliveries == 200
    assert result.counts["faults"].total() > 20
