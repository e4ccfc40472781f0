import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from gidgetlambda import Event, GitLabBot
from gidgetlambda.failures import FailureHooks
from gidgetlambda.logs import Reporter
from gidgetlambda.metrics import Metrics
from gidgetlambda.redactor import Redactor

pytestmark = pytest.mark.anyio

REPORTER = Reporter(Redactor(["s3cret"]), Metrics(None))
EVENT = Event({}, event="Issue Hook")


async def returns(*_: Any) -> None: ...


async def raises(*_: Any) -> None:
    raise ValueError("s3cret")


async def exits(*_: Any) -> None:
    raise SystemExit(1)


async def hangs(*_: Any) -> None:
    await asyncio.sleep(60)


async def ignores_cancellation(*_: Any) -> None:
    end = time.monotonic() + 3
    while time.monotonic() < end:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("hook", "logged"),
    [
        (returns, []),
        (raises, ["ValueError: ***"]),
        (exits, ["SystemExit: 1"]),
        (hangs, ["TimeoutError: on_failure exceeded its time limit of 0.2 s"]),
        (ignores_cancellation, ["TimeoutError: on_failure exceeded its time limit of 0.2 s"]),
    ],
)
async def test_a_function_changes_nothing_by_its_own_failure(
    hook: Callable[..., Awaitable[None]], logged: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    hooks = FailureHooks()
    called: list[str] = []

    async def records(event: Event, handler: str, error: BaseException) -> None:
        called.append(f"{event.event}, {handler}, {error}")

    assert hooks.add(hook) is hook
    hooks.add(records)
    started = time.monotonic()
    error = KeyError("x")
    await hooks.call(EVENT, "m.h", error, time_limit=0.2, reporter=REPORTER)
    assert time.monotonic() - started < 1
    assert called == ["Issue Hook, m.h, 'x'"]
    lines = [one.__dict__ for one in caplog.records if one.message == "on_failure"]
    assert [(line["handler"], line["because"]) for line in lines] == [
        ("m.h", one) for one in logged
    ]


def test_rejects_a_function_that_is_not_async() -> None:
    with pytest.raises(TypeError, match="must be an async function"):
        GitLabBot("tester").on_failure(print)  # type: ignore[type-var]
