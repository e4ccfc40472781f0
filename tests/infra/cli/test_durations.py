"""Spans of time, as they are typed and as they are told."""

import pytest
import typer

from infra.cli import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("3d", 259_200),
        ("1w", 604_800),
        ("1d12h", 129_600),
        ("1d 12h", 129_600),
        ("1.5H", 5400),
    ],
)
def test_spans_are_read(text: str, seconds: float) -> None:
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2 hours", "-2h", "2h ago", "٣d", "1e3s"])
def test_what_is_no_span_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write 90s, 30m, 2h, 3d or 1w"):
        durations.seconds(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3600, "1h"),
        (3700, "1h 1m"),
        (86_400, "1d"),
        (90_061, "1d 1h"),
        (86_460, "1d"),
    ],
)
def test_spans_are_told_in_their_largest_units(seconds: float, text: str) -> None:
    assert durations.span(seconds) == text


def test_moments_are_told_in_utc() -> None:
    assert durations.moment(1_795_348_800.9) == "2026-11-22T12:00:00Z"
    assert durations.minute(1_795_348_800.9) == "2026-11-22 12:00"
