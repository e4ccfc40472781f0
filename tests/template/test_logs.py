"""The log groups, what CloudWatch derives from them, and the saved queries."""

from __future__ import annotations

import json
import logging
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from gidgetlambda.event import Event
from gidgetlambda.logs import STANDARD_KEYS, Reporter
from gidgetlambda.metrics import Metrics
from gidgetlambda.outcome import Outcome
from gidgetlambda.redactor import Redactor

if TYPE_CHECKING:
    from tests.template.stack import Resource, TemplateStack

FUNCTION_LOGS = {"ReceiveLog", "WorkLog"}
# https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
REPORT = {
    "time": "2026-11-26T12:00:00.000Z",
    "type": "platform.report",
    "record": {
        "requestId": "00000000-0000-4000-8000-000000000000",
        "metrics": {
            "durationMs": 12.5,
            "billedDurationMs": 180,
            "memorySizeMB": 512,
            "maxMemoryUsedMB": 90,
            "initDurationMs": 160.2,
        },
        "status": "success",
    },
}
# The words of CloudWatch's query language that the queries use.
KEYWORDS = {
    *("filter", "stats", "sort", "limit", "display"),
    *("and", "as", "by", "like", "desc"),
    *("count", "ispresent", "latest"),
}


def test_cold_starts_are_counted_in_the_log_of_every_function(stack: TemplateStack) -> None:
    filters = stack.of("AWS::Logs::MetricFilter")
    logs = FUNCTION_LOGS & stack.named("AWS::Logs::LogGroup")
    assert {one["LogGroupName"] for one in filters.values()} == logs
    for one in filters.values():
        (metric,) = one["MetricTransformations"]
        kind, duration = re.findall(r"\$\.[\w.]+", one["FilterPattern"])
        assert selected(kind) == "platform.report"
        assert f'{kind} = "platform.report" && {duration} > 0' in one["FilterPattern"]
        assert metric["MetricValue"] == duration
        assert selected(duration) == 160.2


def selected(selector: str) -> Any:
    value: Any = REPORT
    for key in selector.removeprefix("$.").split("."):
        value = value[key]
    return value


def test_saved_queries_read_what_is_logged(stack: TemplateStack, logged: dict[str, Any]) -> None:
    queries = stack.of("AWS::Logs::QueryDefinition")
    (stage,) = stack.of("AWS::ApiGatewayV2::Stage").values()
    access_log = {**json.loads(stage["AccessLogSettings"]["Format"]), "status": "401"}
    for name, query in queries.items():
        assert query["Name"].startswith("bot/")
        logs = set(query["LogGroupNames"])
        assert logs <= stack.named("AWS::Logs::LogGroup"), name
        line = access_log if logs == {"AccessLog"} else logged
        text = query["QueryString"]
        for field, value in re.findall(r'(\w+) = "(.*?)"', text):
            assert line[field] == value
        for field, pattern in re.findall(r"(\w+) like /(.*?)/", text):
            assert re.search(pattern, line[field])
        names = set(re.findall(r"[a-z_]+", re.sub(r'"[^"]*"|/.*?/|@\w+', "", text))) - KEYWORDS
        assert names <= line.keys() | set(re.findall(r" as (\w+)", text)), name


def test_a_saved_query_of_tasks_exists_only_if_there_are_tasks(
    queued: TemplateStack, inline: TemplateStack
) -> None:
    names = [stack.named("AWS::Logs::QueryDefinition") for stack in (queued, inline)]
    assert names[0] - names[1] == {"ParkedByHandlerQuery"}


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return the fields of a parked task's log line, as Lambda writes them."""
    with caplog.at_level(logging.INFO, "gidgetlambda"):
        report_a_parked_task()
    (record,) = caplog.records
    extra = {key: value for key, value in vars(record).items() if key not in STANDARD_KEYS}
    return {**extra, "message": record.getMessage()}


def report_a_parked_task() -> None:
    payload: Resource = {
        "project": {"path_with_namespace": "demo/playground", "id": 1},
        "object_kind": "issue",
        "object_attributes": {"iid": 1},
    }
    reporter = Reporter(Redactor([]), Metrics(None))
    event = Event(payload, event="Issue Hook", delivery_id="d-1")
    outcome = Outcome("parked", because="ValueError: no")
    reporter.task(event, "bot:label", outcome, started=time.monotonic(), age=1.0)
