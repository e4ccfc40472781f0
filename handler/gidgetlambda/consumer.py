"""Consumer: runs the tasks of the queue, and delays or parks those that failed.

The worker runs the handlers, and `retries` decides about their failures. SQS deletes a message
unless the function reports it as a failure. To park a task, the consumer first sends it to the
parked queue and then reports no failure: a crash in between repeats the task and loses nothing.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from . import settings
from .errors import MalformedTask, QueueUnavailable, SettingsError, UnknownHandler
from .logs import logger, set_level
from .outcome import Outcome
from .retries import Try, pause
from .task import Message, Parking, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .runtime import Runtime
    from .sqs import Queue

# Seconds, kept for a task that ran out of time: `worker.GRACE` and `sqs.TIME_LIMIT`.
RESERVED_TIME = 10.0
SPARE_TIME = 0.5  # seconds, kept for the end of the invocation
DEFAULT_TIME = 50.0  # seconds for the handlers if the context has no time limit


@dataclass(frozen=True)
class ReceivedMessage:
    """A message as SQS delivered it.

    Attributes:
        sent: The time at which this copy was sent, in seconds since the epoch.
        tries: The receive count, this receipt included.
    """

    message_id: str
    receipt_handle: str
    body: str
    group: str
    sent: float
    tries: int

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ReceivedMessage:
        """Read one of the `Records` of a Lambda event."""
        attributes = record["attributes"]
        return cls(
            message_id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            group=attributes.get("MessageGroupId", record["messageId"]),
            sent=int(attributes["SentTimestamp"]) / 1000,
            tries=int(attributes["ApproximateReceiveCount"]),
        )

    def failed_try(self, *, received: float, unanswered_write: bool) -> Try:
        """Describe this receipt as a failed try, for the decision about the next one.

        Args:
            received: The time of the delivery, in seconds since the epoch.
            unanswered_write: GitLab may still act on a request whose answer never came.
        """
        now = time.time()
        return Try(
            age=now - self.sent,
            # A task that was parked was delivered long before this copy was sent.
            delivery_age=now - min(received, self.sent),
            tries=self.tries,
            unanswered_write=unanswered_write,
            jitter=random.random(),  # noqa: S311 - no secret depends on it
        )


class Consumer:
    """Runs a bot's queued tasks; a Lambda function."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        set_level(settings.log_level())
        # One event loop for the lifetime of the container: connections belong to their loop.
        self._runner = asyncio.Runner()

    def __call__(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Run the tasks of one invocation; report those that have to be redelivered."""
        messages = [ReceivedMessage.from_record(record) for record in event["Records"]]
        deadline = time.monotonic() + _time_for_handlers(context)
        failures = self._runner.run(self.consume(messages, deadline))
        return {"batchItemFailures": [{"itemIdentifier": one} for one in failures]}

    def close(self) -> None:
        """Close the connections and the event loop. Lambda ends a container without this."""
        self._runner.run(self._runtime.aclose())
        self._runner.close()

    async def consume(self, messages: list[ReceivedMessage], deadline: float) -> list[str]:
        """Run the tasks of a batch, in the order of its messages.

        A message that has to be redelivered stops those behind it, to keep the order of its group.

        Args:
            messages: The messages of one batch.
            deadline: The end of the time for handlers, in seconds of `time.monotonic`.

        Returns:
            The ids of the messages that have to be redelivered.
        """
        for number, message in enumerate(messages):
            if not await self._process(message, deadline):
                return [one.message_id for one in messages[number:]]
        return []

    async def _process(self, message: ReceivedMessage, deadline: float) -> bool:
        """Process one message; return whether SQS may delete it."""
        try:
            task = Task.decode(message.body)
        except MalformedTask as error:
            return await self._process_malformed(message, error)
        started = time.monotonic()
        outcome = await self._run(task, deadline - started)
        if outcome.status == "failed":
            outcome = await self._retry_or_park(task, message, outcome)
        self._runtime.reporter.task(
            task.event,
            self._present_name(task.handler),
            outcome,
            started=started,
            attempt=message.tries,
            age=time.time() - task.received,
        )
        if outcome.status == "parked":
            await self._report_parked(task, outcome, deadline + RESERVED_TIME)
        with contextlib.suppress(SettingsError):
            await self._runtime.worker.check_token(deadline - time.monotonic())
        return outcome.status != "retrying"

    async def _report_parked(self, task: Task, parked: Outcome, end: float) -> None:
        """Call the owner's functions before the function ends: a kill would repeat the parking."""
        assert parked.error is not None  # noqa: S101 - a parked outcome has one
        await self._runtime.failures.call(
            task.event,
            self._present_name(task.handler),
            parked.error,
            time_limit=end - SPARE_TIME - time.monotonic(),
            reporter=self._runtime.reporter,
        )

    def _present_name(self, handler: str) -> str:
        """Return the present name of a task's handler, which may have been renamed since."""
        names = (route.name for route in self._runtime.router.routes if route.is_called(handler))
        return next(names, handler)

    async def _run(self, task: Task, time_limit: float) -> Outcome:
        evaluations = self._runtime.router.explain(task.event, handler=task.handler)
        if not evaluations:
            unknown = UnknownHandler(f"this version has no handler {task.handler}")
            return Outcome("failed", self._runtime.redactor.error(unknown), unknown)
        matched = next((one for one in evaluations if one.matched), None)
        if matched is None:
            return Outcome("ignored", "this version's conditions no longer hold")
        try:
            worker = self._runtime.worker
        except SettingsError as error:
            return Outcome("failed", self._runtime.redactor.error(error), error)
        return await worker.run(task.event, matched, time_limit=time_limit, received=task.received)

    async def _retry_or_park(
        self, task: Task, message: ReceivedMessage, failed: Outcome
    ) -> Outcome:
        """Delay the next try of a failed task, or park it; return the new outcome."""
        assert failed.error is not None  # noqa: S101 - a failed outcome has one
        failed_try = message.failed_try(
            received=task.received, unanswered_write=failed.unanswered_write
        )
        seconds = pause(failed.error, failed_try)
        try:
            if seconds is None:
                await self._parked_queue.send([self._parked(task, message, failed)])
                return replace(failed, status="parked")
            await self._delay(message, seconds)
        except (QueueUnavailable, SettingsError) as error:
            # SQS redelivers the message after the queue's visibility timeout.
            return Outcome("retrying", f"{failed.because}; {error}", failed.error)
        because = f"{failed.because}; the next try is in {seconds:.0f} s"
        return Outcome("retrying", because, failed.error)

    async def _delay(self, message: ReceivedMessage, seconds: float) -> None:
        queue = self._runtime.queue(self._runtime.queue_settings.queue_url)
        await queue.delay(message.receipt_handle, seconds)

    @property
    def _parked_queue(self) -> Queue:
        return self._runtime.queue(self._runtime.queue_settings.parked_queue_url)

    def _parked(self, task: Task, message: ReceivedMessage, failed: Outcome) -> Message:
        redactor = self._runtime.redactor
        parking = Parking(
            at=time.time(),
            because=failed.because or "",
            attempts=message.tries,
            group=message.group,
            traceback=redactor.traceback(failed.error) if failed.error else None,
        )
        return task.parked(parking, message.message_id)

    async def _process_malformed(self, message: ReceivedMessage, error: MalformedTask) -> bool:
        """Delay a message that is not a task, or park it unchanged: another version may know it."""
        failed_try = message.failed_try(received=message.sent, unanswered_write=False)
        seconds = pause(error, failed_try)
        logger.error("message %s cannot be processed: %s", message.message_id, error)
        try:
            if seconds is not None:
                await self._delay(message, seconds)
                return False
            digest = hashlib.sha256(f"{message.message_id} {message.body}".encode()).hexdigest()
            await self._parked_queue.send([Message(message.body, digest, digest)])
        except (QueueUnavailable, SettingsError) as refusal:
            logger.error("message %s will be redelivered: %s", message.message_id, refusal)
            return False
        self._runtime.metrics.count("Parked")
        return True


def _time_for_handlers(context: Any) -> float:
    """Return the time that handlers may take in this invocation, in seconds."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is None:
        return DEFAULT_TIME
    return max(1.0, float(remaining()) / 1000 - RESERVED_TIME)
