"""Consumer: takes tasks off the queue, has them worked on, and puts back or parks what failed.

How a handler is run is the worker's affair, and what its failure means is told by `retries`. SQS
deletes a message once the function reports no failure for it; parking is therefore send, then
report none, so that a crash in between repeats the task and loses nothing.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .errors import MalformedTask, QueueUnavailable, SettingsError, UnknownHandler
from .logs import logger, set_level
from .outcome import Outcome
from .retries import Try, pause
from .settings import log_level
from .task import Message, Parking, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .gitlabbot import GitLabBot
    from .sqs import Queue

TIME_LEFT_OVER = 3.0  # seconds kept for putting back or parking what ran out of time
FALLBACK_TIME = 50.0  # seconds, where nothing tells how long the function may run


@dataclass(frozen=True)
class Received:
    """A message as SQS handed it out.

    sent: when this copy was sent, in seconds since the epoch.
    tries: how often it was handed out, this time included.
    """

    message_id: str
    receipt_handle: str
    body: str
    group: str
    sent: float
    tries: int

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Received:
        """One of the `Records` that Lambda is invoked with."""
        attributes = record["attributes"]
        return cls(
            message_id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            group=attributes.get("MessageGroupId", record["messageId"]),
            sent=int(attributes["SentTimestamp"]) / 1000,
            tries=int(attributes["ApproximateReceiveCount"]),
        )

    def tried(self, unanswered_write: bool) -> Try:
        """This handing out as a try, for deciding what comes next."""
        return Try(
            age=time.time() - self.sent,
            tries=self.tries,
            unanswered_write=unanswered_write,
            jitter=random.random(),  # noqa: S311 - no secret depends on it
        )


class Consumer:
    """Works on a bot's queued tasks; called as a Lambda function is."""

    def __init__(self, bot: GitLabBot) -> None:
        self._bot = bot
        set_level(log_level(os.environ))
        # One event loop for as long as the container lives: connections belong to their loop.
        self._runner = asyncio.Runner()

    def __call__(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Work on the messages of one invocation; name those that have to come again."""
        records = [Received.of(record) for record in event["Records"]]
        deadline = time.monotonic() + _time(context)
        failures = self._runner.run(self.consume(records, deadline))
        return {"batchItemFailures": [{"itemIdentifier": one} for one in failures]}

    def close(self) -> None:
        """Close the connections and the event loop. Lambda ends a container without asking."""
        self._runner.run(self._bot.aclose())
        self._runner.close()

    async def consume(self, messages: list[Received], deadline: float) -> list[str]:
        """Work on messages in their order; return the ids of those that have to come again.

        A message that comes again keeps those behind it from running, as the order of a group
        demands.

        deadline: as `time.monotonic` tells time, in seconds.
        """
        for number, message in enumerate(messages):
            if not await self._settle(message, deadline):
                return [one.message_id for one in messages[number:]]
        return []

    async def _settle(self, message: Received, deadline: float) -> bool:
        """Work on one message; return whether it may leave the queue."""
        try:
            task = Task.decode(message.body)
        except MalformedTask as error:
            return await self._settle_unreadable(message, error)
        started = time.monotonic()
        outcome = await self._work(task, deadline - started)
        if outcome.status == "failed":
            outcome = await self._again_or_park(task, message, outcome)
        self._bot.reporter.task(
            task.event,
            task.handler,
            outcome,
            started=started,
            attempt=message.tries,
            age=time.time() - task.received,
        )
        return outcome.status != "again"

    async def _work(self, task: Task, time_limit: float) -> Outcome:
        redactor = self._bot.redactor
        routes = {route.name: route for route in self._bot.router.match(task.event)}
        if task.handler not in routes:
            names = {route.name for route in self._bot.router.routes}
            if task.handler in names:
                return Outcome("ignored", "this version's conditions no longer hold")
            unknown = UnknownHandler(f"this version has no handler {task.handler}")
            return Outcome("failed", redactor.error(unknown), unknown)
        try:
            worker = self._bot.worker
        except SettingsError as error:
            return Outcome("failed", redactor.error(error), error)
        return await worker.run(task.event, routes[task.handler], time_limit=time_limit)

    async def _again_or_park(self, task: Task, message: Received, failed: Outcome) -> Outcome:
        """Put a failed task back, or park it; return what became of it."""
        assert failed.error is not None  # noqa: S101 - a failed outcome has one
        seconds = pause(failed.error, message.tried(failed.unanswered_write))
        try:
            if seconds is None:
                await self._parked_queue.send([self._parked(task, message, failed)])
                return replace(failed, status="parked")
            await self._delay(message, seconds)
        except (QueueUnavailable, SettingsError) as error:
            # The message comes again by itself, after the queue's visibility timeout.
            return Outcome("again", f"{failed.because}; {error}", failed.error)
        return Outcome("again", f"{failed.because}; again in {seconds:.0f} s", failed.error)

    async def _delay(self, message: Received, seconds: float) -> None:
        queue = self._bot.queue(self._bot.queue_settings.queue_url)
        await queue.delay(message.receipt_handle, seconds)

    @property
    def _parked_queue(self) -> Queue:
        return self._bot.queue(self._bot.queue_settings.parked_queue_url)

    def _parked(self, task: Task, message: Received, failed: Outcome) -> Message:
        redactor = self._bot.redactor
        parking = Parking(
            at=time.time(),
            because=failed.because or "",
            attempts=message.tries,
            group=message.group,
            traceback=redactor.traceback(failed.error) if failed.error else None,
        )
        return task.parked(parking).moved_message(message.message_id)

    async def _settle_unreadable(self, message: Received, error: MalformedTask) -> bool:
        """Put back what is no task, or park it as it is: another version may know it."""
        seconds = pause(error, message.tried(unanswered_write=False))
        logger.error("message %s cannot be worked on: %s", message.message_id, error)
        try:
            if seconds is not None:
                await self._delay(message, seconds)
                return False
            digest = hashlib.sha256(f"{message.message_id} {message.body}".encode()).hexdigest()
            await self._parked_queue.send([Message(message.body, digest, digest)])
        except (QueueUnavailable, SettingsError) as refusal:
            logger.error("message %s comes again: %s", message.message_id, refusal)
            return False
        self._bot.metrics.count("Parked")
        return True


def _time(context: Any) -> float:
    """How long handlers may run in this invocation, in seconds."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is None:
        return FALLBACK_TIME
    return max(1.0, float(remaining()) / 1000 - TIME_LEFT_OVER)
