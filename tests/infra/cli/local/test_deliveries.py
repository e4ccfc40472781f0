"""The lines that `run` prints about deliveries."""

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from infra.cli.console import Printer
from infra.cli.local.deliveries import DeliveryLog

Record = Callable[..., None]


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def record(screen: io.StringIO) -> Record:
    """Log a record with the given fields."""
    log = DeliveryLog(Printer(Console(file=screen, width=40, force_terminal=False)))

    def handle(message: str, delivery: str = "d", **fields: Any) -> None:
        given = {"msg": message, "levelno": logging.INFO, "delivery": delivery, **fields}
        log.handle(logging.makeLogRecord(given))

    return handle


def test_prints_why_each_handler_ran_or_did_not(record: Record, screen: io.StringIO) -> None:
    record("route", handler="greet", because="its conditions hold")
    for event in ("A", "B"):
        record("route", handler="merged", because=f"it takes {event!r}")
    record("task", handler="greet", outcome="done", milliseconds=12.3)
    assert screen.getvalue() == ""
    record("delivery", event="Issue Hook", outcome="done", status=200, milliseconds=15.0)
    assert screen.getvalue().splitlines() == [
        "▸ Issue Hook: done, answered 200 in 15 ms",
        "    ✓ greet done in 12 ms",
        "    · 1 handler takes other events",
    ]


@pytest.mark.parametrize(
    ("fields", "subject"),
    [
        ({}, ""),
        ({"user": "alice"}, " by @alice"),
        ({"project": "g/p"}, " g/p"),
        ({"project": "g/p", "target": "/projects/1/repository/commits/123abcd"}, " g/p"),
        ({"project": "g/p", "target": "/projects/1/issues/2", "user": "bo"}, " g/p#2 by @bo"),
        ({"project": "g/p", "target": "/projects/1/merge_requests/3"}, " g/p!3"),
    ],
)
def test_names_the_subject_and_the_user(
    record: Record, screen: io.StringIO, fields: dict[str, str], subject: str
) -> None:
    record("delivery", event="Some Hook", outcome="done", status=200, **fields)
    assert screen.getvalue() == f"▸ Some Hook{subject}: done, answered 200\n"


def test_prints_a_cause_before_its_consequence(record: Record, screen: io.StringIO) -> None:
    for delivery in ("cause", "consequence"):
        record("route", delivery, handler="h", because="")
    record("delivery", "consequence", event="Note Hook", outcome="ignored", status=200)
    assert screen.getvalue() == ""
    record("task", "cause", handler="h", outcome="done")
    record("delivery", "cause", event="Push Hook", outcome="done", status=200)
    assert screen.getvalue().splitlines() == [
        "▸ Push Hook: done, answered 200",
        "    ✓ h done",
        "▸ Note Hook: ignored, answered 200",
        "    · h did not run: ",
    ]


def test_a_delivery_without_an_end_does_not_hold_back_others(
    record: Record, screen: io.StringIO
) -> None:
    record("route", "lost", handler="h", because="", created=100.0)
    record("delivery", "other", outcome="refused", because="why", status=401, created=111.0)
    assert screen.getvalue() == "▸ A delivery: refused, answered 401\n      why\n"


def test_prints_an_error_without_the_escapes_of_the_redactor(
    record: Record, screen: io.StringIO
) -> None:
    because, trace = "ValueError: caf\\xe9\nsecond line", "Traceback:\n\t\\u2026\n"
    record("task", handler="h", outcome="failed", because=because, traceback=trace)
    record("delivery", event="Push Hook", outcome="failed", status=200)
    assert screen.getvalue().splitlines()[1:] == [
        "    ✗ h failed: ValueError: café",
        "      second line",
        "      Traceback:",
        "          …",
    ]


def test_payloads_cannot_control_the_terminal(record: Record, screen: io.StringIO) -> None:
    evil = "[red]x[/red]\x1b[2J\r\x07"
    names = ("event", "project", "user", "outcome", "because")
    record("delivery", **dict.fromkeys(names, evil), status=200)
    record("delivery", **dict.fromkeys(names, evil.encode("unicode_escape").decode()), status=200)
    record("something %s", args=(evil,))
    assert "▸ [red]x[/red]\\x1b[2J\\r\\x07 " in screen.getvalue()
    assert not {"\x1b", "\r", "\x07"} & set(screen.getvalue())
