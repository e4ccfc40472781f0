"""The metrics that exist: those of the bot, of its log, and AWS's own that the template uses."""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING, get_args, get_type_hints

from gidgetlambda.event import Event
from gidgetlambda.logs import Reporter
from gidgetlambda.metrics import Metrics
from gidgetlambda.outcome import Outcome
from gidgetlambda.redactor import Redactor

if TYPE_CHECKING:
    from tests.template.stack import TemplateStack

# Namespace, name, and the names of its dimensions.
Metric = tuple[str, str, frozenset[str]]

NAMESPACE = "gidgetlambda/bot"

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
AWS_METRICS: set[Metric] = {
    (namespace, name, frozenset({dimension}))
    for namespace, dimension, names in (
        (
            "AWS/SQS",
            "QueueName",
            "ApproximateAgeOfOldestMessage ApproximateNumberOfMessagesNotVisible "
            "ApproximateNumberOfMessagesVisible",
        ),
        ("AWS/ApiGateway", "ApiId", "4xx 5xx Count Latency"),
        ("AWS/Lambda", "FunctionName", "ConcurrentExecutions Duration Errors Throttles"),
    )
    for name in names.split()
}


def log_metrics(stack: TemplateStack) -> set[Metric]:
    """Return the metrics that CloudWatch derives from the log."""
    return {
        (each["MetricNamespace"], each["MetricName"], frozenset())
        for one in stack.of("AWS::Logs::MetricFilter").values()
        for each in one["MetricTransformations"]
    }


def bot_metrics() -> set[Metric]:
    """Return the metrics that the bot writes for every outcome, and for the token."""
    written = io.StringIO()
    reporter = Reporter(Redactor([]), Metrics(NAMESPACE, written))
    now = time.monotonic()
    outcomes = {
        "refused": 401,
        "ignored": 200,
        "queued": 202,
        "too_large": 200,
        "misconfigured": 503,
        "unavailable": 503,
    }
    event = Event({}, event="Issue Hook")
    for outcome, status in outcomes.items():
        reporter.delivery(
            None if outcome == "refused" else event,
            delivery_id="d-1",
            claims_event=True,
            status=status,
            outcome=outcome,
            because=None,
            handlers=[],
            started=now,
        )
    for task_status in get_args(get_type_hints(Outcome)["status"]):
        for attempt in (1, 2):
            task = Outcome(task_status)
            reporter.task(
                event, "welcome.issue_opened", task, started=now, attempt=attempt, age=12.0
            )
    reporter.token(365)
    return {
        (entry["Namespace"], metric["Name"], frozenset(dimensions))
        for line in written.getvalue().splitlines()
        for entry in json.loads(line)["_aws"]["CloudWatchMetrics"]
        for metric in entry["Metrics"]
        for dimensions in entry["Dimensions"]
    }
