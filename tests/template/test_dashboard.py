"""The dashboard and its widgets in each mode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.template.metrics import AWS_METRICS, NAMESPACE, bot_metrics, log_metrics

if TYPE_CHECKING:
    from tests.template.stack import TemplateStack

COLUMNS = 24
BOTH_MODES = {
    "Deliveries",
    "Refused deliveries, by reason",
    "Endpoint",
    "Tasks",
    "Receiving function",
    "Cold starts, and the milliseconds of the slowest",
    "Days until the access token expires",
}
QUEUED_MODE = {
    "Working function",
    "Seconds from webhook to done, and age at each retry",
    "Queues",
}


def widgets(stack: TemplateStack) -> list[dict[str, Any]]:
    body = json.loads(stack.properties("Dashboard")["DashboardBody"])
    return list(body["widgets"])


def lines(stack: TemplateStack) -> list[list[Any]]:
    return [line for widget in widgets(stack) for line in widget["properties"]["metrics"]]


def test_each_mode_has_its_widgets(queued: TemplateStack, inline: TemplateStack) -> None:
    titles = [{one["properties"]["title"] for one in widgets(stack)} for stack in (queued, inline)]
    assert titles == [BOTH_MODES | QUEUED_MODE, BOTH_MODES]


def test_every_line_shows_a_metric_that_exists(stack: TemplateStack) -> None:
    known = bot_metrics() | log_metrics(stack) | AWS_METRICS
    for line in lines(stack):
        if "expression" not in line[0]:
            namespace, name, *dimensions = [part for part in line if isinstance(part, str)]
            assert (namespace, name, frozenset(dimensions[::2])) in known, line


def test_refused_deliveries_are_shown_by_reason(stack: TemplateStack) -> None:
    (search,) = [line[0]["expression"] for line in lines(stack) if "expression" in line[0]]
    assert search == f"""SEARCH('{{"{NAMESPACE}",Reason}} MetricName="Refused"', 'Sum', 300)"""
    assert (NAMESPACE, "Refused", frozenset({"Reason"})) in bot_metrics()


def test_every_metric_of_the_bot_is_shown(queued: TemplateStack) -> None:
    shown = {line[1] for line in lines(queued) if line[0] == NAMESPACE}
    existing = bot_metrics() | log_metrics(queued)
    assert shown == {name for _, name, dimensions in existing if not dimensions}


def test_aws_metrics_are_those_of_the_stacks_resources(queued: TemplateStack) -> None:
    resources = {line[3] for line in lines(queued) if str(line[0]).startswith("AWS/")}
    assert resources == {
        "HttpApi",
        "ReceiveFunction",
        "WorkFunction",
        "TaskQueue.QueueName",
        "ParkedQueue.QueueName",
    }
    assert {widget["properties"]["region"] for widget in widgets(queued)} == {"eu-west-1"}


def test_no_widget_overlaps_another(stack: TemplateStack) -> None:
    cells = [
        (x, y)
        for one in widgets(stack)
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < COLUMNS


def test_the_dashboards_name_is_unique_to_the_stack_and_region(stack: TemplateStack) -> None:
    # Dashboards belong to no region, and a stack's name cannot contain an underscore.
    assert stack.properties("Dashboard")["DashboardName"] == "bot_eu-west-1"
    assert stack.outputs["DashboardUrl"].startswith("https://eu-west-1.console.aws.amazon.com/")
