"""The parameters of an API request in its query, JSON or form, with GitLab's error messages."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from .errors import ApiError, invalid

_FLAGS = {
    **dict.fromkeys(("true", "1", "t", "on", "yes"), True),
    **dict.fromkeys(("false", "0", "f", "off", "no"), False),
}

_T = TypeVar("_T")
_D = TypeVar("_D")


class Params:
    """The parameters of a request.

    Each method converts a parameter to its documented type, treats `null` as a missing one, and
    raises ApiError for an invalid value.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        self._read.add(name)
        return name in self.values

    @property
    def unread(self) -> list[str]:
        """The names of the given parameters that no endpoint asked for."""
        return sorted(self.values.keys() - self._read)

    def text(self, name: str) -> str | None:
        return self._converted(name, _text, None)

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise invalid(name, "is missing")
        return value

    def choice(self, name: str, values: Iterable[str], default: str) -> str:
        value = self._converted(name, _text, default)
        if value not in values:
            raise invalid(name, "does not have a valid value")
        return value

    def number(self, name: str, default: int) -> int:
        return self._converted(name, int, default)

    def moment(self, name: str) -> datetime | None:
        """Return a time; GitLab takes one without a zone for UTC."""
        return self._converted(name, _moment, None)

    def day(self, name: str) -> date | None:
        """Return a date; an empty text stands for none."""
        return self._converted(
            name, lambda value: date.fromisoformat(_text(value)) if value != "" else None, None
        )

    def flag(self, name: str, default: _D) -> bool | _D:
        return self._converted(name, lambda value: _FLAGS[str(value).lower()], default)

    def names(self, name: str) -> tuple[str, ...] | None:
        """Return names (labels) from a list, or from a string in which commas separate them."""
        return self._converted(name, lambda value: tuple(map(_text, _list(value))), None)

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """Return numbers (user ids) from a list, or from a string with commas."""
        return self._converted(name, lambda value: tuple(map(int, _list(value))), None)

    def _converted(self, name: str, convert: Callable[[Any], _T], default: _D) -> _T | _D:
        self._read.add(name)
        value = self.values.get(name)
        try:
            return default if value is None else convert(value)
        except (KeyError, TypeError, ValueError):
            raise invalid(name) from None


def read(query: str, content_type: str, body: bytes) -> Params:
    """Return the parameters of a request; those in the body take precedence.

    Raises:
        ApiError: The body cannot be read.
    """
    values = _pairs(query)
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        return Params(values)
    if kind == "application/json":
        return Params(values | _json(body))
    if kind in ("application/x-www-form-urlencoded", ""):
        return Params(values | _pairs(body.decode(errors="replace")))
    raise ApiError(415, {"error": f"The provided content-type '{kind}' is not supported."})


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
        if b"\\u" in body:
            # GitLab cannot store an unpaired surrogate.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = ()
    if value is None:  # as without a body
        return {}
    if not isinstance(value, dict):
        raise ApiError(400, {"error": "message body does not match declared format"})
    return value


def _pairs(text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name.endswith("[]"):
            values.setdefault(name[:-2], []).append(value)
        else:
            values[name] = value
    return values


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise TypeError("neither a string nor a number")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moment(value: Any) -> datetime:
    time = datetime.fromisoformat(_text(value))
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _list(value: Any) -> list[Any]:
    listed = value if isinstance(value, list) else _text(value).split(",")
    stripped = [each.strip() if isinstance(each, str) else each for each in listed]
    return [each for each in stripped if each != ""]
