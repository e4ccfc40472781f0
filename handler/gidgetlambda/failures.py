"""Failures: the owner's functions that are called when a task is parked, or fails inline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from .registration import is_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .event import Event
    from .logs import Reporter

LONGEST_TIME = 3.0  # seconds

FailureHook: TypeAlias = "Callable[[Event, str, BaseException], Awaitable[None]]"
Hook = TypeVar("Hook", bound="FailureHook")


class FailureHooks:
    """Functions that are called with the event, the handler's name and the error."""

    def __init__(self) -> None:
        self._hooks: list[FailureHook] = []

    def add(self, hook: Hook) -> Hook:
        """Add a function; return it.

        Raises:
            TypeError: It is not async.
        """
        if not is_async(hook):
            raise TypeError(f"{hook!r} must be an async function: async def f(event, name, error)")
        self._hooks.append(hook)
        return hook

    async def call(
        self,
        event: Event,
        handler: str,
        error: BaseException,
        *,
        time_limit: float,
        reporter: Reporter,
    ) -> None:
        """Call the functions concurrently; report those that fail or exceed the time limit.

        Args:
            event: The event of the task.
            handler: The handler's name.
            error: The exception that the handler failed with.
            time_limit: The time that the functions may take, in seconds; at most 3 count.
            reporter: Reports the errors of the functions.
        """
        if not self._hooks:
            return
        tasks = [
            asyncio.create_task(_run(hook, event, handler, error, reporter)) for hook in self._hooks
        ]
        seconds = max(0.0, min(time_limit, LONGEST_TIME))
        # `asyncio.wait` also returns if a function ignores its cancellation.
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
            late_error = TimeoutError(f"on_failure exceeded its time limit of {seconds:.1f} s")
            reporter.failed_hook(event, handler, late_error)


async def _run(
    hook: FailureHook, event: Event, handler: str, error: BaseException, reporter: Reporter
) -> None:
    try:
        await hook(event, handler, error)
    # A SystemExit would end the event loop.
    except (Exception, SystemExit, BaseExceptionGroup) as failure:
        reporter.failed_hook(event, handler, failure)
