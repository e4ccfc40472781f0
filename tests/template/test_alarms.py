"""The alarms: when one rings, who is told, and that none rings for nothing."""

from __future__ import annotations

import operator
from itertools import accumulate

import pytest
from gidgetlambda.retries import ENOUGH_AGE, ENOUGH_TRIES, HOUR, PAUSES

from tests.template.metrics import OF_AWS, Metric, of_the_bot
from tests.template.stack import Resource, Stack

EMAIL = {"AlarmEmail": "alice@example.com"}
EVERYWHERE = {"RefusedAlarm", "ServerErrorAlarm"}
OF_THE_QUEUE = {"ParkedAlarm", "RetryingAlarm", "TooLargeAlarm", "WaitingAlarm", "WorkErrorAlarm"}
# Of what is over when no more of it happens: it is not told that it is over.
OF_SINGLE_THINGS = {"FailedAlarm", "RefusedAlarm", "TooLargeAlarm"}
BREACHES = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
}


def test_each_mode_has_its_alarms(queued: Stack, inline: Stack) -> None:
    assert queued.named("AWS::CloudWatch::Alarm") == EVERYWHERE | OF_THE_QUEUE
    assert inline.named("AWS::CloudWatch::Alarm") == EVERYWHERE | {"FailedAlarm"}


def test_every_alarm_watches_a_metric_that_there_is(stack: Stack) -> None:
    known = of_the_bot() | OF_AWS
    for name, alarm in alarms(stack).items():
        for metric in watched(alarm):
            assert metric in known, name


@pytest.mark.parametrize(
    ("name", "metrics", "of"),
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
def test_an_alarm_of_aws_metrics_watches_the_stacks_own_part(
    queued: Stack, name: str, metrics: set[str], of: str
) -> None:
    single = [statistic["Metric"] for statistic in statistics(queued.properties(name))]
    assert {metric["MetricName"] for metric in single} == metrics
    assert [value["Value"] for metric in single for value in metric["Dimensions"]] == [of] * len(
        single
    )


def test_nobody_is_told_without_an_email(stack: Stack) -> None:
    assert stack.named("AWS::SNS::Topic") == set()
    for alarm in alarms(stack).values():
        assert not {"AlarmActions", "OKActions", "InsufficientDataActions"} & alarm.keys()


@pytest.mark.parametrize("mode", ["queued", "inline"])
def test_with_an_email_its_owner_is_told_of_every_alarm(expanded: Resource, mode: str) -> None:
    stack = Stack(expanded, Mode=mode, **EMAIL)
    assert stack.properties("AlarmTopic")["Subscription"] == [
        {"Protocol": "email", "Endpoint": "alice@example.com"}
    ]
    for name, alarm in alarms(stack).items():
        assert alarm["AlarmActions"] == ["AlarmTopic"]
        over = alarm.get("OKActions")
        assert over == (None if name in OF_SINGLE_THINGS else ["AlarmTopic"]), name


def test_every_alarm_tells_what_to_do(stack: Stack) -> None:
    for name, alarm in alarms(stack).items():
        assert len(alarm["AlarmDescription"]) <= 1024
        assert any(word in alarm["AlarmDescription"] for word in ("log", "gidgetlambda", "Maximum"))
        assert "\n" not in alarm["AlarmDescription"].strip(), name


def test_no_alarm_rings_at_rest(stack: Stack) -> None:
    for name, alarm in alarms(stack).items():
        assert not rings(alarm, []), f"{name} rings where nothing is known"
        assert not rings(alarm, [0.0] * 100), f"{name} rings where nothing happens"


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
    ],
)
def test_an_alarm_rings_from_its_threshold_on(
    queued: Stack, name: str, quiet: float, loud: float
) -> None:
    alarm = queued.properties(name)
    assert not rings(alarm, [quiet])
    assert rings(alarm, [loud])


def test_inline_a_handler_that_fails_rings(inline: Stack) -> None:
    assert rings(inline.properties("FailedAlarm"), [1])


def test_a_parked_task_rings_also_while_somebody_looks_at_it(queued: Stack) -> None:
    metrics = queued.properties("ParkedAlarm")["Metrics"]
    (sum_of_all,) = [metric for metric in metrics if metric.get("ReturnData") is not False]
    assert sum_of_all["Expression"] == "waiting + hidden"
    assert {metric["Id"] for metric in metrics} == {"parked", "waiting", "hidden"}


def test_tasks_that_are_tried_again_ring_an_hour_before_they_are_parked_and_until_they_are(
    queued: Stack,
) -> None:
    alarm = queued.properties("RetryingAlarm")
    ages = list(accumulate(PAUSES))[: ENOUGH_TRIES - 1]
    first = next(age for age in ages if rings(alarm, [age]))
    assert ENOUGH_AGE - first >= HOUR
    # Nothing is measured from one try to the next.
    between = int(max(PAUSES) / alarm["Period"])
    assert rings(alarm, [*[None] * (between - 1), first])


def alarms(stack: Stack) -> dict[str, Resource]:
    return stack.of("AWS::CloudWatch::Alarm")


def statistics(alarm: Resource) -> list[Resource]:
    """Each metric of an alarm with its statistic, in the form that metric math has it."""
    if "Metrics" in alarm:
        return [one["MetricStat"] for one in alarm["Metrics"] if "MetricStat" in one]
    metric = {key: alarm[key] for key in ("Namespace", "MetricName")}
    return [
        {
            "Metric": {**metric, "Dimensions": alarm.get("Dimensions", [])},
            "Period": alarm["Period"],
            "Stat": alarm["Statistic"],
        }
    ]


def watched(alarm: Resource) -> set[Metric]:
    metrics = [statistic["Metric"] for statistic in statistics(alarm)]
    return {
        (
            metric["Namespace"],
            metric["MetricName"],
            frozenset(dimension["Name"] for dimension in metric["Dimensions"]),
        )
        for metric in metrics
    }


def rings(alarm: Resource, latest_first: list[float | None]) -> bool:
    """Whether an alarm rings, by what was measured in each period; `None` where nothing was.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
    """
    assert alarm["TreatMissingData"] == "notBreaching"
    periods = alarm["EvaluationPeriods"]
    breaches = BREACHES[alarm["ComparisonOperator"]]
    breaching = [
        value
        for value in latest_first[:periods]
        if value is not None and breaches(value, alarm["Threshold"])
    ]
    needed: int = alarm.get("DatapointsToAlarm", periods)
    return len(breaching) >= needed
