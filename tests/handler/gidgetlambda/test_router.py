import functools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import AsyncMock

import pytest
from gidgetlambda import Event, GitLabAPI, Router
from gidgetlambda.router import EVENT_TYPES

from tests.handler import payloads

pytestmark = pytest.mark.anyio


def an_event(event: str = "Issue Hook", data: Any = None, **attributes: Any) -> Event:
    return Event(data or payloads.issue(**attributes), event=event)


def matches(router: Router, event: Event) -> bool:
    return bool(router.match(event))


def routed(event_type: str = "Issue Hook", /, **filters: Any) -> Router:
    router = Router()
    router.add(nothing, event_type, **filters)
    return router


async def nothing(event: Event, gl: GitLabAPI, *args: Any, **kwargs: Any) -> None:
    pass


async def dispatched(router: Router, event: Event, *args: Any, **kwargs: Any) -> None:
    await router.dispatch(event, *args, **kwargs)


# As in gidgetlab


async def test_a_registered_handler_runs_on_its_event() -> None:
    router, seen = Router(), []

    @router.register("Issue Hook", action="open")
    async def opened(event: Event, *args: Any, **kwargs: Any) -> None:
        seen.append((event, args, kwargs))

    event = an_event()
    await dispatched(router, event, "gl", extra=1)
    await dispatched(router, an_event(action="close"))
    await dispatched(router, an_event("Note Hook"))
    assert seen == [(event, ("gl",), {"extra": 1})]


def test_register_gives_the_function_back() -> None:
    assert Router().register("Issue Hook")(nothing) is nothing


async def test_a_handler_may_take_the_event_alone() -> None:
    router, seen = Router(), []

    async def alone(event: Event) -> None:
        seen.append(event)

    router.add(alone, "Push Hook")  # type: ignore[arg-type]
    await dispatched(router, an_event("Push Hook"))
    assert len(seen) == 1


def test_a_router_is_made_of_others() -> None:
    first, second = routed("Push Hook"), routed("Issue Hook", action="open")
    joined = Router(first, second)
    assert [route.event_type for route in joined.routes] == ["Push Hook", "Issue Hook"]
    assert matches(joined, an_event("Push Hook"))
    assert not matches(joined, an_event(action="close"))


def test_what_is_registered_later_on_a_part_does_not_reach_the_whole() -> None:
    part = Router()
    whole = Router(part)
    part.add(nothing, "Push Hook")
    assert whole.routes == ()


# Filters


@pytest.mark.parametrize(
    ("wanted", "actual", "fits"),
    [
        ("open", "open", True),
        ("open", "close", False),
        ("open", None, False),
        (None, None, True),
        (True, True, True),
        (False, None, False),
        ({"reopen"}, "reopen", True),
        (frozenset({"open"}), "close", False),
        (["open", "reopen"], "open", True),
        (("open", "reopen"), "close", False),
        ([], "open", False),
        (re.compile("^re"), "reopen", True),
        (re.compile("open"), "reopen", True),
        (re.compile("^open"), "reopen", False),
        (re.compile("1"), 1, False),
        (re.compile("."), None, False),
        ([re.compile("^re"), "close"], "reopen", True),
        ({"open"}, ["open"], False),
        ({"open"}, {"a": []}, False),
        ("open", {"a": []}, False),
        ([1, 2], [1, 2], True),
        ({"a": 1}, {"a": 1}, True),
        (b"open", "open", False),
        ("\ud800", "\ud800", True),
    ],
    ids=ascii,
)
def test_a_filter(wanted: Any, actual: Any, fits: bool) -> None:
    assert (
        matches(
            routed(action=wanted),
            an_event(data=payloads.issue(action=None) | {"object_attributes": {"action": actual}}),
        )
        is fits
    )


def test_all_filters_must_hold() -> None:
    router = routed(action="open", state="opened", confidential={True, None})
    assert matches(router, an_event(confidential=True))
    assert not matches(router, an_event(confidential=False))
    assert not matches(router, an_event())


def test_a_filter_looks_into_the_attributes_then_at_the_top_level() -> None:
    router = routed(ref="refs/heads/main")
    assert matches(router, an_event("Issue Hook", payloads.push()))
    both = payloads.push(object_attributes={"ref": "refs/heads/other"})
    assert not matches(router, an_event("Issue Hook", both))


@pytest.mark.parametrize(
    "data", [{}, {"object_attributes": None}, {"object_attributes": []}, [], 1]
)
def test_a_filter_on_what_is_not_there_does_not_match(data: Any) -> None:
    assert not matches(routed(action="open"), Event(data, event="Issue Hook", delivery_id="d"))


