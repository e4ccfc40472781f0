"""Reporter: one structured line and the metrics of each delivery and each task.

Lines go through the standard `logging`, whose `extra` keys Lambda's JSON format (`LoggingConfig:
{LogFormat: JSON}`) writes as fields.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .event import Event
    from .metrics import Metrics
    from .outcome import Outcome
    from .redactor import Redactor
    from .router import Explanation

logger = logging.getLogger("gidgetlambda")

# Libraries whose lines would repeat what is told here, or tell a secret: botocore tells what it
# signs, the session token included.
TALKATIVE = ("botocore", "httpcore", "httpx", "mangum")

DELIVERY_METRICS = {
    "ignored": "Ignored",
    "misconfigured": "Misconfigured",
    "queued": "Queued",
    "too_large": "TooLarge",
    "unavailable": "Unavailable",
}


def set_level(level: int) -> None:
    """Log what is of this level of `logging` or above, and of libraries their warnings only."""
    logger.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class Reporter:
    """Tells what becomes of deliveries and tasks."""

    def __init__(self, redactor: Redactor, metrics: Metrics) -> None:
        self._redactor = redactor
        self._metrics = metrics

    def delivery(
        self,
        event: Event | None,
        *,
        status: int,
        outcome: str,
        because: str | None,
        handlers: Iterable[str],
        started: float,
    ) -> None:
        """A delivery was answered.

        event: `None` where it was not let in.
        status: of the HTTP answer.
        started: as `time.monotonic` told it, in seconds.
        """
        self._metrics.count("Received")
        if outcome == "refused":
            self._metrics.count("Refused", Reason=HTTPStatus(status).phrase)
        elif outcome in DELIVERY_METRICS:
            self._metrics.count(DELIVERY_METRICS[outcome])
        self._log(
            logging.ERROR if status >= 500 else logging.INFO,
            "delivery",
            event,
            handlers=list(handlers) or None,
            outcome=outcome,
            because=because,
            status=status,
            milliseconds=_milliseconds_since(started),
        )

    def routes(self, event: Event, explanations: Iterable[Explanation]) -> None:
        """For which routes an event is, and why; told at the level DEBUG."""
        for explanation in explanations:
            self._log(
                logging.DEBUG,
                "route",
                event,
                handler=explanation.handler,
                matched=explanation.matched,
                because=explanation.because,
            )

    def task(
        self,
        event: Event,
        handler: str,
        outcome: Outcome,
        *,
        started: float,
        attempt: int = 1,
        age: float | None = None,
    ) -> None:
        """A handler was run on an event, or could not be.

        started: as `time.monotonic` told it, in seconds.
        attempt: 1 for the first.
        age: since the delivery of a task that was queued, in seconds.
        """
        # While GitLab waits, a task that is ignored is a delivery that is, and counted as one.
        if age is not None or outcome.status != "ignored":
            self._metrics.count(outcome.status.capitalize())
        if age is not None and outcome.status == "done":
            self._metrics.seconds("SecondsToDone", age)
        if age is not None and attempt > 1:
            self._metrics.seconds("AgeAtFurtherTry", age)
        failed = outcome.status in ("failed", "parked")
        error = outcome.error if failed else None
        self._log(
            logging.ERROR if failed else logging.INFO,
            "task",
            event,
            handler=handler,
            attempt=attempt,
            outcome=outcome.status,
            because=outcome.because,
            milliseconds=_milliseconds_since(started),
            traceback=self._redactor.traceback(error) if error is not None else None,
        )

    def _log(self, level: int, message: str, event: Event | None, **fields: Any) -> None:
        """Write one line with those fields that are not `None`."""
        if not logger.isEnabledFor(level):
            return
        if event is not None:
            fields = {
                "delivery": event.delivery_id,
                "event": event.event,
                "project": event.project_path,
                "target": event.target_path,
                "user": event.username,
                **fields,
            }
        present = {k: self._redactor.value(v) for k, v in fields.items() if v is not None}
        logger.log(level, message, extra=present)


class LineFormatter(logging.Formatter):
    """A line with its fields, for a terminal: `INFO task handler=… outcome=done`.

    A traceback stands below it. No other field starts a line: a payload's text could forge one.
    """

    def format(self, record: logging.LogRecord) -> str:
        fields = {key: str(record.__dict__[key]) for key in _extra(record)}
        traceback = fields.pop("traceback", "")
        if record.exc_info:
            traceback = self.formatException(record.exc_info)
        told = (f"{key}={value}".replace("\n", r"\n") for key, value in fields.items())
        line = " ".join((record.levelname, record.getMessage(), *told))
        return "\n".join((line, *traceback.splitlines()))


def _extra(record: logging.LogRecord) -> list[str]:
    plain = logging.makeLogRecord({}).__dict__
    return [key for key in record.__dict__ if key not in plain and key != "taskName"]


def _milliseconds_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
