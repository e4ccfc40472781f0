"""The dashboard: what is drawn, in each mode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.template.metrics import NAMESPACE, OF_AWS, of_the_bot

if TYPE_CHECKING:
    from tests.template.stack import Stack

COLUMNS = 24
EVERYWHERE = {
    "Deliveries",
    "Refused deliveries, by reason",
    "Endpoint",
    "Tasks",
    "Receiving function",
}
OF_THE_QUEUE = {
    "Working function",
    "Seconds from webhook to done, and age at each further try",
    "Queues",
}


def widgets(stack: Stack) -> list[dict[str, Any]]:
    body = json.loads(stack.properties("Dashboard")["DashboardBody"])
    drawn: list[dict[str, Any]] = body["widgets"]
    return drawn


def rows(stack: Stack) -> list[list[Any]]:
    return [row for widget in widgets(stack) for row in widget["properties"]["metrics"]]


def test_each_mode_draws_what_it_has(queued: Stack, inline: Stack) -> None:
    drawn = [{one["properties"]["title"] for one in widgets(stack)} for stack in (queued, inline)]
    assert drawn == [EVERYWHERE | OF_THE_QUEUE, EVERYWHERE]


def test_every_line_is_of_a_metric_that_there_is(stack: Stack) -> None:
    known = of_the_bot() | OF_AWS
    for row in rows(stack):
        if "expression" in row[0]:
            continue
        namespace, name, *dimensions = [part for part in row if isinstance(part, str)]
        assert (namespace, name, frozenset(dimensions[::2])) in known, row


def test_refused_deliveries_are_drawn_by_their_reason(stack: Stack) -> None:
    (search,) = [row[0]["expression"] for row in rows(stack) if "expression" in row[0]]
    wanted = f"""{{"{NAMESPACE}",Reason}} MetricName="Refused\""""
    assert search == f"SEARCH('{wanted}', 'Sum', 300)"
    assert (NAMESPACE, "Refused", frozenset({"Reason"})) in of_the_bot()


def test_every_number_that_the_bot_counts_is_drawn(queued: Stack) -> None:
    drawn = {row[1] for row in rows(queued) if row[0] == NAMESPACE}
    assert drawn == {name for _, name, dimensions in of_the_bot() if not dimensions}


def test_the_lines_are_the_stacks_own(queued: Stack) -> None:
    of = {row[3] for row in rows(queued) if str(row[0]).startswith("AWS/")}
    assert of == {
        "HttpApi",
        "ReceiveFunction",
        "WorkFunction",
        "TaskQueue.QueueName",
        "ParkedQueue.QueueName",
    }
    assert {widget["properties"]["region"] for widget in widgets(queued)} == {"eu-west-1"}


def test_no_widget_covers_another(stack: Stack) -> None:
    cells = [
        (x, y)
        for one in widgets(stack)
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < COLUMNS


def test_a_dashboards_name_is_the_stacks_in_its_region_and_no_other_stacks(stack: Stack) -> None:
    # Dashboards belong to no region, and a stack's name has no low line in it.
    assert stack.properties("Dashboard")["DashboardName"] == "bot_eu-west-1"
    assert stack.outputs["DashboardUrl"].startswith("https://eu-west-1.console.aws.amazon.com/")
