"""The parameters of an API request, from its query, JSON or form, with GitLab's error messages."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from .errors import ApiError, invalid

_FLAGS = {
    **dict.fromkeys((True, "true", "1", "t", "on", "yes"), True),
    **dict.fromkeys((False, "false", "0", "f", "off", "no"), False),
}


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
        value = self.values.get(name)
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str | int | float | None):
            raise invalid(name)
        return None if value is None else str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise invalid(name, "is missing")
        return value

    def choice(self, name: str, values: Iterable[str], default: str) -> str:
        value = self.text(name)
        if value is None:
            return default
        if value not in values:
            raise invalid(name, "does not have a valid value")
        return value

    def number(self, name: str, default: int) -> int:
        value = self.text(name)
        try:
            return default if value is None else int(value)
        except ValueError:
            raise invalid(name) from None

    def flag(self, name: str) -> bool | None:
        value = self.values.get(name)
        try:
            return (
                None
                if value is None
                else _FLAGS[value.lower() if isinstance(value, str) else value]
            )
        except (KeyError, TypeError):
            raise invalid(name) from None

    def names(self, name: str) -> tuple[str, ...] | None:
        """Names in a list, or in one string separated by commas (labels)."""
        listed = self._list(name)
        if listed is None:
            return None
        if not all(isinstance(each, str) for each in listed):
            raise invalid(name)
        return tuple(each.strip() for each in listed if each.strip())

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """Numbers in a list, or in one string separated by commas (user ids)."""
        listed = self._list(name)
        try:
            return (
                None if listed is None else tuple(int(each) for each in listed if str(each).strip())
            )
        except (TypeError, ValueError):
            raise invalid(name) from None

    def _list(self, name: str) -> list[Any] | None:
        value = self.values.get(name)
        if isinstance(value, str | int):
            return str(value).split(",")
        if not isinstance(value, list | None):
            raise invalid(name)
        return value


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
