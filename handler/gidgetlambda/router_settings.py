"""Router settings: an instance of a frozen dataclass with defaults, checked by type.

Python checks no types at run time, so that a wrong one would first show in front of a user: a label
`3`, or each character of a text as a label. This module performs no I/O.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing
from typing import Any, Literal, Union, get_args, get_origin


def require_settings(settings: Any) -> None:
    """Check a router's settings.

    Args:
        settings: An instance of a frozen dataclass whose fields all have defaults.

    Raises:
        TypeError: `settings` is something else, or a value does not fit its field's annotation.
    """
    if not dataclasses.is_dataclass(settings) or isinstance(settings, type):
        raise TypeError(f"settings must be an instance of a dataclass, not {settings!r}")
    kind = type(settings)
    if not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise TypeError(f"{kind.__name__} must be frozen: @dataclass(frozen=True)")
    hints = _hints(kind)
    for field in dataclasses.fields(settings):
        if field.default is field.default_factory is dataclasses.MISSING:
            raise TypeError(f"{kind.__name__}.{field.name} must have a default")
        hint, value = hints.get(field.name, Any), getattr(settings, field.name)
        if not _fits(value, hint):
            raise TypeError(f"the setting {field.name} must be {_describe(hint)}, not {value!r}")


def changed_settings(settings: Any, changes: dict[str, Any]) -> Any:
    """Return the settings with some values changed.

    Args:
        settings: The router's settings, `None` if it has none.
        changes: New values by the names of the settings.

    Raises:
        TypeError: The router has no setting of that name.
    """
    known = [] if settings is None else [field.name for field in dataclasses.fields(settings)]
    for name in changes:
        if name not in known:
            raise TypeError(
                f"this router has no setting {name!r}; it has {', '.join(known) or 'none'}"
            )
    return dataclasses.replace(settings, **changes) if changes else settings


def _hints(kind: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except (NameError, TypeError, AttributeError):  # an annotation that only type checkers know
        return {}


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value fits an annotation; every value fits one that is unknown here."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if hint is None:
        return value is None
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in arguments)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in arguments)
    kind = origin or hint
    if not isinstance(kind, type):
        return True
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    try:
        if not isinstance(value, kind):
            return False
    except TypeError:  # a protocol, a generic class
        return True
    return not arguments or _contents_fit(value, kind, arguments)


def _contents_fit(value: Any, kind: type, arguments: tuple[Any, ...]) -> bool:
    if issubclass(kind, tuple) and arguments[-1] is not ...:
        pairs = zip(value, arguments, strict=False)
        return len(value) == len(arguments) and all(_fits(one, hint) for one, hint in pairs)
    if issubclass(kind, collections.abc.Mapping) and len(arguments) == 2:
        key, content = arguments
        return all(_fits(k, key) and _fits(v, content) for k, v in value.items())
    if isinstance(value, str | bytes):  # a text is a sequence of texts, and never meant as one
        return False
    if issubclass(kind, collections.abc.Collection):
        return all(_fits(one, arguments[0]) for one in value)
    return True


def _describe(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
