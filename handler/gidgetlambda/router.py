"""Router and Route: which handlers an event is for.

Takes values and returns values. `dispatch` runs the handlers plainly, as in gidgetlab; time
limits, outcomes and the guard against loops are the worker's.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Literal, TypeAlias, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .event import Event
    from .gitlab import GitLabAPI

    AsyncCallback: TypeAlias = Callable[Concatenate[Event, GitLabAPI, ...], Awaitable[None]]
else:
    AsyncCallback = Callable[..., Awaitable[None]]

Callback = TypeVar("Callback", bound="AsyncCallback")

EventType = Literal[
    "Confidential Issue Hook",
    "Confidential Note Hook",
    "Deployment Hook",
    "Emoji Hook",
    "Feature Flag Hook",
    "Issue Hook",
    "Job Hook",
    "Member Hook",
    "Merge Request Hook",
    "Milestone Hook",
    "Note Hook",
    "Pipeline Hook",
    "Project Hook",
    "Push Hook",
    "Release Hook",
    "Resource Access Token Hook",
    "Resource Deploy Token Hook",
    "Subgroup Hook",
    "System Hook",
    "Tag Push Hook",
    "Vulnerability Hook",
    "Wiki Page Hook",
]
EVENT_TYPES: tuple[str, ...] = get_args(EventType)
EVERY_EVENT = "*"

MISSING = object()


@dataclass(frozen=True, eq=False)
class Route:
    """A handler with the conditions under which an event is for it.

    name: `module:qualname`, which tells it from the other handlers of its router.
    settings: what a handler that names a `settings` argument receives.
    """

    handler: AsyncCallback
    event_type: str
    filters: Mapping[str, Any]
    when: Callable[[Event], object] | None
    from_self: bool
    settings: Any
    takes_settings: bool
    name: str

    def takes(self, event: Event) -> bool:
        """Whether the event is of the type that this route is for; nothing else is looked at."""
        return self.event_type in (event.event, EVERY_EVENT)

    def refusal(self, event: Event) -> str | None:
        """Why the event is not for this handler, `None` where it is.

        A `when` that raises refuses nothing: running the handler raises it again, as that
        handler's failure, and no event is lost to it in silence.
        """
        if not self.takes(event):
            return f"it takes {self.event_type!r}"
        for name, wanted in self.filters.items():
            actual = _look_up(event, name)
            if actual is MISSING:
                return f"{name} is missing from the event"
            if not _fits(wanted, actual):
                return f"{name} is {_told(actual)}, not {_short(wanted)}"
        if self._when_refuses(event):
            return "its `when` says no"
        return None

    async def run(self, event: Event, *args: Any, **kwargs: Any) -> None:
        """Run the handler, with its router's settings where it names them."""
        if self.when is not None and not self.when(event):
            return
        if self.takes_settings and self.settings is not None:
            kwargs.setdefault("settings", self.settings)
        await self.handler(event, *args, **kwargs)

    def _when_refuses(self, event: Event) -> bool:
        if self.when is None:
            return False
        try:
            return not self.when(event)
        except (Exception, SystemExit):
            return False


@dataclass(frozen=True)
class Explanation:
    """Whether an event is for a handler, and why."""

    handler: str
    matched: bool
    because: str


