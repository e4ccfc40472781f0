"""Spans and points of time, as the commands read and print them."""

import re
from datetime import UTC, datetime

import typer

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def seconds(text: str) -> float:
    """A span of time as it is typed ("90s", "2h", "1d12h"), in seconds.

    Raises `typer.BadParameter` for anything else.
    """
    compact = text.replace(" ", "").lower()
    if not _SPAN.fullmatch(compact):
        raise typer.BadParameter(f"{text!r} is no span of time: write 90s, 30m, 2h, 3d or 1w")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(compact))


def span(length: float) -> str:
    """A span of time in its two largest units: "3d 4h", "12m".

    length: in seconds; less than none counts as none.
    """
    left = max(0, round(length))
    if left < 60:
        return f"{left}s"
    parts: list[str] = []
    for unit in ("d", "h", "m"):
        count, left = divmod(left, _UNITS[unit])
        if count or parts:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]).removesuffix(" 0h").removesuffix(" 0m")


def moment(at: float) -> str:
    """A point of time in seconds since the epoch, in ISO 8601 and UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def minute(at: float) -> str:
    """A point of time in seconds since the epoch as a person reads it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
