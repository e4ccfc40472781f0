"""What is printed about deliveries."""

import io
import logging
from typing import Any

import pytest
from rich.console import Console

from infra.cli.console import Printer
from infra.cli.local.deliveries import DeliveryLog


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(screen: io.StringIO) -> DeliveryLog:
    return DeliveryLog(Printer(Console(file=screen, width=40, force_terminal=False)))


def record(log: DeliveryLog, message: str, *, level: int = logging.INFO, **fields: Any) -> None:
    made = logging.makeLogRecord({"msg": message, "levelno": level, **fields})
    log.handle(made)


def test_a_delivery_tells_who_ran_and_why_others_did_not(
    log: DeliveryLog, screen: io.StringIO
) -> None:
    about = {"delivery": "d1", "event": "Issue Hook"}
    record(log, "route", handler="a:greet", matched=True, because="it matches", **about)
    record(log, "route", handler="b:merged", matched=False, because="it takes others", **about)
    record(log, "task", handler="a:greet", outcome="done", milliseconds=12.3, **about)
    assert screen.getvalue() == ""
    record(log, "delivery", project="g/p", outcome="done", status=200, milliseconds=15.0, **about)
    assert screen.getvalue().splitlines() == [
        "▸ Issue Hook from g/p: done, answered 200 in 15 ms",
        "    ✓ a:greet done in 12 ms",
        "    · b:merged did not run: it takes others",
    ]


def test_deliveries_at_the_same_time_are_kept_apart(log: DeliveryLog, screen: io.StringIO) -> None:
    for delivery in ("d1", "d2"):
        record(log, "route", delivery=delivery, handler=f"h:{delivery}", matched=True, because="")
    for delivery in ("d2", "d1"):
        record(log, "task", delivery=delivery, handler=f"h:{delivery}", outcome="done")
    record(log, "delivery", delivery="d1", event="Push Hook", outcome="done", status=200)
    assert screen.getvalue().splitlines() == [
        "▸ Push Hook: done, answered 200",
        "    ✓ h:d1 done",
    ]


def test_a_handler_of_several_events_is_told_once(log: DeliveryLog, screen: io.StringIO) -> None:
    for because in ("it takes 'A'", "it takes 'B'"):
        record(log, "route", delivery="d", handler="h:h", matched=False, because=because)
    record(log, "delivery", delivery="d", event="Push Hook", outcome="ignored", status=200)
    assert screen.getvalue().splitlines()[1:] == [
        "    · h:h did not run: it takes 'A'; it takes 'B'"
    ]


def test_a_failure_is_told_with_its_traceback(log: DeliveryLog, screen: io.StringIO) -> None:
    record(log, "route", delivery="d", handler="h:h", matched=True, because="")
    record(
        log,
        "task",
        level=logging.ERROR,
        delivery="d",
        handler="h:h",
        outcome="failed",
        because="ValueError: no",
        traceback="Traceback:\n  line 1",
    )
    record(log, "delivery", delivery="d", event="Push Hook", outcome="failed", status=200)
    assert screen.getvalue().splitlines()[1:] == [
        "    ✗ h:h failed: ValueError: no",
        "      Traceback:",
        "        line 1",
    ]


def test_a_refused_delivery_needs_no_event(log: DeliveryLog, screen: io.StringIO) -> None:
    record(log, "delivery", outcome="refused", because="the signature is wrong", status=401)
    assert screen.getvalue().splitlines() == [
        "▸ a delivery: refused, answered 401",
        "    the signature is wrong",
    ]


def test_payloads_can_neither_style_nor_move_the_cursor(
    log: DeliveryLog, screen: io.StringIO
) -> None:
    evil = "[red]x[/red]\x1b[2J\r\x07"
    record(log, "delivery", delivery="d", event=evil, project=evil, outcome=evil, because=evil)
    record(log, "something %s", args=(evil,), name="x")
    printed = screen.getvalue()
    assert "[red]x[/red]\\x1b[2J\\r\\x07" in printed
    assert "\x1b" not in printed
    assert "\r" not in printed


def test_deliveries_that_never_end_are_forgotten(log: DeliveryLog) -> None:
    for number in range(1100):
        record(log, "route", delivery=f"d{number}", handler="h", matched=True, because="")
        record(log, "task", delivery=f"d{number}", handler="h", outcome="done")
    assert len(log._routes) == 1000
    assert len(log._tasks) <= 1001