class Router:
    """Which handlers are registered for which events.

    routers: further routers whose routes are taken over, with their settings.
    settings: a frozen dataclass with defaults, for the handlers of this router that name a
        `settings` argument.

    Raises `TypeError` where `settings` is no instance of a frozen dataclass with defaults.
    """

    def __init__(self, *routers: Router, settings: Any = None) -> None:
        if settings is not None:
            _require_settings(settings)
        self.settings = settings
        self._routes: list[Route] = []
        for router in routers:
            for route in router.routes:
                self._append(route)

    @property
    def routes(self) -> tuple[Route, ...]:
        """The registered routes, in their order."""
        return tuple(self._routes)

    def add(self, func: AsyncCallback, event_type: EventType | str, /, **filters: Any) -> None:
        """Register a handler for an event.

        func: `async def handler(event, gl, *args, **kwargs)`.
        event_type: the value of `X-Gitlab-Event`, or "*" for every event.
        filters: what must hold. Each is looked up in `object_attributes`, else at the payload's
            top level, and is a value, a set, list or tuple of values, or a compiled pattern that
            is searched for in a text. Two names are taken: `when`, a predicate on the event, and
            `from_self=True`, which lets the bot's own events in.

        Raises `TypeError` where the handler cannot be awaited, or a filter is of no use.
        """
        _require_async(func)
        when = filters.pop("when", None)
        from_self = filters.pop("from_self", False)
        _require_conditions(event_type, filters, when, from_self)
        self._append(
            Route(
                handler=func,
                event_type=event_type,
                filters=dict(filters),
                when=when,
                from_self=from_self,
                settings=self.settings,
                takes_settings=_names_settings(func),
                name=_name(func),
            )
        )

    def register(
        self, event_type: EventType | str, /, **filters: Any
    ) -> Callable[[Callback], Callback]:
        """A decorator that registers the decorated handler: see `add`."""

        def decorator(func: Callback) -> Callback:
            self.add(func, event_type, **filters)
            return func

        return decorator

    def with_settings(self, **changes: Any) -> Router:
        """This router's routes with some of its settings changed.

        Raises `TypeError` for a setting that this router does not have.
        """
        fields = () if self.settings is None else dataclasses.fields(self.settings)
        known = [field.name for field in fields]
        for name in changes:
            if name not in known:
                raise TypeError(
                    f"this router has no setting {name!r}; it has {', '.join(known) or 'none'}"
                )
        changed = dataclasses.replace(self.settings, **changes) if known else self.settings
        router = Router(settings=changed)
        for route in self._routes:
            own = route.settings is self.settings
            router._append(
                dataclasses.replace(route, settings=router.settings if own else route.settings)
            )
        return router

    def match(self, event: Event) -> list[Route]:
        """The routes that the event is for, none of them run; one per handler."""
        return [route for route, refusal in self._judge(event) if refusal is None]

    def explain(self, event: Event) -> list[Explanation]:
        """For each route, whether the event is for it and why."""
        return [
            Explanation(route.name, refusal is None, refusal or "its conditions hold")
            for route, refusal in self._judge(event)
        ]

    async def dispatch(self, event: Event, *args: Any, **kwargs: Any) -> None:
        """Run the handlers that the event is for, one after the other.

        A handler that fails does not keep the others from running; its error is raised after
        them, as an `ExceptionGroup` where there are several.
        """
        errors: list[Exception] = []
        for route in self.match(event):
            try:
                await route.run(event, *args, **kwargs)
            except Exception as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup(f"{len(errors)} handlers failed", errors)

    def unknown_event_types(self) -> dict[str, str | None]:
        """Registered event types that GitLab does not send, each with the name it resembles."""
        return {
            route.event_type: _resembled(route.event_type)
            for route in self._routes
            if route.event_type not in (*EVENT_TYPES, EVERY_EVENT)
        }

    def _judge(self, event: Event) -> Iterable[tuple[Route, str | None]]:
        taken: set[Any] = set()
        for route in self._routes:
            refusal = route.refusal(event)
            identity = _identity(route.handler)
            if refusal is None and identity in taken:
                refusal = "an earlier route runs the same handler"
            elif refusal is None:
                taken.add(identity)
            yield route, refusal

    def _append(self, route: Route) -> None:
        """Take a route in; a namesake of another handler gets `#2`, `#3`, …"""
        base = route.name.partition("#")[0]
        namesakes: dict[Any, str] = {}
        for known in self._routes:
            if known.name.partition("#")[0] == base:
                namesakes.setdefault(_identity(known.handler), known.name)
        free = f"{base}#{len(namesakes) + 1}" if namesakes else base
        name = namesakes.get(_identity(route.handler), free)
        self._routes.append(dataclasses.replace(route, name=name))


def _resembled(event_type: str) -> str | None:
    # Imported here: a bot without a typing error does not wait for it at each cold start.
    import difflib

    return next(iter(difflib.get_close_matches(event_type, EVENT_TYPES, n=1)), None)


def _look_up(event: Event, name: str) -> Any:
    attributes = event.object_attributes
    if name in attributes:
        return attributes[name]
    return event.data.get(name, MISSING) if isinstance(event.data, dict) else MISSING


