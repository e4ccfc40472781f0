import logging

import httpx
import pytest
from gidgetlambda.logs import LineFormatter, set_level
from gidgetlambda.sqs import Signature


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


def test_the_traceback_of_what_a_handler_logs_itself_stands_there_too() -> None:
    try:
        raise ValueError("a bug")
    except ValueError as error:
        record = a_record("it went wrong")
        record.exc_info = (ValueError, error, error.__traceback__)
    lines = LineFormatter().format(record).splitlines()
    assert lines[:2] == ["INFO it went wrong", "Traceback (most recent call last):"]
    assert lines[-1] == "ValueError: a bug"


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_no_level_lets_botocore_tell_the_session_token(
    level: int, caplog: pytest.LogCaptureFixture
) -> None:
    set_level(level)
    caplog.set_level(logging.DEBUG)  # Lambda's root logger takes all that reaches it
    environ = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret-key",
        "AWS_SESSION_TOKEN": "session-token",
        "AWS_REGION": "eu-west-1",
    }
    request = httpx.Request(
        "POST",
        "https://sqs.eu-west-1.amazonaws.com/",
        headers={"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.x"},
        content=b"{}",
    )
    next(Signature(environ).auth_flow(request))
    assert request.headers["x-amz-security-token"] == "session-token"
    assert "session-token" not in caplog.text


def test_a_library_still_warns(caplog: pytest.LogCaptureFixture) -> None:
    set_level(logging.DEBUG)
    logging.getLogger("httpx").info("a request")
    logging.getLogger("httpx").warning("something is wrong")
    assert caplog.messages == ["something is wrong"]
