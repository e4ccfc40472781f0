"""Both functions of the sample bot's package under Lambda's emulator, with the queue between them.

The sandbox's webhook becomes an event of an HTTP API, the receiving function's message becomes an
event of the SQS event source mapping, and the working function comments in the sandbox. Each
function has the environment and the role that the template defines.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from gidgetlambda.plugins import welcome
from gidgetlambda.task import Task

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.faults import Faults, refused
from infra.testing.emulator import Emulator
from infra.testing.stack import FunctionStack
from infra.testing.template import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.package import Package
    from infra.testing.functions import FunctionTransport
    from infra.testing.sqs import Sqs

WELCOME = welcome.router.routes[0].name
WEBHOOK = "https://bot.example.com/webhook"
ISSUES = {"issues_events"}
SECRET = "the-webhook-secret"
SIGNING_TOKEN = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_TOKEN = "whsec_" + base64.b64encode(bytes(32)).decode()


@pytest.fixture
def in_process(transport: FunctionTransport) -> Iterator[Sandbox]:
    """Yield a sandbox whose webhooks reach the receiving function as events of an HTTP API."""
    with Sandbox(webhook_transport=transport, disable_failing_hooks=False) as instance:
        instance.add_hook(WEBHOOK, signing_token=SIGNING_TOKEN, triggers=ISSUES)
        yield instance


@pytest.fixture
def log_level() -> str:
    return "INFO"


@pytest.fixture
def stack(sqs: Sqs, in_process: Sandbox, faults: Faults, log_level: str) -> FunctionStack:
    parameters = {
        "AccessToken": BOT_TOKEN,
        "GitLabUrl": in_process.url,
        "LogLevel": log_level,
        "SigningToken": SIGNING_TOKEN,
        "WebhookSecret": SECRET,
    }
    return FunctionStack(sqs, read(parameters))


@pytest.fixture
def functions(
    lambda_runtime: None, sample: Package, stack: FunctionStack, transport: FunctionTransport
) -> Iterator[tuple[Emulator, Emulator]]:
    """Yield the receiving and the working function."""

    def emulator(name: str) -> Emulator:
        properties = stack.properties(name)
        environment = stack.environment(name)
        handler, timeout = properties["Handler"], properties["Timeout"]
        return Emulator(sample.folder, handler, env=environment, timeout=timeout)

    with emulator("ReceiveFunction") as receive, emulator("WorkFunction") as work:
        transport.add(receive)
        yield receive, work


def test_a_delivery_is_queued_and_leads_to_a_comment(
    functions: tuple[Emulator, Emulator],
    in_process: Sandbox,
    stack: FunctionStack,
    record_property: Callable[[str, object], None],
) -> None:
    issue = in_process.open_issue("It does not start", by="alice")
    (delivery,) = in_process.settle()

    assert delivery.response_status == "202"
    answer = {"status": "queued", "delivery": delivery.delivery_id, "handlers": [WELCOME]}
    assert json.loads(delivery.response_body) == answer
    (message,) = stack.sqs.messages(stack.queue())
    task = Task.decode(message.body)
    assert (task.handler, task.event.delivery_id) == (WELCOME, delivery.delivery_id)
    queued = message.body + json.dumps(task.event.data)
    assert [secret for secret in secrets(stack) if secret in queued] == []
    assert issue.notes == []

    (invocation,) = stack.poller(functions[1]).settle()

    assert invocation.deleted
    (note,) = issue.notes
    assert "Thanks for the report @alice!" in note.body
    for function in functions:
        record_property(
            "figure",
            f"{function.handler} under the Lambda runtime: "
            f"init {function.init_milliseconds:.0f} ms, "
            f"peak memory {function.peak_memory_mb:.0f} MB",
        )


@pytest.mark.parametrize("log_level", ["DEBUG", "INFO", "ERROR"])
def test_a_failed_task_is_retried_and_every_log_level_keeps_metrics_and_hides_secrets(
    functions: tuple[Emulator, Emulator],
    in_process: Sandbox,
    faults: Faults,
    stack: FunctionStack,
    log_level: str,
) -> None:
    receive, work = functions
    in_process.add_hook(WEBHOOK, signing_token=OTHER_TOKEN, triggers=ISSUES)
    issue = in_process.open_issue("It does not start", by="alice")
    deliveries = in_process.settle()
    faults.once(refused(502), method="POST")
    invocations = stack.poller(work).settle()

    assert sorted(delivery.response_status for delivery in deliveries) == ["202", "401"]
    assert [invocation.deleted for invocation in invocations] == [False, True]
    assert len(issue.notes) == 1
    receive.wait_for_log('"_aws".*"Queued": ')
    work.wait_for_log('"_aws".*"Done": ')
    logs = [receive.log, work.log]
    assert [metric_counts(log) for log in logs] == [
        # `Refused` is also counted by its reason.
        {"Received": 2, "Accepted": 1, "Queued": 1, "Refused": 2},
        dict.fromkeys(WORK_METRICS, 1),
    ]
    levels = {line["level"] for log in logs for line in json_lines(log) if "level" in line}
    assert levels == {"DEBUG": {"DEBUG", "INFO"}, "INFO": {"INFO"}, "ERROR": set()}[log_level]
    assert [secret for secret in secrets(stack) for log in logs if secret in log] == []


def json_lines(log: str) -> list[dict[str, Any]]:
    """Return the lines that a function printed; the emulator's own lines are not JSON."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


WORK_METRICS = ("Retrying", "TokenDaysLeft", "AgeAtFurtherTry", "Done", "SecondsToDone")


def metric_counts(log: str) -> dict[str, int]:
    """Count each metric in the lines of a log."""
    groups = [
        group
        for line in json_lines(log)
        for group in line.get("_aws", {}).get("CloudWatchMetrics", ())
    ]
    assert {group["Namespace"] for group in groups} == {"gidgetlambda/bot"}
    return Counter(metric["Name"] for group in groups for metric in group["Metrics"])


def secrets(stack: FunctionStack) -> list[str]:
    """Return every secret that the functions hold."""
    roles = [stack.role(name) for name in ("ReceiveRole", "WorkRole")]
    keys = [key for role in roles for key in (role.secret_key, role.session_token)]
    return [SECRET, SIGNING_TOKEN, SIGNING_TOKEN.removeprefix("whsec_"), BOT_TOKEN, *keys]
