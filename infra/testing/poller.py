"""Passes a queue's messages to a function as Lambda's event source mapping does.

`BatchSize` 1 and `ReportBatchItemFailures`, as in the template: a message is deleted if the
function reports no failure for it; otherwise it stays invisible until its timeout.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from dataclasses import dataclass
from typing import Any

from .emulator import FunctionError
from .functions import Function
from .sqs import Principal, Sqs


@dataclass(frozen=True)
class Invocation:
    """One message that a function was invoked with.

    Attributes:
        deleted: Whether it left the queue.
        error: The reason if the function failed as a whole.
    """

    message_id: str
    deleted: bool
    error: str | None


@dataclass(frozen=True)
class Poller:
    """An event source mapping that acts when it is called. Several may share a queue.

    Attributes:
        role: The function's role; a mapping needs permissions of it.
    """

    sqs: Sqs
    role: Principal
    queue_url: str
    function: Function

    def __post_init__(self) -> None:
        self.sqs.call(self.role, "GetQueueAttributes", {"QueueUrl": self.queue_url})

    def step(self) -> Invocation | None:
        """Invoke the function with the next message; `None` if none is visible."""
        with self.sqs.receive(self.role, self.queue_url) as message:
            return None if message is None else self._invoke(message)

    def drain(self) -> list[Invocation]:
        """Step until no message is visible."""
        return list(iter(self.step, None))

    def settle(self, *, within: float = 14 * 24 * 3600) -> list[Invocation]:
        """Step until the queue is empty, and skip the time in which its messages are invisible.

        Raises:
            TimeoutError: The queue still has messages `within` seconds of the clock later.
        """
        clock = self.sqs.clock
        end = clock.now() + within
        done = self.drain()
        while (moment := self.sqs.next_visible(self.queue_url)) is not None:
            if moment > end:
                raise TimeoutError(f"the queue was not empty within {within:g} s: {done[-1:]}")
            clock.advance(max(0.0, moment - clock.now()))
            done += self.drain()
        return done

    def _invoke(self, message: dict[str, Any]) -> Invocation:
        error = None
        try:
            failed = _reports_failure(self.function.invoke({"Records": [self._record(message)]}))
        except FunctionError as failure:
            failed, error = True, str(failure)
        if not failed:
            done = {"QueueUrl": self.queue_url, "ReceiptHandle": message["ReceiptHandle"]}
            self.sqs.call(self.role, "DeleteMessage", done)
        return Invocation(message["MessageId"], not failed, error)

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        # https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-fifo-message-event
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.sqs.arn(self.queue_url),
            "awsRegion": "eu-west-1",
        }


def _reports_failure(answer: Any) -> bool:
    """Return whether an answer reports the message; one that Lambda cannot read is a failure."""
    if isinstance(answer, dict):
        return bool(answer.get("batchItemFailures"))
    return answer is not None
