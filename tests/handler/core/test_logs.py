import logging

from handler.core.logs import LineFormatter


def a_record(message: str, **fields: object) -> logging.LogRecord:
    record = logging.LogRecord("gidgetlambda", logging.INFO, "", 0, message, (), None)
    record.__dict__.update(fields)
    return record


def test_a_line_has_its_fields() -> None:
    line = LineFormatter().format(a_record("task", handler="m:h", outcome="done", milliseconds=1.5))
    assert line == "INFO task handler=m:h outcome=done milliseconds=1.5"


def test_a_line_without_fields() -> None:
    assert LineFormatter().format(a_record("deliveries go unchecked")) == (
        "INFO deliveries go unchecked"
    )


def test_a_field_forges_no_line() -> None:
    line = LineFormatter().format(a_record("delivery", project="a\nINFO task outcome=done"))
    assert line.splitlines() == [r"INFO delivery project=a\nINFO task outcome=done"]


def test_a_traceback_stands_below_its_line() -> None:
    line = LineFormatter().format(
        a_record("task", traceback="Traceback:\n  line", outcome="failed")
    )
    assert line.splitlines() == ["INFO task outcome=failed", "Traceback:", "  line"]
