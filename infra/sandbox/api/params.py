"""The parameters of an API request, from its query, JSON or form, with GitLab's complaints."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

_TRUE = {True, "true", "1", "t", "on", "yes"}
_FALSE = {False, "false", "0", "f", "off", "no"}


class ParamsError(Exception):
    """What a request says cannot be taken; the message is GitLab's, `status` the answer's."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Params:
    """Parameters by name, taken with the type that the API wants."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    @property
    def values(self) -> dict[str, Any]:
        return self._values

    def text(self, name: str) -> str | None:
        """A string, or `None` if missing or null. Raises ParamsError for lists and objects."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str | int | float):
            raise ParamsError(f"{name} is invalid")
        return str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise ParamsError(f"{name} is missing")
        return value

    def choice(self, name: str, values: Iterable[str], default: str) -> str:
        value = self.text(name)
        if value is None:
            return default
        if value not in values:
            raise ParamsError(f"{name} does not have a valid value")
        return value

    def number(self, name: str, default: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        try:
            return int(value)
        except ValueError:
            raise ParamsError(f"{name} is invalid") from None

    def flag(self, name: str) -> bool | None:
        value = self._values.get(name)
        if value is None:
            return None
        hashable = value.lower() if isinstance(value, str) else value
        if isinstance(hashable, list | dict):
            raise ParamsError(f"{name} is invalid")
        if hashable in _TRUE:
            return True
        if hashable in _FALSE:
            return False
        raise ParamsError(f"{name} is invalid")

    def names(self, name: str) -> tuple[str, ...] | None:
        """Names in a list, or in one string with commas (labels); `None` if missing."""
        value = self._values.get(name)
        if value is None:
            return None
        listed = value.split(",") if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise ParamsError(f"{name} is invalid")
        return tuple(each.strip() for each in listed if each.strip())

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """Numbers in a list, or in one string with commas (user ids); `None` if missing."""
        value = self._values.get(name)
        if value is None:
            return None
        listed = value.split(",") if isinstance(value, str) else value
        if isinstance(listed, int):
            listed = [listed]
        if not isinstance(listed, list):
            raise ParamsError(f"{name} is invalid")
        try:
            return tuple(int(each) for each in listed if str(each).strip())
        except (TypeError, ValueError):
            raise ParamsError(f"{name} is invalid") from None


def read(query: str, content_type: str, body: bytes) -> Params:
    """Parameters of a request; those in the body win. Raises ParamsError if it cannot be read."""
    values = _pairs(query)
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        return Params(values)
    if kind == "application/json":
        return Params(values | _json(body))
    if kind in ("application/x-www-form-urlencoded", ""):
        return Params(values | _pairs(body.decode(errors="replace")))
    raise ParamsError(f"The provided content-type '{kind}' is not supported.", 415)


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
        if b"\\u" in body:
            # Half of a surrogate pair is no text that GitLab could store.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ParamsError("message body does not match declared format") from None
    if not isinstance(value, dict):
        raise ParamsError("message body does not match declared format")
    return value


def _pairs(text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name.endswith("[]"):
            values.setdefault(name[:-2], []).append(value)
        else:
            values[name] = value
    return values
