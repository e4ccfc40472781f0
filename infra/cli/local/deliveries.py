"""Print the bot's log for people: a few lines for each delivery."""

import logging
import re
import textwrap
from collections import defaultdict
from dataclasses import dataclass, field

from ..console import Printer

_LONGEST_DELIVERY = 10.0  # seconds; later deliveries do not wait longer for an earlier one
_INDENT = " " * 6
_OTHER_EVENT = "it takes "  # the router's reason if a handler takes other events
_COLORS = {"done": "green", "failed": "red", "refused": "red", "misconfigured": "red"}
_SIGNS = {"done": "✓", "failed": "✗"}
_REFERENCE = re.compile(r"/(issues|merge_requests)/(\d+)")
_ESCAPE = re.compile(r"(?<!\\)\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


@dataclass
class _DeliveryRecords:
    """The log records of one delivery; the record `answer` is the last one."""

    began: float
    routes: list[logging.LogRecord] = field(default_factory=list)
    tasks: dict[str, logging.LogRecord] = field(default_factory=dict)
    answer: logging.LogRecord | None = None


class DeliveryLog(logging.Handler):
    """Prints a delivery when it is answered, and any other record at once.

    The records of a delivery ("route", "task", then "delivery") can be interleaved with those of
    others. Deliveries are printed in the order of their arrival: a handler's comment causes another
    delivery, which is often answered before the handler has returned.

    Args:
        printer: Prints the lines.
    """

    def __init__(self, printer: Printer) -> None:
        super().__init__(logging.DEBUG)
        self._printer = printer
        self._deliveries: dict[str, _DeliveryRecords] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._collect(record)
            self._print_answered(record.created)
        except Exception:
            self.handleError(record)

    def _collect(self, record: logging.LogRecord) -> None:
        if record.msg in ("route", "task", "delivery"):
            new = _DeliveryRecords(began=record.created)
            delivery = self._deliveries.setdefault(_text(record, "delivery"), new)
            if record.msg == "route":
                delivery.routes.append(record)
            elif record.msg == "task":
                delivery.tasks[_text(record, "handler")] = record
            else:
                delivery.answer = record
        elif record.levelno >= logging.INFO:
            style = "yellow" if record.levelno >= logging.WARNING else ""
            self._printer.say(_readable(self.format(record)), style=style)

    def _print_answered(self, now: float) -> None:
        for delivery_id, delivery in list(self._deliveries.items()):
            if delivery.answer:
                del self._deliveries[delivery_id]
                self._print_answer(delivery.answer, explained=bool(delivery.routes))
                self._print_handlers(delivery)
            elif now - delivery.began < _LONGEST_DELIVERY:
                return

    def _print_answer(self, answer: logging.LogRecord, *, explained: bool) -> None:
        outcome, because = _text(answer, "outcome"), _text(answer, "because")
        color = "red" if answer.levelno >= logging.ERROR else _COLORS.get(outcome, "")
        self._printer.line(
            (f"▸ {_text(answer, 'event') or 'A delivery'}", "bold"),
            (f"{_subject(answer)}: ", ""),
            (outcome, color),
            (f", answered {_text(answer, 'status')}", ""),
            (_duration(answer), "dim"),
        )
        # If no handler ran, the lines about the handlers give the reasons.
        if because and not (explained and outcome == "ignored"):
            self._printer.say(textwrap.indent(because, _INDENT), style="yellow")

    def _print_handlers(self, delivery: _DeliveryRecords) -> None:
        reasons: dict[str, dict[str, None]] = defaultdict(dict)
        for route in delivery.routes:
            reasons[_text(route, "handler")][_text(route, "because")] = None
        others = 0
        for handler in reasons | delivery.tasks:
            if task := delivery.tasks.get(handler):
                self._print_task(handler, task)
                continue
            # A handler of several event types has a route, and a reason, for each.
            because = [reason for reason in reasons[handler] if not reason.startswith(_OTHER_EVENT)]
            if because:
                self._printer.say(f"    · {handler} did not run: {'; '.join(because)}", style="dim")
            others += not because
        if others:
            noun = "handler takes" if others == 1 else "handlers take"
            self._printer.say(f"    · {others} {noun} other events", style="dim")

    def _print_task(self, handler: str, task: logging.LogRecord) -> None:
        outcome, because = _text(task, "outcome"), _text(task, "because")
        style = _COLORS.get(outcome, "dim")
        self._printer.line(
            (f"    {_SIGNS.get(outcome, '·')} ", style),
            (handler, ""),
            (f" {outcome}", style),
            (_duration(task), "dim"),
            (f": {because}".replace("\n", f"\n{_INDENT}") if because else "", style),
        )
        if trace := _text(task, "traceback").rstrip():
            self._printer.say(textwrap.indent(trace, _INDENT), style="dim")


def _subject(record: logging.LogRecord) -> str:
    """Describe the event's target and user, as " demo/playground#1 by @alice"."""
    subject, user = _text(record, "project"), _text(record, "user")
    if found := _REFERENCE.search(_text(record, "target")):
        subject += ("#" if found[1] == "issues" else "!") + found[2]
    return (f" {subject}" if subject else "") + (f" by @{user}" if user else "")


def _duration(record: logging.LogRecord) -> str:
    return f" in {record.milliseconds:.0f} ms" if hasattr(record, "milliseconds") else ""


def _text(record: logging.LogRecord, name: str) -> str:
    return _readable(str(getattr(record, name, "")))


def _readable(text: str) -> str:
    """Undo the escapes of the redactor, which writes ASCII for Lambda's JSON.

    Control characters stay escaped. An escape that the original text contained is undone as well,
    unless a backslash precedes it.
    """
    return _ESCAPE.sub(_unescape, text).expandtabs(4)


def _unescape(escape: re.Match[str]) -> str:
    char = escape[0].encode().decode("unicode_escape")
    return char if char.isprintable() else escape[0]
