"""Times, as a user types and reads them."""

import time

import pytest
import typer

from infra.cli.times import ago, timestamp


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1w", 604_800), ("1d 12h", 129_600), ("1.5H", 5400)],
)
def test_reads_durations(text: str, seconds: float) -> None:
    assert time.time() - ago(text) == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize("text", ["", "2", "h", "2 hours", "-2h", "2h ago", "٣d", "1e3s"])
def test_rejects_other_texts(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write 90s, 30m, 2h, 3d or 1w"):
        ago(text)


def test_prints_timestamps_in_utc() -> None:
    assert timestamp(1_795_348_800.9) == "2026-11-22T12:00:00Z"