def test_filters_may_have_the_names_of_parameters() -> None:
    router = routed(func="f", event_type="e", self="s")
    assert matches(router, an_event(func="f", event_type="e", self="s"))


def test_a_star_takes_every_event() -> None:
    router = routed("*")
    assert all(matches(router, an_event(event)) for event in (*EVENT_TYPES, "A New Hook"))


def test_a_star_takes_filters() -> None:
    router = routed("*", action="open")
    assert matches(router, an_event("Merge Request Hook", payloads.merge_request()))
    assert not matches(router, an_event("Push Hook", payloads.push()))


# Predicates


def test_when_decides() -> None:
    router = routed(when=lambda event: event.iid == 23)
    assert matches(router, an_event())
    assert not matches(router, an_event(iid=24))


def test_when_is_asked_only_if_the_filters_hold() -> None:
    asked: list[Event] = []
    router = routed(action="open", when=asked.append)
    router.match(an_event(action="close"))
    assert asked == []


@pytest.mark.parametrize("error", [KeyError("no such part"), SystemExit(1)])
async def test_a_when_that_raises_fails_its_own_handler_alone(error: BaseException) -> None:
    router, seen = Router(), []

    def broken(event: Event) -> bool:
        raise error

    async def other(event: Event, *args: Any) -> None:
        seen.append(event)

    router.add(nothing, "Issue Hook", when=broken)
    router.add(other, "Issue Hook")
    first, second = router.match(an_event())
    with pytest.raises(type(error)):
        await first.run(an_event())
    await second.run(an_event())
    assert len(seen) == 1


async def test_an_async_when_is_refused() -> None:
    async def predicate(event: Event) -> bool:
        return True

    class Predicate:
        async def __call__(self, event: Event) -> bool:
            return True

    for when in (predicate, Predicate(), functools.partial(predicate)):
        with pytest.raises(TypeError, match="`when` must be a plain function"):
            routed(when=when)


