import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from typing import Any, Literal, NewType, Protocol
from unittest.mock import AsyncMock

import pytest
from gidgetlambda import Event, Router

from tests.handler import payloads

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Greeting:
    text: str = "Hello"
    labels: tuple[str, ...] = ()


class SettingsRecorder:
    """Records the settings that its handler receives."""

    def __init__(self) -> None:
        self.received: list[Any] = []

    async def handler(self, event: Event, gl: Any, settings: Any = "its default") -> None:
        self.received.append(settings)

    def router(self, name: str, settings: Any) -> Router:
        router = Router(name=name, settings=settings)
        router.add(self.handler, "Issue Hook")
        return router

    async def run(self, router: Router) -> list[Any]:
        self.received.clear()
        await router.dispatch(Event(payloads.issue(), event="Issue Hook"), "gl")
        return self.received


async def test_a_handler_receives_the_settings_of_its_router() -> None:
    recorder = SettingsRecorder()
    router = Router(recorder.router("one", Greeting()), recorder.router("other", None))
    assert await recorder.run(router) == [Greeting(), "its default"]


async def test_a_handler_without_a_parameter_settings_receives_none() -> None:
    mock, router = AsyncMock(), Router(settings=Greeting())
    router.add(mock, "Issue Hook")
    event = Event(payloads.issue(), event="Issue Hook")
    await router.dispatch(event, "gl")
    mock.assert_awaited_once_with(event, "gl")


async def test_with_settings_changes_a_copy() -> None:
    recorder = SettingsRecorder()
    router = recorder.router("plugin", Greeting())
    changed = router.with_settings(text="Hi")
    assert await recorder.run(changed) == [changed.settings] == [Greeting("Hi")]
    assert await recorder.run(router) == [router.settings] == [Greeting()]


async def test_with_settings_leaves_those_of_included_routers() -> None:
    recorder = SettingsRecorder()
    router = recorder.router("outer", Greeting("outer"))
    router.include(recorder.router("inner", Greeting("inner")))
    changed = router.with_settings(text="changed")
    assert await recorder.run(changed) == [Greeting("changed"), Greeting("inner")]


@dataclass
class Mutable:
    text: str = ""


@dataclass(frozen=True)
class Required:
    text: str


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (Mutable(), "Mutable must be frozen: @dataclass(frozen=True)"),
        (Required(""), "Required.text must have a default"),
        (Greeting, "must be an instance of a dataclass"),
        ({"text": ""}, "must be an instance of a dataclass"),
    ],
)
def test_requires_a_frozen_dataclass_with_defaults(settings: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=re.escape(complaint)):
        Router(settings=settings)


def test_rejects_a_change_to_an_unknown_name_or_a_wrong_type() -> None:
    with pytest.raises(TypeError, match="the setting text must be str, not 3"):
        Router(settings=Greeting()).with_settings(text=3)
    with pytest.raises(TypeError, match="no setting 'txt'; it has text, labels"):
        Router(settings=Greeting()).with_settings(txt="Hi")
    with pytest.raises(TypeError, match="no setting 'text'; it has none"):
        Router().with_settings(text="Hi")


def with_default(hint: Any, default: Any) -> Any:
    """Return an instance of a dataclass with one field, `setting`."""
    fields = [("setting", hint, field(default_factory=lambda: default))]
    return make_dataclass("Given", fields, frozen=True)()


@pytest.mark.parametrize(
    ("hint", "right", "wrong"),
    [
        (str, "a", 1),
        (int, 1, True),
        (int, 1, "1"),
        (float, 1, True),
        (bool, True, 1),
        (str | None, None, 1),
        (Literal["a", "b"], "a", "c"),
        (Literal[1], 1, True),
        (tuple[str, ...], ("a", "b"), "ab"),
        (tuple[str, ...], (), ("a", 1)),
        (tuple[str, int], ("a", 1), ("a",)),
        (list[str], ["a"], ("a",)),
        (frozenset[int], frozenset({1}), frozenset({"a"})),
        (Sequence[str], ["a"], "a"),
        (Mapping[str, int], {"a": 1}, {"a": "1"}),
        (dict[str, list[str]], {"a": ["b"]}, {"a": "b"}),
        (Callable[[], None], print, "print"),
        (re.Pattern[str], re.compile("a"), "a"),
        ("int | None", 1, "1"),
    ],
    ids=str,
)
def test_rejects_a_value_of_a_wrong_type(hint: Any, right: Any, wrong: Any) -> None:
    router = Router(settings=with_default(hint, right))
    with pytest.raises(TypeError, match="the setting setting must be"):
        Router(settings=with_default(hint, wrong))
    with pytest.raises(TypeError, match="the setting setting must be"):
        router.with_settings(setting=wrong)


class Greets(Protocol):
    def greet(self) -> str: ...


@pytest.mark.parametrize("hint", [Any, NewType("Label", str), Greets, "KnownToTypeCheckersOnly"])
def test_accepts_every_value_of_a_type_that_cannot_be_checked(hint: Any) -> None:
    assert Router(settings=with_default(hint, 1)).settings.setting == 1
