"""The parameters of an API request, from its query, JSON or form, with GitLab's error messages."""

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from .errors import ApiError, invalid

_FLAGS = {
    **dict.fromkeys(("true", "1", "t", "on", "yes"), True),
    **dict.fromkeys(("false", "0", "f", "off", "no"), False),
}

_T = TypeVar("_T")


class Params:
    """Parameters by name, converted to the type that the API documents.

    A missing parameter and `null` are `None`. Every method raises ApiError for a value of the
    wrong type.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str | None:
        return self._converted(name, _text)

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise invalid(name, "is missing")
        return value

    def choice(self, name: str, values: Iterable[str], default: str) -> str:
        value = self.text(name)
        if value is not None and value not in values:
            raise invalid(name, "does not have a valid value")
        return default if value is None else value

    def number(self, name: str, default: int) -> int:
        value = self._converted(name, int)
        return default if value is None else value

    def flag(self, name: str) -> bool | None:
        return self._converted(name, lambda value: _FLAGS[str(value).lower()])

    def names(self, name: str) -> tuple[str, ...] | None:
        """Names in a list, or in one string separated by commas (labels)."""
        return self._converted(name, lambda value: tuple(map(_text, _list(value))))

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """Numbers in a list, or in one string separated by commas (user ids)."""
        return self._converted(name, lambda value: tuple(map(int, _list(value))))

    def _converted(self, name: str, convert: Callable[[Any], _T]) -> _T | None:
        value = self.values.get(name)
        try:
            return None if value is None else convert(value)
        except (KeyError, TypeError, ValueError):
            raise invalid(name) from None


def read(query: str, content_type: str, body: bytes) -> Params:
    """The parameters of a request; those in the body take precedence.

    Raises:
        ApiError: the body cannot be read.
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
            # GitLab cannot store half of a surrogate pair.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = None
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


def _list(value: Any) -> list[Any]:
    listed = value if isinstance(value, list) else _text(value).split(",")
    stripped = [each.strip() if isinstance(each, str) else each for each in listed]
    return [each for each in stripped if each != ""]