@pytest.mark.parametrize(
    ("filters", "complaint"),
    [
        ({"when": "open"}, "`when` must be a predicate"),
        ({"from_self": "yes"}, "`from_self` must be True or False"),
        ({"action": re.compile(b"open")}, "action must be a pattern of text"),
    ],
)
def test_a_filter_of_no_use_is_refused(filters: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        routed(**filters)


def test_an_event_type_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a text like 'Issue Hook'"):
        Router().register(nothing)(nothing)  # type: ignore[arg-type]


def test_from_self_is_kept_for_the_worker() -> None:
    (own,) = routed(from_self=True).routes
    (other,) = routed().routes
    assert (own.from_self, other.from_self) == (True, False)
    assert own.filters == {}


# What a handler may be


class Greeter:
    async def greet(self, event: Event, *args: Any) -> None:
        pass

    async def __call__(self, event: Event, *args: Any) -> None:
        pass

    def plain(self, event: Event, *args: Any) -> None:
        pass


def passes_on(func: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Awaitable[None]:
        return func(*args, **kwargs)

    return wrapper


def made_async(func: Callable[..., None]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(func)
    async def wrapper(*args: Any, **kwargs: Any) -> None:
        func(*args, **kwargs)

    return wrapper


def plain(event: Event, *args: Any) -> None:
    pass


async def with_greeting(greeting: str, event: Event, *args: Any) -> None:
    pass


AWAITED: dict[str, tuple[Any, str]] = {
    "function": (nothing, "nothing"),
    "bound method": (Greeter().greet, "Greeter.greet"),
    "partial": (functools.partial(with_greeting, "Hi"), "with_greeting"),
    "partial of a partial": (
        functools.partial(functools.partial(with_greeting, "Hi")),
        "with_greeting",
    ),
    "partial of a bound method": (functools.partial(Greeter().greet), "Greeter.greet"),
    "callable object": (Greeter(), "Greeter"),
    "partial of a callable object": (functools.partial(Greeter()), "Greeter"),
    "plain wrapper of an async function": (passes_on(nothing), "nothing"),
    "async wrapper of a plain function": (made_async(plain), "plain"),
    "wrapper of a wrapper": (passes_on(passes_on(nothing)), "nothing"),
    "wrapper of a partial": (passes_on(functools.partial(with_greeting, "Hi")), "with_greeting"),
}


@pytest.mark.parametrize("kind", AWAITED)
async def test_what_can_be_awaited_is_taken_and_runs(kind: str) -> None:
    handler, name = AWAITED[kind]
    router = Router()
    router.add(handler, "Issue Hook")
    (route,) = router.match(an_event())
    assert route.name.split(":") == [__name__, name]
    await route.run(an_event(), "gl")


async def test_a_mock_is_taken() -> None:
    mock, other = AsyncMock(), AsyncMock()
    router = Router()
    router.add(mock, "Issue Hook")
    router.add(other, "Issue Hook")
    event = an_event()
    await dispatched(router, event, "gl")
    mock.assert_awaited_once_with(event, "gl")
    other.assert_awaited_once_with(event, "gl")


async def a_generator(event: Event, *args: Any) -> Any:
    yield event


def a_plain_generator(event: Event, *args: Any) -> Any:
    yield event


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        (plain, "plain is a plain `def`: write `async def plain`"),
        (Greeter().plain, "Greeter.plain is a plain `def`"),
        (functools.partial(plain), "plain is a plain `def`"),
        (functools.wraps(plain)(lambda *args: None), "plain is a plain `def`"),
        (lambda event, *args: None, "is a plain `def`"),
        (a_generator, "a_generator yields"),
        (functools.partial(a_generator), "a_generator yields"),
        (a_plain_generator, "is a plain `def`"),
        (Greeter, "Greeter is a class: register an instance of it"),
        (print, "print is a plain `def`"),
        (object(), "must be an `async def` function, not"),
        (None, "must be an `async def` function, not None"),
        ("name", "must be an `async def` function, not 'name'"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value)[:20],
)
def test_what_cannot_be_awaited_is_refused_with_the_remedy(handler: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=re.escape(complaint)):
        Router().add(handler, "Issue Hook")


# Names, and one run per function


def test_a_namesake_gets_a_number() -> None:
    def make() -> Callable[..., Awaitable[None]]:
        async def handler(event: Event, *args: Any) -> None:
            pass

        return handler

    router = Router()
    for _ in range(3):
        router.add(make(), "Issue Hook")
    base = f"{__name__}:test_a_namesake_gets_a_number.<locals>.make.<locals>.handler"
    assert [route.name for route in router.routes] == [base, f"{base}#2", f"{base}#3"]


def test_names_stay_apart_when_routers_are_joined() -> None:
    def router_of_its_own() -> Router:
        router = Router()

        @router.register("Issue Hook")
        @router.register("Push Hook")
        async def handler(event: Event, *args: Any) -> None:
            pass

        return router

    joined = Router(router_of_its_own(), router_of_its_own())
    numbers = [route.name.partition("#")[2] for route in joined.routes]
    assert numbers == ["", "", "2", "2"]


def test_one_function_keeps_one_name_and_runs_once_per_event() -> None:
    router = Router()
    router.add(nothing, "Issue Hook")
    router.add(nothing, "Issue Hook", action="open")
    router.add(nothing, "*")
    assert len({route.name for route in router.routes}) == 1
    assert len(router.match(an_event())) == 1
    assert len(router.match(an_event("Push Hook"))) == 1


def test_a_bound_method_is_one_function_per_object() -> None:
    one, other = Greeter(), Greeter()
    router = Router()
    router.add(one.greet, "Issue Hook")
    router.add(one.greet, "Issue Hook", action="open")
    router.add(other.greet, "Issue Hook")
    assert len(router.match(an_event())) == 2
    assert len({route.name for route in router.routes}) == 2


def test_equal_objects_are_two_handlers() -> None:
    @dataclass
    class Same:
        async def __call__(self, event: Event, *args: Any) -> None:
            pass

    router = Router()
    router.add(Same(), "Issue Hook")
    router.add(Same(), "Issue Hook")
    assert len(router.match(an_event())) == 2


# Failures


async def test_a_failing_handler_keeps_no_other_from_running() -> None:
    router, seen = Router(), []

    async def fails(event: Event) -> None:
        raise ValueError("broken")

    async def works(event: Event) -> None:
        seen.append(event)

    router.add(fails, "Issue Hook")  # type: ignore[arg-type]
    router.add(works, "Issue Hook")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="broken"):
        await dispatched(router, an_event())
    assert len(seen) == 1


async def test_several_failures_are_raised_together() -> None:
    router = Router()
    for error in (ValueError("a"), KeyError("b")):
        router.add(AsyncMock(side_effect=error), "Issue Hook")
    with pytest.raises(ExceptionGroup, match="2 handlers failed") as group:
        await dispatched(router, an_event())
    assert [type(error) for error in group.value.exceptions] == [ValueError, KeyError]


# Explanations


def explained(router: Router, event: Event) -> list[tuple[bool, str]]:
    return [(one.matched, one.because) for one in router.explain(event)]


@pytest.mark.parametrize(
    ("filters", "matched", "because"),
    [
        ({}, True, "its conditions hold"),
        ({"action": "close"}, False, "action is 'open', not 'close'"),
        ({"action": ["close", "merge"]}, False, "action is 'open', not one of 'close', 'merge'"),
        ({"action": re.compile("^re")}, False, "action is 'open', not like '^re'"),
        ({"ref": "main"}, False, "ref is missing from the event"),
        ({"when": lambda event: False}, False, "its `when` says no"),
    ],
    ids=["nothing asked", "value", "list", "pattern", "missing", "when"],
)
def test_explain_says_why(filters: dict[str, Any], matched: bool, because: str) -> None:
    assert explained(routed(**filters), an_event()) == [(matched, because)]


def test_explain_names_the_event_that_a_route_is_for() -> None:
    assert explained(routed("Push Hook"), an_event()) == [(False, "it takes 'Push Hook'")]


def test_explain_tells_of_a_handler_that_runs_already() -> None:
    router = routed()
    router.add(nothing, "*")
    assert explained(router, an_event())[1] == (False, "an earlier route runs the same handler")


@pytest.mark.parametrize("value", ["x" * 10_000, ["x"] * 10_000, {"a": "x" * 10_000}, 10**4000])
def test_an_explanation_stays_short(value: Any) -> None:
    ((_, because),) = explained(routed(action="close"), an_event(action=value))
    assert len(because) < 200


# Event types


def test_an_unknown_event_type_is_told_with_what_it_resembles() -> None:
    router = Router()
    for event_type in ("Issue Hook", "*", "Issues Hook", "issue hook", "xyz"):
        router.add(nothing, event_type)
    unknown = router.unknown_event_types()
    assert unknown["Issues Hook"] == "Issue Hook"
    assert unknown["xyz"] is None
    assert set(unknown) == {"Issues Hook", "issue hook", "xyz"}


# Settings


@dataclass(frozen=True)
class Settings:
    text: str = "Hello"
    labels: tuple[str, ...] = field(default_factory=tuple)


class Recorder:
    def __init__(self) -> None:
        self.settings: list[Any] = []

    async def handler(self, event: Event, *args: Any, settings: Any, **kwargs: Any) -> None:
        self.settings.append(settings)


async def test_a_handler_that_names_settings_receives_its_routers() -> None:
    recorder, router = Recorder(), Router(settings=Settings())
    router.add(recorder.handler, "Issue Hook")
    router.add(nothing, "Issue Hook")
    await dispatched(Router(router), an_event(), "gl")
    assert recorder.settings == [Settings()]


async def test_a_handler_that_takes_any_keyword_receives_none() -> None:
    mock, router = AsyncMock(spec=nothing), Router(settings=Settings())
    router.add(mock, "Issue Hook")
    await dispatched(router, an_event(), "gl")
    assert mock.await_args is not None
    assert mock.await_args.kwargs == {}


async def test_settings_can_be_changed_for_a_bot() -> None:
    recorder, router = Recorder(), Router(settings=Settings())
    router.add(recorder.handler, "Issue Hook")
    changed = router.with_settings(text="Hi")
    await dispatched(changed, an_event(), "gl")
    await dispatched(router, an_event(), "gl")
    assert recorder.settings == [Settings(text="Hi"), Settings()]
    assert changed.settings == Settings(text="Hi")


async def test_settings_of_a_router_within_stay_its_own() -> None:
    inner_recorder, outer_recorder = Recorder(), Recorder()
    inner = Router(settings=Settings(text="inner"))
    inner.add(inner_recorder.handler, "Issue Hook")
    outer = Router(inner, settings=Settings(text="outer"))
    outer.add(outer_recorder.handler, "Issue Hook")
    await dispatched(outer.with_settings(text="changed"), an_event(), "gl")
    assert inner_recorder.settings == [Settings(text="inner")]
    assert outer_recorder.settings == [Settings(text="changed")]


def test_an_unknown_setting_is_refused_with_those_there_are() -> None:
    with pytest.raises(TypeError, match="no setting 'txt'; it has text, labels"):
        Router(settings=Settings()).with_settings(txt="Hi")


def test_a_router_without_settings_has_none_to_change() -> None:
    with pytest.raises(TypeError, match="no setting 'text'; it has none"):
        Router().with_settings(text="Hi")
    assert Router(routed()).with_settings().routes[0].name == f"{__name__}:nothing"


@dataclass
class Mutable:
    text: str = ""


@dataclass(frozen=True)
class Required:
    text: str


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (Mutable(), r"Mutable must be frozen: @dataclass\(frozen=True\)"),
        (Required(""), "Required.text must have a default"),
        (Settings, "must be an instance of a dataclass"),
        ({"text": ""}, "must be an instance of a dataclass"),
    ],
)
def test_settings_are_a_frozen_dataclass_with_defaults(settings: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        Router(settings=settings)
