import logging
import sys

import pytest
from gidgetlambda.logs import LineFormatter, set_level


def a_record(message: str, **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord({"levelname": "INFO", "msg": message, **fields})


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({"handler": "m:h", "milliseconds": 1.5}, ["INFO task handler=m:h milliseconds=1.5"]),
        ({}, ["INFO task"]),
        (
            {"project": "a\nINFO task outcome=done"},
            [r"INFO task project=a\nINFO task outcome=done"],
        ),
        (
            {"traceback": "Traceback:\n  line", "outcome": "failed"},
            ["INFO task outcome=failed", "Traceback:", "  line"],
        ),
    ],
    ids=["fields", "no fields", "a forged line", "a traceback"],
)
def test_formats_a_record_as_one_line_and_its_traceback(
    fields: dict[str, object], lines: list[str]
) -> None:
    assert LineFormatter().format(a_record("task", **fields)).splitlines() == lines


def test_formats_the_exception_that_a_handler_logs() -> None:
    try:
        raise ValueError("a bug")
    except ValueError:
        record = a_record("it went wrong", exc_info=sys.exc_info())
    lines = LineFormatter().format(record).splitlines()
    assert lines[:2] == ["INFO it went wrong", "Traceback (most recent call last):"]
    assert lines[-1] == "ValueError: a bug"


def test_logs_the_warnings_of_libraries(caplog: pytest.LogCaptureFixture) -> None:
    set_level(logging.DEBUG)
    logging.getLogger("httpx").info("a request")
    logging.getLogger("httpx").warning("something is wrong")
    assert caplog.messages == ["something is wrong"]
