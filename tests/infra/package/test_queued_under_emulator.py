"""Both functions of the sample bot's package under Lambda's emulator, with the queue between them.

The sandbox's webhook becomes an event of an HTTP API, the receiving function's message becomes an
event of the SQS event source mapping, and the working function comments in the sandbox. Each
function has the environment and the role that the template defines.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from gidgetlambda.plugins import welcome
from gidgetlambda.task import Task

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.faults import Fault, Faults, given_up, refused
from infra.testing.emulator import Emulator
from infra.testing.stack import Stack
from infra.testing.template import read
from infra.testing.transport import FunctionTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from infra.package import Package
    from infra.sandbox.state import HookEvent, Issue
    from infra.testing.poller import Invocation
    from infra.testing.sqs import Sqs

WELCOME = welcome.router.routes[0].name
WEBHOOK = "https://bot.example.com/webhook"
ISSUES = {"issues_events"}
SECRET = "the-webhook-secret"
SIGNING_TOKEN = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_TOKEN = "whsec_" + base64.b64encode(bytes(32)).decode()


class RecordedFunction:
    """A function whose invocations are recorded with their results.

    Attributes:
        function: Set after construction, because the function's environment contains the URL of
            the GitLab that invokes it.
    """

    function: Emulator

    def __init__(self) -> None:
        self.invocations: list[tuple[Any, Any]] = []

    def invoke(self, event: Any) -> Any:
        result = self.function.invoke(event)
        self.invocations.append((event, result))
        return result


@dataclass
class QueuedBot:
    """GitLab with a signed webhook, the queue, and both functions."""

    gitlab: Sandbox
    faults: Faults
    stack: Stack
    receive: RecordedFunction
    work: RecordedFunction

    def open_issue(self) -> tuple[Issue, HookEvent]:
        """Open an issue and wait for the answer to its webhook."""
        issue = self.gitlab.open_issue("It does not start", by="alice")
        return issue, self.gitlab.settle()[0]

    def work_once(self) -> Invocation:
        """Run the next message of the queue."""
        invocation = self.stack.poller(self.work).step()
        assert invocation is not None
        return invocation

    @property
    def queued(self) -> list[str]:
        return [message.body for message in self.stack.sqs.messages(self.stack.queue())]

    @property
    def secrets(self) -> list[str]:
        roles = [self.stack.role(name) for name in ("ReceiveRole", "WorkRole")]
        keys = [key for role in roles for key in (role.secret_key, role.session_token)]
        return [SECRET, SIGNING_TOKEN, SIGNING_TOKEN.removeprefix("whsec_"), BOT_TOKEN, *keys]


@pytest.fixture
def receive() -> RecordedFunction:
    return RecordedFunction()


@pytest.fixture
def in_process(receive: RecordedFunction) -> Iterator[Sandbox]:
    """A sandbox whose webhooks reach the receiving function as events of an HTTP API."""
    transport = FunctionTransport([receive])
    with Sandbox(webhook_transport=transport, disable_failing_hooks=False) as instance:
        instance.add_hook(WEBHOOK, signing_token=SIGNING_TOKEN, triggers=ISSUES)
        yield instance


@pytest.fixture
def log_level() -> str:
    return "INFO"


@pytest.fixture
def stack(sqs: Sqs, in_process: Sandbox, faults: Faults, log_level: str) -> Stack:
    parameters = {
        "AccessToken": BOT_TOKEN,
        "GitLabUrl": in_process.url,
        "LogLevel": log_level,
        "SigningToken": SIGNING_TOKEN,
        "WebhookSecret": SECRET,
    }
    return Stack(sqs, read(parameters))


Emulate: TypeAlias = "Callable[..., AbstractContextManager[Emulator]]"


@pytest.fixture
def emulate(lambda_runtime: None, sample: Package, stack: Stack) -> Emulate:
    """Return an emulator of a function of the template."""

    def emulator(name: str, **changes: str) -> Emulator:
        spec = stack.spec(name)
        environment = stack.environment(name, **changes)
        return Emulator(sample.folder, spec.handler, env=environment, timeout=int(spec.timeout))

    return emulator


@pytest.fixture
def bot(
    emulate: Emulate, in_process: Sandbox, faults: Faults, stack: Stack, receive: RecordedFunction
) -> Iterator[QueuedBot]:
    work = RecordedFunction()
    with emulate("ReceiveFunction") as receive.function, emulate("WorkFunction") as work.function:
        yield QueuedBot(in_process, faults, stack, receive, work)


def test_a_delivery_is_queued_and_leads_to_a_comment(
    bot: QueuedBot, record_property: Callable[[str, object], None]
) -> None:
    issue, delivery = bot.open_issue()

    ((request, _),) = bot.receive.invocations
    assert request["version"] == "2.0"
    assert delivery.response_status == "202"
    answer = {"status": "queued", "delivery": delivery.delivery_id, "handlers": [WELCOME]}
    assert json.loads(delivery.response_body) == answer
    (message,) = bot.queued
    task = Task.decode(message)
    assert (task.handler, task.event.delivery_id) == (WELCOME, delivery.delivery_id)
    queued = message + json.dumps(task.event.data)
    assert [secret for secret in bot.secrets if secret in queued] == []
    assert issue.notes == []

    assert bot.work_once().deleted

    ((event, result),) = bot.work.invocations
    assert event["Records"][0]["eventSource"] == "aws:sqs"
    assert result == {"batchItemFailures": []}
    (note,) = issue.notes
    assert "Thanks for the report @alice!" in note.body
    assert bot.queued == []
    for function in (bot.receive.function, bot.work.function):
        record_property(
            "figure",
            f"{function.handler} under the Lambda runtime: "
            f"init {function.init_milliseconds:.0f} ms, "
            f"peak memory {function.peak_memory_mb:.0f} MB",
        )


def test_an_sqs_event_that_is_delivered_twice_leads_to_one_comment(bot: QueuedBot) -> None:
    issue, _ = bot.open_issue()
    bot.work_once()
    ((event, _),) = bot.work.invocations

    assert bot.work.invoke(event) == {"batchItemFailures": []}
    assert len(issue.notes) == 1


@pytest.mark.parametrize("fault", [refused(502), given_up(502)], ids=["refused", "given up"])
def test_a_task_that_fails_at_gitlab_is_retried_later(bot: QueuedBot, fault: Fault) -> None:
    issue, _ = bot.open_issue()
    bot.faults.once(fault, method="POST")
    before = bot.stack.sqs.clock.now()
    invocation = bot.work_once()

    ((_, result),) = bot.work.invocations
    assert result == {"batchItemFailures": [{"itemIdentifier": invocation.message_id}]}
    assert len(bot.queued) == 1
    retry = bot.stack.sqs.next_visible(bot.stack.queue())
    # GitLab may still be processing the request. The queue's own visibility timeout is 360 s.
    assert retry is not None
    assert 90 <= retry - before < 360

    assert bot.stack.poller(bot.work).settle()[-1].deleted
    assert len(issue.notes) == 1
    assert bot.queued == []


def test_a_forged_delivery_is_refused_and_not_queued(bot: QueuedBot) -> None:
    bot.gitlab.add_hook(WEBHOOK, signing_token=OTHER_TOKEN, triggers=ISSUES, token=SECRET)
    bot.gitlab.open_issue("It does not start")
    statuses = sorted(delivery.response_status for delivery in bot.gitlab.settle())

    assert statuses == ["202", "401"]
    assert len(bot.queued) == 1


def test_a_function_whose_role_must_not_queue_answers_503(
    emulate: Emulate, in_process: Sandbox, receive: RecordedFunction, stack: Stack
) -> None:
    environment = stack.role("WorkRole").environment()
    with emulate("ReceiveFunction", **environment) as receive.function:
        in_process.open_issue("It does not start")
        (delivery,) = in_process.settle()

    assert delivery.response_status == "503"
    assert "AccessDeniedException" in delivery.response_body
    assert stack.sqs.messages(stack.queue()) == []


@pytest.mark.parametrize("log_level", ["DEBUG", "INFO", "ERROR"])
def test_every_log_level_keeps_metrics_and_hides_secrets(bot: QueuedBot, log_level: str) -> None:
    bot.gitlab.add_hook(WEBHOOK, signing_token=OTHER_TOKEN, triggers=ISSUES)
    bot.open_issue()
    bot.faults.once(refused(502), method="POST")
    bot.stack.poller(bot.work).settle()

    logs = [log_with(bot.receive.function, "Queued"), log_with(bot.work.function, "Done")]
    assert [metric_counts(log) for log in logs] == [
        {"Received": 2, "Queued": 1, "Refused": 1},
        {"Again": 1, "AgeAtFurtherTry": 1, "Done": 1, "SecondsToDone": 1},
    ]
    levels = {line["level"] for log in logs for line in json_lines(log) if "level" in line}
    assert levels == {"DEBUG": {"DEBUG", "INFO"}, "INFO": {"INFO"}, "ERROR": set()}[log_level]
    assert [secret for secret in bot.secrets for log in logs if secret in log] == []


def log_with(function: Emulator, metric: str) -> str:
    """A function's log, as soon as it contains a metric."""
    function.wait_for_log(rf'"_aws".*"{metric}": ')
    return function.log


def json_lines(log: str) -> list[dict[str, Any]]:
    """The lines that a function printed; the emulator's own lines are not JSON."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def metric_counts(log: str) -> dict[str, int]:
    """How often each metric is in a log, on lines of its own."""
    counts: dict[str, int] = {}
    for line in json_lines(log):
        for metrics in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert metrics["Namespace"] == "gidgetlambda/bot"
            for metric in metrics["Metrics"]:
                counts[metric["Name"]] = counts.get(metric["Name"], 0) + 1
    assert len(re.findall('"_aws"', log)) == sum(counts.values())
    return counts
