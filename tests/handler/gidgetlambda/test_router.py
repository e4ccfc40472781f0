import re
from dataclasses import dataclass
from typing import Any
from unittest.mock import AsyncMock

import pytest
from gidgetlambda import Event, GitLabAPI, Router
from gidgetlambda.event_types import EVENT_TYPES
from gidgetlambda.router import AsyncCallback

from tests.handler import payloads

pytestmark = pytest.mark.anyio


def an_event(event: str = "Issue Hook", data: Any = None, **attributes: Any) -> Event:
    return Event(data or payloads.issue(**attributes), event=event)


def matches(router: Router, event: Event) -> bool:
    return bool(router.match(event))


def routed(event_type: str = "Issue Hook", /, **conditions: Any) -> Router:
    router = Router()
    router.add(nothing, event_type, **conditions)
    return router


async def nothing(event: Event, gl: GitLabAPI) -> None: ...


def new_handler() -> AsyncCallback:
    """Return a new function. All new functions have the same qualified name."""

    async def handler(event: Event, gl: GitLabAPI, settings: Any = None) -> None: ...

    return handler


async def test_runs_a_handler_on_its_event_with_the_arguments_of_dispatch() -> None:
    router, seen = Router(), []

    @router.register("Issue Hook", action="open")
    async def opened(event: Event, *args: Any, **kwargs: Any) -> None:
        seen.append((event, args, kwargs))

    event = an_event()
    await router.dispatch(event, "gl", extra=1)
    await router.dispatch(an_event(action="close"))
    await router.dispatch(an_event("Note Hook"))
    assert seen == [(event, ("gl",), {"extra": 1})]


def test_registers_a_function_for_several_events_and_returns_it() -> None:
    router = Router()
    assert router.register("Issue Hook", "Note Hook", action="open")(nothing) is nothing
    routes = [(route.event_type, route.filters) for route in router.routes]
    assert routes == [("Issue Hook", {"action": "open"}), ("Note Hook", {"action": "open"})]


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
def test_compares_a_filter_with_the_payload(wanted: Any, actual: Any, fits: bool) -> None:
    event = an_event(data={"object_attributes": {"action": actual}})
    assert matches(routed(action=wanted), event) is fits


def test_requires_all_filters() -> None:
    router = routed(action="open", state="opened", confidential={True, None})
    assert matches(router, an_event(confidential=True))
    assert not matches(router, an_event(confidential=False))
    assert not matches(router, an_event())


@pytest.mark.parametrize("wanted", ["award", "revoke"])
def test_compares_the_action_of_an_emoji_under_its_other_name(wanted: str) -> None:
    award = an_event("Emoji Hook", {"object_kind": "emoji", "event_type": "award"})
    assert matches(routed("Emoji Hook", action=wanted), award) == (wanted == "award")


def test_looks_a_filter_up_in_the_attributes_then_at_the_top_level() -> None:
    router = routed("Push Hook", ref="refs/heads/main")
    assert matches(router, an_event("Push Hook", payloads.push()))
    both = payloads.push(object_attributes={"ref": "refs/heads/other"})
    assert not matches(router, an_event("Push Hook", both))


@pytest.mark.parametrize(
    "data", [{}, {"object_attributes": None}, {"object_attributes": []}, [], 1]
)
def test_a_filter_does_not_match_a_missing_value(data: Any) -> None:
    assert not matches(routed(action=None), Event(data, event="Issue Hook", delivery_id="d"))


def test_filters_can_have_the_names_of_positional_parameters() -> None:
    router = routed(func="f", event_type="e", self="s", from_self=True)
    assert router.routes[0].from_self
    assert matches(router, an_event(func="f", event_type="e", self="s"))


def test_a_star_takes_every_event_that_its_filters_allow() -> None:
    router = routed("*", action="open")
    assert all(matches(router, an_event(event)) for event in (*EVENT_TYPES, "A New Hook"))
    assert not matches(router, an_event("Push Hook", payloads.push()))


# Evaluations


def test_calls_when_once_per_event_and_handler_and_only_if_the_filters_hold() -> None:
    router, asked = Router(), []

    def when(event: Event) -> bool:
        asked.append(event.iid)
        return event.iid == 23

    router.register("Issue Hook", "*", when=when)(nothing)
    router.add(new_handler(), "Issue Hook", when=when, action="open")
    assert [route.name for route in router.match(an_event())] == [
        f"{__name__}:nothing",
        f"{__name__}:new_handler.<locals>.handler",
    ]
    assert router.match(an_event(iid=24, action="close")) == []
    assert asked == [23, 23, 24]


@pytest.mark.parametrize("called", ["present.name", "first.name"])
def test_evaluates_the_handler_of_a_task_alone(called: str) -> None:
    router = Router()
    asked: list[Event] = []
    router.add(nothing, "Issue Hook", when=asked.append)
    router.add(new_handler(), "Issue Hook", name="present.name", formerly="first.name")
    (evaluation,) = router.explain(an_event(), handler=called)
    assert evaluation.handler == "present.name"
    assert asked == []


@pytest.mark.parametrize("error", [KeyError("no such part"), SystemExit(1)])
async def test_a_when_that_raises_is_its_handlers_failure_alone(error: BaseException) -> None:
    other = AsyncMock()

    def broken(event: Event) -> bool:
        raise error

    router = routed(when=broken)
    router.add(other, "Issue Hook")
    failing, working = router.explain(an_event())
    assert (failing.matched, working.matched) == (True, True)
    with pytest.raises(type(error)):
        await failing.run(an_event(), "gl")
    await working.run(an_event(), "gl")
    other.assert_awaited_once()


