"""Times, as the commands read and print them."""

import re
import time
from datetime import UTC, datetime

import typer

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+", re.ASCII)
_PART = re.compile(r"([\d.]+)([smhdw])")


def ago(text: str) -> float:
    """The Unix time that lies a duration such as "90s", "2h" or "1d12h" in the past.

    Raises:
        typer.BadParameter: the text is not a duration.
    """
    compact = text.replace(" ", "").lower()
    if not _DURATION.fullmatch(compact):
        raise typer.BadParameter(f"{text!r} is not a duration: write 90s, 30m, 2h, 3d or 1w")
    parts = _PART.findall(compact)
    return time.time() - sum(float(number) * _UNITS[unit] for number, unit in parts)


def timestamp(at: float) -> str:
    """A Unix time in ISO 8601 and UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
