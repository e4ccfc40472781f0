"""Registration: the checks of a handler and its conditions when they are registered.

A mistake is reported when the bot is imported, with its remedy, and not when the first event
arrives. This module performs no I/O.
"""

from __future__ import annotations

import functools
import inspect
import sys
from pathlib import PurePath
from re import Pattern
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def handler_name(func: Any, router_name: str | None) -> str:
    """Return the name of a handler that is registered without `name=`.

    Args:
        func: The handler.
        router_name: The name of its router, if the router has one.

    Returns:
        `<router name>.<function>`, else `module:qualname`. The module of a script is named
        after its file, so that `python handler/bot.py` and Lambda give a handler the same name.
    """
    inner = _layers(func)[-1]
    if not hasattr(inner, "__qualname__"):
        inner = type(inner)
    qualname: str = inner.__qualname__
    if router_name is not None:
        return f"{router_name}.{qualname.rpartition('<locals>.')[2]}"
    module: str = inner.__module__
    if module == "__main__":
        file = getattr(sys.modules[module], "__file__", None)
        module = PurePath(file).stem if file else module
    return f"{module}:{qualname}"


def function_key(func: Any) -> Any:
    """Return a key that identifies a function: a bound method is a new object at each access."""
    if inspect.ismethod(func):
        return id(func.__self__), id(func.__func__)
    return id(func)


def takes_settings(func: Any) -> bool:
    """Return whether a handler has a parameter named `settings`."""
    try:
        parameter = inspect.signature(func).parameters.get("settings")
    except (TypeError, ValueError):
        return False
    return parameter is not None and parameter.kind in (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )


def require_handler(func: Any, *, has_settings: bool) -> None:
    """Check that a handler can be called with an event and `gl`, and awaited.

    Args:
        func: The handler.
        has_settings: Whether its router has settings to pass on.

    Raises:
        TypeError: The handler cannot be registered.
    """
    if not callable(func):
        raise TypeError(f"a handler must be an `async def` function, not {func!r}")
    name = handler_name(func, None)
    if isinstance(func, type):
        raise TypeError(f"the handler {name} is a class: register an instance of it")
    if any(inspect.isasyncgenfunction(layer) for layer in _layers(func)):
        raise TypeError(f"the handler {name} yields: a handler is awaited and must not `yield`")
    if not any(is_async(layer) for layer in _layers(func)):
        function = name.rpartition(":")[2]
        raise TypeError(f"the handler {name} is a plain `def`: write `async def {function}`")
    _require_parameters(func, name, has_settings)


def require_event_types(event_types: tuple[Any, ...]) -> None:
    """Check the positional arguments of `register`.

    Raises:
        TypeError: No event type is given, or one is not a text.
    """
    example = '@router.register("Issue Hook")'
    if not event_types:
        raise TypeError(f"register needs an event type: {example}")
    for event_type in event_types:
        if callable(event_type):
            raise TypeError(f"register was used without an event type: write {example}")
        if not isinstance(event_type, str):
            raise TypeError(f"an event type must be a text like 'Issue Hook', not {event_type!r}")


def require_conditions(filters: Mapping[str, Any], when: object, from_self: object) -> None:
    """Check the conditions of a route.

    Raises:
        TypeError: A condition has a wrong type.
    """
    if when is not None and not callable(when):
        raise TypeError(f"`when` must be a predicate on the event, not {when!r}")
    if any(is_async(layer) for layer in _layers(when)):
        raise TypeError("`when` must be a plain function: it is called before any handler runs")
    if not isinstance(from_self, bool):
        raise TypeError(f"`from_self` must be True or False, not {from_self!r}")
    for name, wanted in filters.items():
        if isinstance(wanted, Pattern) and not isinstance(wanted.pattern, str):
            raise TypeError(f"the filter {name} must be a pattern of text, not of bytes")


def require_name(name: object, argument: str) -> None:
    """Check a `name=` or `formerly=` argument.

    Raises:
        TypeError: The argument is neither `None` nor a non-empty text.
    """
    if name is not None and not (isinstance(name, str) and name):
        raise TypeError(f"`{argument}` must be a non-empty text, not {name!r}")


def _require_parameters(func: Any, name: str, has_settings: bool) -> None:
    try:
        signature = inspect.signature(func)
    except (TypeError, ValueError):  # some callables written in C have no signature
        return
    expected = f"write `async def {name.rpartition(':')[2]}(event: Event, gl: GitLabAPI) -> None`"
    wants_settings = takes_settings(func)
    settings = signature.parameters.get("settings")
    if wants_settings and not has_settings and settings and settings.default is settings.empty:
        raise TypeError(
            f"the handler {name} has a parameter `settings`, but its router has no settings: "
            "create it with Router(settings=Settings())"
        )
    try:
        signature.bind(None, None, **({"settings": None} if wants_settings else {}))
    except TypeError as error:
        raise TypeError(
            f"the handler {name} cannot be called with an event and gl ({error}): {expected}"
        ) from None


def _layers(func: Any) -> list[Any]:
    """Return a callable and all that it wraps (partials, `functools.wraps`), outermost first."""
    layers = [func]
    while True:
        inner = layers[-1]
        inner = inner.func if isinstance(inner, functools.partial) else _wrapped(inner)
        if inner is None or any(inner is layer for layer in layers):
            return layers
        layers.append(inner)


def _wrapped(func: Any) -> Any:
    # A mock has every attribute; its dictionary contains only those that were set.
    return getattr(func, "__dict__", {}).get("__wrapped__")


def is_async(func: Any) -> bool:
    """Return whether a callable is an async function, or an object that is called as one."""
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(
        getattr(func, "__call__", None)  # noqa: B004 - whether the method is async, not whether it is
    )
