"""The alarms: when each one fires, and whom it notifies."""

from __future__ import annotations

import operator
import re
from itertools import accumulate

import pytest
from gidgetlambda.logs import TOKEN_DAYS
from gidgetlambda.retries import ENOUGH_AGE, ENOUGH_TRIES, HOUR, PAUSES

from tests.template.metrics import AWS_METRICS, Metric, bot_metrics
from tests.template.stack import ROOT, Resource, TemplateStack

BOTH_MODES = {"RefusedAlarm", "ServerErrorAlarm", "TokenAlarm"}
QUEUED_MODE = {"ParkedAlarm", "RetryingAlarm", "TooLargeAlarm", "WaitingAlarm", "WorkErrorAlarm"}
# These report single incidents, so that nobody is notified of their end.
INCIDENTS = {"FailedAlarm", "RefusedAlarm", "TokenAlarm", "TooLargeAlarm"}
COMPARISONS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
}


def test_each_mode_has_its_alarms(queued: TemplateStack, inline: TemplateStack) -> None:
    assert alarms(queued).keys() == BOTH_MODES | QUEUED_MODE
    assert alarms(inline).keys() == BOTH_MODES | {"FailedAlarm"}


def test_every_alarm_watches_a_metric_that_exists(stack: TemplateStack) -> None:
    known = bot_metrics() | AWS_METRICS
    for name, alarm in alarms(stack).items():
        assert watched(alarm) <= known, name


@pytest.mark.parametrize(
    ("name", "metrics", "resource"),
    [
        ("ServerErrorAlarm", {"5xx"}, "HttpApi"),
        ("WaitingAlarm", {"ApproximateAgeOfOldestMessage"}, "TaskQueue.QueueName"),
        ("WorkErrorAlarm", {"Errors"}, "WorkFunction"),
        (
            "ParkedAlarm",
            {"ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"},
            "ParkedQueue.QueueName",
        ),
    ],
)
def test_an_alarm_on_aws_metrics_watches_the_stacks_own_resource(
    queued: TemplateStack, name: str, metrics: set[str], resource: str
) -> None:
    # The bot's own metrics have no dimension.
    watching = [one for one in metrics_of(queued.properties(name)) if one.get("Dimensions")]
    assert {metric["MetricName"] for metric in watching} == metrics
    dimensions = [dimension for metric in watching for dimension in metric["Dimensions"]]
    assert {dimension["Value"] for dimension in dimensions} == {resource}


def test_without_an_email_no_alarm_notifies_anybody(stack: TemplateStack) -> None:
    assert stack.named("AWS::SNS::Topic") == set()
    for alarm in alarms(stack).values():
        assert not {"AlarmActions", "OKActions", "InsufficientDataActions"} & alarm.keys()


@pytest.mark.parametrize("mode", ["queued", "inline"])
def test_every_alarm_notifies_the_email(expanded: Resource, mode: str) -> None:
    stack = TemplateStack(expanded, Mode=mode, AlarmEmail="alice@example.com")
    assert stack.named("AWS::SNS::Topic") == {"AlarmTopic"}
    for name, alarm in alarms(stack).items():
        assert alarm["AlarmActions"] == ["AlarmTopic"]
        assert alarm.get("OKActions") == (None if name in INCIDENTS else ["AlarmTopic"]), name


def test_every_alarm_describes_the_next_step(stack: TemplateStack) -> None:
    for name, alarm in alarms(stack).items():
        assert len(alarm["AlarmDescription"]) <= 1024
        assert any(word in alarm["AlarmDescription"] for word in ("log", "gidgetlambda", "Maximum"))
        assert "\n" not in alarm["AlarmDescription"].strip(), name


def test_no_alarm_fires_without_activity(stack: TemplateStack) -> None:
    for name, alarm in alarms(stack).items():
        assert not fires(alarm, []), f"{name} fires without data"
        # Everything but the days that the token is valid is quiet at zero.
        assert fires(alarm, [0.0] * 100) is (name == "TokenAlarm"), name


@pytest.mark.parametrize(
    ("name", "quiet", "loud"),
    [
        ("ParkedAlarm", 0, 1),
        ("ServerErrorAlarm", 0, 1),
        ("TooLargeAlarm", 0, 1),
        ("RefusedAlarm", 0, 1),
        ("WorkErrorAlarm", 0, 1),
        ("WaitingAlarm", 14 * 60, 16 * 60),
        ("RetryingAlarm", 14 * 60, 16 * 60),
        ("TokenAlarm", TOKEN_DAYS, TOKEN_DAYS - 1),
    ],
)
def test_an_alarm_fires_beyond_its_threshold(
    queued: TemplateStack, name: str, quiet: float, loud: float
) -> None:
    alarm = queued.properties(name)
    assert not fires(alarm, [quiet])
    assert fires(alarm, [loud])


def test_inline_a_failed_handler_fires_an_alarm(inline: TemplateStack) -> None:
    assert fires(inline.properties("FailedAlarm"), [1])


def test_a_parked_task_counts_while_it_is_hidden_too(queued: TemplateStack) -> None:
    metrics = queued.properties("ParkedAlarm")["Metrics"]
    (result,) = [metric for metric in metrics if metric.get("ReturnData") is not False]
    added = {"waiting", "hidden", "own"}  # the bot's own metric is there at once
    assert {*re.findall(r"FILL\((\w+), 0\)", result["Expression"])} == added
    assert {metric["Id"] for metric in metrics} == {"parked", *added}


def test_every_alarm_names_its_section_of_the_runbook(stack: TemplateStack) -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    titles = re.findall(r"^#+ (.+)", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    for name, alarm in alarms(stack).items():
        page, _, anchor = alarm["AlarmDescription"].split()[-1].partition("#")
        assert (page, anchor in anchors) == ("docs/operating.md", True), name
        assert f"| `{name}` |" in text


def test_retried_tasks_fire_an_alarm_an_hour_before_they_are_parked(
    queued: TemplateStack,
) -> None:
    alarm = queued.properties("RetryingAlarm")
    ages = list(accumulate(PAUSES))[: ENOUGH_TRIES - 1]
    first = next(age for age in ages if fires(alarm, [age]))
    assert ENOUGH_AGE - first >= HOUR
    # There is no data between two tries.
    between = int(max(PAUSES) / alarm["Period"])
    assert fires(alarm, [*[None] * (between - 1), first])


def alarms(stack: TemplateStack) -> dict[str, Resource]:
    return stack.of("AWS::CloudWatch::Alarm")


def metrics_of(alarm: Resource) -> list[Resource]:
    """Return the metrics of an alarm, in the form of metric math."""
    if "Metrics" in alarm:
        return [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]
    metric = {key: alarm[key] for key in ("Namespace", "MetricName")}
    return [{**metric, "Dimensions": alarm.get("Dimensions", [])}]


def watched(alarm: Resource) -> set[Metric]:
    return {
        (
            metric["Namespace"],
            metric["MetricName"],
            frozenset(dimension["Name"] for dimension in metric.get("Dimensions", [])),
        )
        for metric in metrics_of(alarm)
    }


def fires(alarm: Resource, latest_first: list[float | None]) -> bool:
    """Return whether an alarm fires after periods with these values; `None` means no data.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
    """
    assert alarm["TreatMissingData"] == "notBreaching"
    periods: int = alarm["EvaluationPeriods"]
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    breaching = [
        value
        for value in latest_first[:periods]
        if value is not None and breaches(value, alarm["Threshold"])
    ]
    needed: int = alarm.get("DatapointsToAlarm", periods)
    return len(breaching) >= needed