def _fits(wanted: Any, actual: Any) -> bool:
    if isinstance(wanted, re.Pattern):
        return isinstance(actual, str) and wanted.search(actual) is not None
    if isinstance(wanted, set | frozenset | list | tuple):
        return any(_fits(one, actual) for one in wanted) or bool(actual == wanted)
    return bool(actual == wanted)


def _short(wanted: Any) -> str:
    if isinstance(wanted, re.Pattern):
        return f"like {wanted.pattern!r}"
    if isinstance(wanted, set | frozenset | list | tuple):
        return "one of " + ", ".join(_short(one) for one in wanted)
    return _told(wanted)


def _told(actual: Any) -> str:
    """A payload's value in an explanation: short, and not walked into."""
    if isinstance(actual, dict | list):
        return f"a {type(actual).__name__}"
    if isinstance(actual, str) and len(actual) > 60:
        return f"{actual[:60]!r}…"
    return repr(actual)[:70]


def _name(func: AsyncCallback) -> str:
    inner = _unwrapped(func)[-1]
    if not hasattr(inner, "__qualname__"):
        inner = type(inner)
    return f"{inner.__module__}:{inner.__qualname__}"


def _identity(func: AsyncCallback) -> Any:
    """What is the same for one function object; a bound method is made anew at each access."""
    if inspect.ismethod(func):
        return (id(func.__self__), id(func.__func__))
    return id(func)


def _unwrapped(func: Any) -> list[Any]:
    """The callable and what it wraps, from the outside in: partials and `functools.wraps`."""
    layers = [func]
    while True:
        inner = layers[-1]
        inner = inner.func if isinstance(inner, functools.partial) else _wrapped(inner)
        if inner is None or any(inner is layer for layer in layers):
            return layers
        layers.append(inner)


def _wrapped(func: Any) -> Any:
    # A mock answers to every name; only what stands in its own dictionary was put there.
    return getattr(func, "__dict__", {}).get("__wrapped__")


def _is_async(func: Any) -> bool:
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(
        getattr(func, "__call__", None)  # noqa: B004 - asked whether it is async, not whether it is
    )


def _require_async(func: Any) -> None:
    if not callable(func):
        raise TypeError(f"a handler must be an `async def` function, not {func!r}")
    if isinstance(func, type):
        raise TypeError(f"the handler {_name(func)} is a class: register an instance of it")
    if any(_is_async(layer) for layer in _unwrapped(func)):
        return
    name = _name(func)
    if any(inspect.isasyncgenfunction(layer) for layer in _unwrapped(func)):
        raise TypeError(f"the handler {name} yields: a handler is awaited, and must not `yield`")
    raise TypeError(f"the handler {name} is a plain `def`: write `async def {name.split(':')[-1]}`")


def _require_conditions(
    event_type: object, filters: Mapping[str, Any], when: object, from_self: object
) -> None:
    if not isinstance(event_type, str):
        raise TypeError(f"the event type must be a text like 'Issue Hook', not {event_type!r}")
    if when is not None and not callable(when):
        raise TypeError(f"`when` must be a predicate on the event, not {when!r}")
    if any(_is_async(layer) for layer in _unwrapped(when)):
        raise TypeError("`when` must be a plain function: it is asked before any handler runs")
    if not isinstance(from_self, bool):
        raise TypeError(f"`from_self` must be True or False, not {from_self!r}")
    for name, wanted in filters.items():
        if isinstance(wanted, re.Pattern) and not isinstance(wanted.pattern, str):
            raise TypeError(f"the filter {name} must be a pattern of text, not of bytes")


def _require_settings(settings: Any) -> None:
    if not dataclasses.is_dataclass(settings) or isinstance(settings, type):
        raise TypeError(f"settings must be an instance of a dataclass, not {settings!r}")
    if not settings.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise TypeError(f"{type(settings).__name__} must be frozen: @dataclass(frozen=True)")
    for field in dataclasses.fields(settings):
        if field.default is field.default_factory is dataclasses.MISSING:
            raise TypeError(f"{type(settings).__name__}.{field.name} must have a default")


def _names_settings(func: AsyncCallback) -> bool:
    try:
        parameter = inspect.signature(func).parameters.get("settings")
    except (TypeError, ValueError):
        return False
    return parameter is not None and parameter.kind in (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
