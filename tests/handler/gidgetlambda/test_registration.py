"""Registration through `Router.register` and `Router.add`."""

import functools
import re
import runpy
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from gidgetlambda import Event, GitLabAPI, Router

from tests.handler import payloads

pytestmark = pytest.mark.anyio


class Greeter:
    async def greet(self, event: Event, gl: GitLabAPI) -> None: ...

    async def __call__(self, event: Event, gl: GitLabAPI) -> None: ...

    def plain(self, event: Event, gl: GitLabAPI) -> None: ...


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


async def handler(event: Event, gl: GitLabAPI) -> None: ...
async def as_in_gidgetlab(event: Event, *args: Any, **kwargs: Any) -> None: ...
async def with_default(
    event: Event, gl: GitLabAPI, settings: str = "", dry: bool = False
) -> None: ...
async def with_greeting(greeting: str, event: Event, gl: GitLabAPI) -> None: ...
def plain(event: Event, gl: GitLabAPI) -> None: ...


GREETING = functools.partial(with_greeting, "Hi")


@pytest.mark.parametrize(
    ("func", "name"),
    [
        (handler, "handler"),
        (as_in_gidgetlab, "as_in_gidgetlab"),
        (with_default, "with_default"),
        (Greeter().greet, "Greeter.greet"),
        (Greeter(), "Greeter"),
        (GREETING, "with_greeting"),
        (functools.partial(GREETING), "with_greeting"),
        (functools.partial(Greeter()), "Greeter"),
        (passes_on(handler), "handler"),
        (passes_on(passes_on(handler)), "handler"),
        (passes_on(GREETING), "with_greeting"),
        (made_async(plain), "plain"),
        (AsyncMock(), "AsyncMock"),
    ],
)
async def test_accepts_and_names_every_awaitable_handler(func: Any, name: str) -> None:
    router, named = Router(), Router(name="plugin")
    router.add(func, "Issue Hook")
    named.add(func, "Issue Hook")
    await router.dispatch(Event(payloads.issue(), event="Issue Hook"), "gl")
    module = "unittest.mock" if name == "AsyncMock" else __name__
    assert router.routes[0].name == f"{module}:{name}"
    assert named.routes[0].name == f"plugin.{name}"


SCRIPT = """
from gidgetlambda import GitLabBot
bot = GitLabBot("a-bot")

@bot.router.register("Issue Hook")
async def opened(event, gl): ...
"""


@pytest.mark.parametrize("module", ["__main__", "bot"])
def test_a_handler_has_the_same_name_in_a_script_and_in_a_module(
    tmp_path: Path, module: str
) -> None:
    path = tmp_path / "bot.py"
    path.write_text(SCRIPT)
    (route,) = runpy.run_path(str(path), run_name=module)["bot"].router.routes
    assert route.name == "bot:opened"


# Mistakes


async def generates(event: Event, gl: GitLabAPI) -> Any:
    yield event


def generates_plainly(event: Event, gl: GitLabAPI) -> Any:
    yield event


async def without_gl(event: Event) -> None: ...
async def with_too_many(event: Event, gl: GitLabAPI, extra: str) -> None: ...
async def with_required_keyword(event: Event, gl: GitLabAPI, *, extra: str) -> None: ...
async def with_settings(event: Event, gl: GitLabAPI, settings: Any) -> None: ...


@pytest.mark.parametrize(
    ("func", "complaint"),
    [
        (plain, "plain is a plain `def`: write `async def plain`"),
        (Greeter().plain, "Greeter.plain is a plain `def`"),
        (functools.partial(plain), "plain is a plain `def`"),
        (functools.wraps(plain)(lambda *args: None), "plain is a plain `def`"),
        (lambda event, gl: None, "is a plain `def`"),
        (generates_plainly, "is a plain `def`"),
        (print, "print is a plain `def`"),
        (generates, "generates yields: a handler is awaited and must not `yield`"),
        (functools.partial(generates), "generates yields"),
        (Greeter, "Greeter is a class: register an instance of it"),
        (object(), "must be an `async def` function, not"),
        (None, "must be an `async def` function, not None"),
        (without_gl, "write `async def without_gl(event: Event, gl: GitLabAPI) -> None`"),
        (with_too_many, "missing a required argument: 'extra'"),
        (with_required_keyword, "missing a required"),
        (with_greeting, "with_greeting cannot be called with an event and gl"),
        (with_settings, "its router has no settings: create it with Router(settings=Settings())"),
    ],
)
def test_rejects_a_handler_that_cannot_be_called_and_awaited(func: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=re.escape(complaint)):
        Router().register("Issue Hook")(func)


@pytest.mark.parametrize(
    ("event_types", "complaint"),
    [
        ((), 'register needs an event type: @router.register("Issue Hook")'),
        ((handler,), 'without an event type: write @router.register("Issue Hook")'),
        (("Issue Hook", 1), "an event type must be a text like 'Issue Hook', not 1"),
        ((["Issue Hook", "Note Hook"],), "an event type must be a text"),
    ],
    ids=["none", "bare decorator", "number", "list"],
)
def test_rejects_event_types_that_are_not_texts(event_types: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=re.escape(complaint)):
        Router().register(*event_types)


async def asynchronous(event: Event) -> bool:
    return True


class AsynchronousPredicate:
    async def __call__(self, event: Event) -> bool:
        return True


@pytest.mark.parametrize(
    ("conditions", "complaint"),
    [
        ({"when": "open"}, "`when` must be a predicate on the event, not 'open'"),
        ({"when": asynchronous}, "`when` must be a plain function"),
        ({"when": AsynchronousPredicate()}, "`when` must be a plain function"),
        ({"when": functools.partial(asynchronous)}, "`when` must be a plain function"),
        ({"from_self": "yes"}, "`from_self` must be True or False, not 'yes'"),
        ({"action": re.compile(b"open")}, "action must be a pattern of text, not of bytes"),
        ({"name": ""}, "`name` must be a non-empty text, not ''"),
        ({"formerly": 1}, "`formerly` must be a non-empty text, not 1"),
    ],
)
def test_rejects_conditions_of_a_wrong_type(conditions: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TypeError, match=re.escape(complaint)):
        Router().add(handler, "Issue Hook", **conditions)


def test_rejects_a_router_name_that_is_not_a_text() -> None:
    with pytest.raises(TypeError, match="`name` must be a non-empty text"):
        Router(name=Router())  # type: ignore[arg-type]
