"""Reporter: one structured log line and the metrics of each delivery and each task.

The lines go through the standard `logging`. Lambda's JSON format (`LoggingConfig: {LogFormat:
JSON}`) writes the keys of `extra` as fields.

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
    from .router import Evaluation

logger = logging.getLogger("gidgetlambda")

# Libraries whose lines repeat those of the reporter.
NOISY_LIBRARIES = ("httpcore", "httpx", "mangum")

# The last three are set by formatters of other handlers, and by Python 3.12 and later.
STANDARD_KEYS = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}

UNSENT_BODY_LIMIT = 1000  # characters
TOKEN_DAYS = 14  # the threshold of TokenAlarm in template.yaml

DELIVERY_METRICS = {
    "ignored": "Ignored",
    "misconfigured": "Misconfigured",
    "queued": "Queued",
    "too_large": "TooLarge",
    "unavailable": "Unavailable",
}


def set_level(level: int) -> None:
    """Set the level of this package's log lines, as a number of `logging`.

    Of the libraries, only warnings and errors are logged.
    """
    logger.setLevel(level)
    for name in NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class Reporter:
    """Logs and counts deliveries and tasks."""

    def __init__(self, redactor: Redactor, metrics: Metrics) -> None:
        self._redactor = redactor
        self._metrics = metrics

    def delivery(
        self,
        event: Event | None,
        *,
        delivery_id: str | None,
        claims_event: bool,
        status: int,
        outcome: str,
        because: str | None,
        handlers: Iterable[str],
        started: float,
        request_id: str | None = None,
    ) -> None:
        """Report the answer to a delivery.

        Args:
            event: `None` for a delivery that was refused.
            delivery_id: The delivery's ID, if it has one.
            claims_event: Whether the request has an `X-Gitlab-Event`. Others are not counted: a
                scanner of the internet causes no alarm.
            status: The HTTP status of the answer.
            outcome: The status word in the answer, "queued" for example.
            because: The reason in the answer.
            handlers: The names of the handlers.
            started: The time of `time.monotonic` at the start, in seconds.
            request_id: API Gateway's ID of the request, which its access log contains, too.
        """
        if claims_event:
            reason = HTTPStatus(status).phrase if outcome == "refused" else None
            accepted = [] if event is None else ["Accepted"]
            named = [DELIVERY_METRICS[outcome]] if outcome in DELIVERY_METRICS else []
            self._metrics.count("Received", *accepted, *named, refused_because=reason)
        self._log(
            logging.ERROR if status >= 500 else logging.INFO,
            "delivery",
            event,
            delivery=delivery_id,
            handlers=list(handlers) or None,
            outcome=outcome,
            because=because,
            status=status,
            request=request_id,
            milliseconds=_milliseconds_since(started),
        )

    def routes(self, event: Event, evaluations: Iterable[Evaluation]) -> None:
        """Report, at the level DEBUG, whether each route matches an event, and why."""
        for evaluation in evaluations:
            self._log(
                logging.DEBUG,
                "route",
                event,
                handler=evaluation.handler,
                matched=evaluation.matched,
                because=evaluation.because,
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
        """Report the outcome of a handler's run on an event.

        Args:
            event: The event.
            handler: The handler's name.
            outcome: The outcome.
            started: The time of `time.monotonic` at the start, in seconds.
            attempt: The number of the try, from 1.
            age: The time since the delivery of a queued task, in seconds; `None` in inline mode.
        """
        # In inline mode, an ignored task is an ignored delivery and is counted as one.
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

    def failed_hook(self, event: Event, handler: str, error: BaseException) -> None:
        """Report that a function of `on_failure` failed for a handler's failure."""
        self._log(
            logging.ERROR,
            "on_failure",
            event,
            handler=handler,
            because=self._redactor.error(error),
            traceback=self._redactor.traceback(error),
        )

    def unsent_write(self, event: Event, handler: str, method: str, url: str, body: str) -> None:
        """Report a write that `GL_DRY_RUN` prevents."""
        # Redaction precedes truncation: half a secret would stay.
        text = self._redactor.text(body)[:UNSENT_BODY_LIMIT]
        self._log(
            logging.INFO, "dry run", event, handler=handler, method=method, url=url, body=text
        )

    def token(self, days_left: int) -> None:
        """Report the number of days until the access token expires."""
        self._metrics.value("TokenDaysLeft", days_left)
        if days_left < TOKEN_DAYS:
            logger.warning("GL_ACCESS_TOKEN expires in %d days: replace it", days_left)

    def _log(self, level: int, message: str, event: Event | None, **fields: Any) -> None:
        """Write one line with the fields that are not `None`."""
        if not logger.isEnabledFor(level):
            return
        if event is not None:
            fields = {
                "delivery": event.delivery_id,
                "event": event.event,
                "project": event.project_path,
                "target": event.target_path,
                # Logs outlive the event: a person's name is left out of them by default.
                "user": event.username if logger.isEnabledFor(logging.DEBUG) else None,
                **fields,
            }
        present = {k: self._redactor.value(v) for k, v in fields.items() if v is not None}
        logger.log(level, message, extra=present)


class LineFormatter(logging.Formatter):
    """Formats a record as one line with its fields: `INFO task handler=… outcome=done`.

    A traceback follows on separate lines. No other field can begin a line, because a payload's
    text could then imitate one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        fields = {key: str(record.__dict__[key]) for key in _extra_keys(record)}
        traceback = fields.pop("traceback", "")
        if record.exc_info:
            traceback = self.formatException(record.exc_info)
        texts = (f"{key}={value}".replace("\n", r"\n") for key, value in fields.items())
        line = " ".join((record.levelname, record.getMessage(), *texts))
        return "\n".join((line, *traceback.splitlines()))


def _extra_keys(record: logging.LogRecord) -> list[str]:
    return [key for key in record.__dict__ if key not in STANDARD_KEYS]


def _milliseconds_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
