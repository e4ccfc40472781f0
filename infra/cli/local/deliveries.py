"""The bot's log, printed: for each delivery what became of it."""

import logging
from collections import OrderedDict
from typing import Any

from ..console import Printer

_REMEMBERED_DELIVERIES = 1000
_SIGNS = {"done": ("✓", "green"), "failed": ("✗", "red"), "ignored": ("·", "dim")}


class DeliveryLog(logging.Handler):
    """Turns the bot's log records into a few lines for each delivery.

    The records of one delivery ("route", "task", then "delivery") arrive in between those of
    others; they are gathered by the delivery's id and printed together. Other records print as
    they come.
    """

    def __init__(self, printer: Printer) -> None:
        super().__init__(logging.DEBUG)
        self._printer = printer
        self._routes: OrderedDict[str, list[logging.LogRecord]] = OrderedDict()
        self._tasks: dict[str, dict[str, logging.LogRecord]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._take(record)
        except Exception:
            self.handleError(record)

    def _take(self, record: logging.LogRecord) -> None:
        delivery = _field(record, "delivery")
        match record.msg:
            case "route" if delivery:
                self._routes.setdefault(delivery, []).append(record)
                self._forget_the_oldest()
            case "task" if delivery:
                self._tasks.setdefault(delivery, {})[_field(record, "handler")] = record
            case "delivery":
                self._print(record)
                self._routes.pop(delivery, None)
                self._tasks.pop(delivery, None)
            case _ if record.levelno >= logging.INFO:
                style = "yellow" if record.levelno >= logging.WARNING else ""
                self._printer.say(self.format(record), style=style)

    def _forget_the_oldest(self) -> None:
        while len(self._routes) > _REMEMBERED_DELIVERIES:
            oldest, _ = self._routes.popitem(last=False)
            self._tasks.pop(oldest, None)

    def _print(self, record: logging.LogRecord) -> None:
        delivery = _field(record, "delivery")
        routes, tasks = self._routes.get(delivery, []), dict(self._tasks.get(delivery, {}))
        self._print_head(record, explained=bool(routes))
        for handler, of_handler in _by_handler(routes).items():
            task = tasks.pop(handler, None)
            if task:
                self._print_task(task)
            elif not any(_field(route, "matched") for route in of_handler):
                self._print_unmatched(handler, of_handler)
        for task in tasks.values():
            self._print_task(task)

    def _print_head(self, record: logging.LogRecord, *, explained: bool) -> None:
        outcome, status = _field(record, "outcome"), _field(record, "status")
        event, project = _field(record, "event"), _field(record, "project")
        self._printer.line(
            ("▸ ", "bold"),
            (event or "a delivery", "bold"),
            (f" from {project}" if project else "", ""),
            (": ", ""),
            (outcome or "taken", _style(outcome, refused=record.levelno >= logging.ERROR)),
            (f", answered {status}" if status else "", ""),
            (_duration(record), "dim"),
        )
        because = _field(record, "because")
        # Where each handler says why it did not run, the delivery's summary only repeats it.
        if because and not (explained and outcome == "ignored"):
            self._printer.line((f"    {because}", "yellow"))

    def _print_task(self, task: logging.LogRecord) -> None:
        outcome = _field(task, "outcome") or "done"
        sign, style = _SIGNS.get(outcome, ("?", "yellow"))
        because = _field(task, "because")
        self._printer.line(
            (f"    {sign} ", style),
            (_field(task, "handler") or "a handler", ""),
            (f" {outcome}", style),
            (_duration(task), "dim"),
            (f": {because}" if because else "", style),
        )
        trace = _field(task, "traceback")
        if trace:
            for line in str(trace).rstrip().splitlines():
                self._printer.line((f"      {line}", "dim"))

    def _print_unmatched(self, handler: str, routes: list[logging.LogRecord]) -> None:
        reasons = dict.fromkeys(_field(route, "because") for route in routes)
        because = "; ".join(reason for reason in reasons if reason)
        told = f" did not run: {because}" if because else " did not run"
        self._printer.line((f"    · {handler}{told}", "dim"))


def _by_handler(routes: list[logging.LogRecord]) -> dict[str, list[logging.LogRecord]]:
    """A handler may be registered for several events: one route each, one line together."""
    grouped: dict[str, list[logging.LogRecord]] = {}
    for route in routes:
        grouped.setdefault(_field(route, "handler") or "a handler", []).append(route)
    return grouped


def _field(record: logging.LogRecord, name: str) -> Any:
    return getattr(record, name, None)


def _style(outcome: str | None, *, refused: bool) -> str:
    if refused or outcome in ("failed", "refused", "misconfigured"):
        return "red"
    return "green" if outcome == "done" else ""


def _duration(record: logging.LogRecord) -> str:
    milliseconds = _field(record, "milliseconds")
    return f" in {milliseconds:.0f} ms" if isinstance(milliseconds, int | float) else ""
