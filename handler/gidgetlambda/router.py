"""Router: finds the handlers that an event is for.

`dispatch` runs the handlers directly, as in gidgetlab. The worker adds time limits and outcomes,
and keeps own events from handlers. This module performs no I/O.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, TypeAlias, TypeVar

from .event_types import EVENT_TYPES, EventType
from .redactor import shorten
from .registration import (
    function_key,
    handler_name,
    require_conditions,
    require_event_types,
    require_handler,
    require_name,
    takes_settings,
)
from .router_settings import changed_settings, require_settings

if TYPE_CHECKING:
    from .event import Event
    from .gitlab import GitLabAPI

    AsyncCallback: TypeAlias = Callable[Concatenate[Event, GitLabAPI, ...], Awaitable[None]]
else:
    AsyncCallback = Callable[..., Awaitable[None]]

Callback = TypeVar("Callback", bound="AsyncCallback")

EVERY_EVENT = "*"

MISSING = object()


@dataclass(frozen=True, eq=False)
class Route:
    """A handler with its conditions.

    Attributes:
        name: The handler's name in logs, metrics and new tasks.
        formerly: The handler's first name, if it was renamed.
        settings: The argument `settings`; `None` if the handler has no such parameter.
    """

    handler: AsyncCallback
    event_type: str
    filters: Mapping[str, Any]
    when: Callable[[Event], object] | None
    from_self: bool
    settings: Any
    name: str
    formerly: str | None = None

    @property
    def identity(self) -> str:
        """The name that markers, group ids and deduplication ids are computed from.

        It is the handler's first name, so that a renaming loses no note and no order of tasks.
        """
        return self.formerly or self.name

    def takes(self, event: Event) -> bool:
        """Return whether an event has the type of this route, whatever the other conditions."""
        return self.event_type in (event.event, EVERY_EVENT)

    def is_called(self, name: str) -> bool:
        """Return whether a name, of a queued task for example, is the present or first one."""
        return name in (self.name, self.formerly)

    async def run(self, event: Event, *args: Any, **kwargs: Any) -> None:
        """Run the handler."""
        if self.settings is not None:
            kwargs.setdefault("settings", self.settings)
        await self.handler(event, *args, **kwargs)


@dataclass(frozen=True)
class Evaluation:
    """Whether an event is for a route.

    Attributes:
        refusal: The condition that does not hold; `None` if all hold.
        error: The exception that `when` raised. It does not refuse the event: it is raised when
            the handler is run, so that it counts as the handler's failure and no event is lost.
    """

    route: Route
    refusal: str | None = None
    error: BaseException | None = None

    @property
    def handler(self) -> str:
        """The name of the handler."""
        return self.route.name

    @property
    def matched(self) -> bool:
        """Whether the event is for the handler."""
        return self.refusal is None

    @property
    def because(self) -> str:
        """The reason for the result, in words."""
        return self.refusal or "its conditions hold"

    async def run(self, event: Event, *args: Any, **kwargs: Any) -> None:
        """Run the handler. Raises the exception that `when` raised."""
        if self.error is not None:
            raise self.error
        await self.route.run(event, *args, **kwargs)


class Router:
    """The handlers that are registered for events.

    Args:
        routers: Further routers, as for `include`.
        name: The first part of the names of this router's handlers: `name.function`.
        settings: An instance of a frozen dataclass with defaults, which handlers of this router
            receive as their argument `settings`.

    Raises:
        TypeError: The name or the settings cannot be used.
    """

    def __init__(self, *routers: Router, name: str | None = None, settings: Any = None) -> None:
        require_name(name, "name")
        if settings is not None:
            require_settings(settings)
        self.name = name
        self.settings = settings
        self._routes: list[Route] = []
        self._included_in: list[Router] = []
        self.include(*routers)

    @property
    def routes(self) -> tuple[Route, ...]:
        """The registered routes, in their order."""
        return tuple(self._routes)

    def include(self, *routers: Router) -> None:
        """Extend this router by the routes of others, present and future.

        A route that this router has already is not added again.

        Raises:
            TypeError: Two handlers have the same name.
        """
        for router in routers:
            if router is not self and self not in router._included_in:
                router._included_in.append(self)
            for route in router.routes:
                self._append(route)

    def add(
        self,
        func: AsyncCallback,
        event_type: EventType | str,
        /,
        *,
        name: str | None = None,
        formerly: str | None = None,
        when: Callable[[Event], object] | None = None,
        from_self: bool = False,
        **filters: Any,
    ) -> None:
        """Register a handler for an event.

        Args:
            func: `async def handler(event, gl)` or `async def handler(event, gl, settings)`.
            event_type: The value of `X-Gitlab-Event`, or "*" for every event.
            name: The handler's name, instead of `<router name>.<function>` or `module:qualname`.
            formerly: The first name of a handler that was renamed. Its notes are found and its
                queued tasks run as before.
            when: A predicate on the event.
            from_self: Whether the bot's own events run the handler too.
            filters: Further conditions, which must all hold. Each is looked up in
                `object_attributes`, else at the payload's top level. It is a value, a set, list or
                tuple of values, or a compiled pattern, which is searched for.

        Raises:
            TypeError: The handler cannot be called, a condition is of a wrong type, or another
                handler has the same name.
        """
        require_event_types((event_type,))
        require_handler(func, has_settings=self.settings is not None)
        require_name(name, "name")
        require_name(formerly, "formerly")
        require_conditions(filters, when, from_self)
        self._append(
            Route(
                handler=func,
                event_type=event_type,
                filters=dict(filters),
                when=when,
                from_self=from_self,
                settings=self.settings if takes_settings(func) else None,
                name=name or handler_name(func, self.name),
                formerly=formerly,
            )
        )

    def register(
        self, *event_types: EventType | str, **conditions: Any
    ) -> Callable[[Callback], Callback]:
        """Return a decorator that registers a handler for one or several events.

        Args:
            event_types: Values of `X-Gitlab-Event`, or "*" for every event.
            conditions: As for `add`.

        Raises:
            TypeError: As for `add`.
        """
        require_event_types(event_types)

        def decorator(func: Callback) -> Callback:
            for event_type in event_types:
                self.add(func, event_type, **conditions)
            return func

        return decorator

    def with_settings(self, **changes: Any) -> Router:
        """Return a copy of this router with some of its settings changed.

        Raises:
            TypeError: The router has no such setting, or a value is of a wrong type.
        """
        router = Router(name=self.name, settings=changed_settings(self.settings, changes))
        for route in self._routes:
            own = route.settings is self.settings
            settings = router.settings if own else route.settings
            router._append(dataclasses.replace(route, settings=settings))
        return router

    def explain(self, event: Event, *, handler: str | None = None) -> list[Evaluation]:
        """Evaluate for each route whether the event is for it.

        A handler runs once per event: of its routes, the first that matches is taken, but one with
        `from_self` precedes the others. Each `when` is called at most once per handler.

        Args:
            event: The event.
            handler: The present or first name of the only handler to evaluate.
        """
        evaluations: list[Evaluation] = []
        matched: dict[str, int] = {}
        answers: dict[Any, tuple[bool, BaseException | None]] = {}
        for route in self._routes:
            if handler is not None and not route.is_called(handler):
                continue
            refusal, error = _refusal(route, event), None
            taken = matched.get(route.name)
            if refusal is None and taken is not None:
                takes_more = route.from_self and not evaluations[taken].route.from_self
                refusal = None if takes_more else "an earlier route runs the same handler"
            if refusal is None and route.when is not None:
                key = route.name, function_key(route.when)
                if key not in answers:
                    answers[key] = _ask(route.when, event)
                holds, error = answers[key]
                refusal = None if holds else "its `when` returned false"
            if refusal is None:
                if taken is not None:
                    later = "a later route runs the same handler, for the bot's own events too"
                    evaluations[taken] = dataclasses.replace(evaluations[taken], refusal=later)
                matched[route.name] = len(evaluations)
            evaluations.append(Evaluation(route, refusal, error))
        return evaluations

    def match(self, event: Event) -> list[Route]:
        """Return the routes that the event is for, one per handler."""
        return [evaluation.route for evaluation in self.explain(event) if evaluation.matched]

    async def dispatch(self, event: Event, *args: Any, **kwargs: Any) -> None:
        """Run the handlers that the event is for, one after the other.

        Raises:
            Exception: A handler's error, after all handlers have run; an `ExceptionGroup` if
                several failed.
        """
        errors: list[Exception] = []
        for evaluation in self.explain(event):
            if not evaluation.matched:
                continue
            try:
                await evaluation.run(event, *args, **kwargs)
            except Exception as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup(f"{len(errors)} handlers failed", errors)

    def unknown_event_types(self) -> dict[str, str | None]:
        """Return the registered event types that GitLab does not send, with a similar known one."""
        return {
            route.event_type: _similar(route.event_type)
            for route in self._routes
            if route.event_type not in (*EVENT_TYPES, EVERY_EVENT)
        }

    def _append(self, route: Route) -> None:
        """Add a route here and to the routers that include this one."""
        if any(known is route for known in self._routes):
            return
        for known in self._routes:
            _require_one_name_per_handler(known, route)
        self._routes.append(route)
        for router in self._included_in:
            router._append(route)


def _require_one_name_per_handler(known: Route, added: Route) -> None:
    """Check that a name stands for one handler with the same settings."""
    shared = {known.name, known.formerly} & {added.name, added.formerly} - {None}
    if not shared:
        return
    name = shared.pop()
    if function_key(known.handler) != function_key(added.handler):
        raise TypeError(
            f"two handlers have the name {name}: give one of them another name by `name=`"
        )
    if known.settings is not added.settings and known.settings != added.settings:
        raise TypeError(
            f"the handler {name} is registered with two different settings: "
            "give one of them another name by `name=`"
        )
    if (known.name, known.formerly) != (added.name, added.formerly):
        raise TypeError(
            f"{name} is registered several times: "
            "give each registration the same `name` and `formerly`"
        )


def _refusal(route: Route, event: Event) -> str | None:
    """Return the condition that does not hold, apart from `when`; `None` if all hold."""
    if not route.takes(event):
        return f"it takes {route.event_type!r}"
    for name, wanted in route.filters.items():
        actual = _look_up(event, name)
        if actual is MISSING:
            return f"{name} is missing from the event"
        if not _fits(wanted, actual):
            return f"{name} is {_describe_value(actual)}, not {_describe_condition(wanted)}"
    return None


def _ask(when: Callable[[Event], object], event: Event) -> tuple[bool, BaseException | None]:
    try:
        return bool(when(event)), None
    except (Exception, SystemExit) as error:
        return True, error


def _look_up(event: Event, name: str) -> Any:
    attributes = event.object_attributes
    if name in attributes:
        return attributes[name]
    if isinstance(event.data, dict) and name in event.data:
        return event.data[name]
    # That of an emoji can be under another name.
    return event.action or MISSING if name == "action" else MISSING


def _fits(wanted: Any, actual: Any) -> bool:
    if isinstance(wanted, re.Pattern):
        return isinstance(actual, str) and wanted.search(actual) is not None
    if isinstance(wanted, set | frozenset | list | tuple):
        return any(_fits(one, actual) for one in wanted) or bool(actual == wanted)
    return bool(actual == wanted)


def _describe_condition(wanted: Any) -> str:
    if isinstance(wanted, re.Pattern):
        return f"like {wanted.pattern!r}"
    if isinstance(wanted, set | frozenset | list | tuple):
        return "one of " + ", ".join(_describe_condition(one) for one in wanted)
    return _describe_value(wanted)


def _describe_value(actual: Any) -> str:
    """Describe a payload's value in short, without the contents of a dict or list."""
    if isinstance(actual, dict | list):
        return f"a {type(actual).__name__}"
    if isinstance(actual, str) and len(actual) > 60:
        return repr(shorten(actual, 60))
    return shorten(repr(actual), 70)


def _similar(event_type: str) -> str | None:
    # Imported here: only a bot with a misspelled event type pays for it at each cold start.
    import difflib

    return next(iter(difflib.get_close_matches(event_type, EVENT_TYPES, n=1)), None)
