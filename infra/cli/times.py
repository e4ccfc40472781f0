"""Times, as the commands read and print them."""

import re
import time
from datetime import UTC, datetime

import typer

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)


def ago(text: str) -> float:
    """Return the Unix time that lies a duration such as "90s", "2h" or "1d12h" in the past.

    Raises:
        typer.BadParameter: The text is not a duration.
    """
    compact = text.replace(" ", "").lower()
    if not compact or _PART.sub("", compact):
        raise typer.BadParameter(f"{text!r} is not a duration: write 90s, 30m, 2h, 3d or 1w")
    parts = _PART.findall(compact)
    return time.time() - sum(float(number) * _SECONDS[unit] for number, unit in parts)


def timestamp(at: float) -> str:
    """Format a Unix time in ISO 8601 and UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