async def test_a_failing_handler_stops_no_other() -> None:
    working, router = AsyncMock(), Router()
    router.add(AsyncMock(side_effect=ValueError("a")), "*", name="failing")
    router.add(AsyncMock(side_effect=KeyError("b")), "Issue Hook", name="failing too")
    router.add(working, "*")
    with pytest.raises(ValueError, match="a"):
        await router.dispatch(an_event("Push Hook"), "gl")
    with pytest.raises(ExceptionGroup, match="2 handlers failed") as group:
        await router.dispatch(an_event(), "gl")
    assert [type(error) for error in group.value.exceptions] == [ValueError, KeyError]
    assert working.await_count == 2


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [(False, False, 0), (True, False, 0), (True, True, 0), (False, True, 1)],
)
def test_a_route_that_takes_own_events_precedes_the_others_of_its_handler(
    first: bool, second: bool, taken: int
) -> None:
    router = Router(routed(from_self=first), routed("*", from_self=second))
    evaluations = router.explain(an_event())
    assert [one.matched for one in evaluations] == [number == taken for number in range(2)]
    assert "route runs the same handler" in evaluations[1 - taken].because


@pytest.mark.parametrize(
    ("conditions", "matched", "because"),
    [
        ({}, True, "its conditions hold"),
        ({"action": "close"}, False, "action is 'open', not 'close'"),
        ({"action": ["close", "merge"]}, False, "action is 'open', not one of 'close', 'merge'"),
        ({"action": re.compile("^re")}, False, "action is 'open', not like '^re'"),
        ({"ref": "main"}, False, "ref is missing from the event"),
        ({"when": lambda event: False}, False, "its `when` returned false"),
    ],
    ids=["no condition", "value", "list", "pattern", "missing", "when"],
)
def test_explains_why_a_route_matches(
    conditions: dict[str, Any], matched: bool, because: str
) -> None:
    router = Router(routed("Push Hook"), routed(**conditions), routed("*"))
    push, tested, star = router.explain(an_event())
    assert (push.matched, push.because) == (False, "it takes 'Push Hook'")
    assert (tested.matched, tested.because) == (matched, because)
    assert star.matched is not matched
    assert matched == (star.because == "an earlier route runs the same handler")


@pytest.mark.parametrize("value", ["x" * 10_000, ["x"] * 10_000, {"a": "x" * 10_000}, 10**4000])
def test_shortens_a_long_value_in_an_explanation(value: Any) -> None:
    (evaluation,) = routed(action="close").explain(an_event(action=value))
    assert len(evaluation.because) < 200


# Names


@pytest.mark.parametrize(
    ("router", "conditions", "name", "identity"),
    [
        (Router(), {}, f"{__name__}:nothing", None),
        (Router(name="plugin"), {}, "plugin.nothing", None),
        (Router(name="plugin"), {"name": "given"}, "given", None),
        (Router(), {"name": "given", "formerly": "first"}, "given", "first"),
        (Router(name="plugin"), {"formerly": "first"}, "plugin.nothing", "first"),
    ],
)
def test_names_a_route_and_keeps_its_identity(
    router: Router, conditions: dict[str, Any], name: str, identity: str | None
) -> None:
    router.add(nothing, "Issue Hook", **conditions)
    (route,) = router.match(an_event())
    assert (route.name, route.identity) == (name, identity or name)
    assert route.is_called(name)
    assert route.is_called(route.identity)
    assert not route.is_called("another")


@dataclass
class EqualGreeter:
    async def greet(self, event: Event, gl: GitLabAPI) -> None: ...


def test_a_bound_method_is_one_handler_per_object() -> None:
    one, equal = EqualGreeter(), EqualGreeter()
    router = Router()
    router.add(one.greet, "Issue Hook")
    router.add(one.greet, "Issue Hook", action="open")
    router.add(equal.greet, "Issue Hook", name="other")
    assert len(router.match(an_event())) == 2


@dataclass(frozen=True)
class PluginSettings:
    text: str = "Hello"


HANDLER, NAMESAKE = new_handler(), new_handler()


def plugin(func: AsyncCallback, text: str = "Hello", **conditions: Any) -> Router:
    router = Router(name="plugin", settings=PluginSettings(text))
    router.add(func, "Issue Hook", **conditions)
    return router


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (plugin(NAMESAKE), "two handlers have the name plugin.handler: give one of them another"),
        (plugin(NAMESAKE, name="new", formerly="plugin.handler"), "two handlers have the name"),
        (plugin(HANDLER, "Hi"), "plugin.handler is registered with two different settings: give"),
        (plugin(HANDLER, formerly="old"), "give each registration the same `name` and `formerly`"),
    ],
)
def test_rejects_one_name_for_different_handlers(other: Router, complaint: str) -> None:
    for routers in ((plugin(HANDLER), other), (other, plugin(HANDLER))):
        with pytest.raises(TypeError, match=complaint) as error:
            Router(*routers)
        assert "`name" in str(error.value)


# Routers within routers


def test_includes_each_present_and_future_route_of_another_router_once() -> None:
    whole, part, later = routed("Issue Hook"), routed("Push Hook"), Router()
    whole.include(Router(part, later))
    whole.include(part, later, part)
    later.include(whole)
    later.add(nothing, "Note Hook")
    event_types = ["Issue Hook", "Push Hook", "Note Hook"]
    assert [route.event_type for route in whole.routes] == event_types
    assert [route.event_type for route in later.routes] == event_types
    assert [route.event_type for route in part.routes] == ["Push Hook"]


def test_finds_unknown_event_types_with_a_similar_known_one() -> None:
    router = Router(*map(routed, ("Issue Hook", "*", "Issues Hook", "issue hook", "xyz")))
    assert router.unknown_event_types() == {
        "Issues Hook": "Issue Hook",
        "issue hook": "Issue Hook",
        "xyz": None,
    }
