"""Both functions of the built package under Lambda's emulator, with the queue between them.

A webhook of the sandbox becomes the event of an HTTP API, the receiving function's message becomes
the event of an SQS mapping, and the working function comments in the sandbox. Each function has the
environment and the role that the template gives it.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from gidgetlambda.task import Task

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.faults import Fault, Faults, given_up, refused
from infra.testing.emulator import Emulator
from infra.testing.functions import FunctionTransport
from infra.testing.stack import FunctionStack
from infra.testing.template import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from infra.sandbox.state import HookEvent, Issue
    from infra.testing.functions import Function
    from infra.testing.poller import Invocation
    from infra.testing.sqs import Sqs

WELCOME = "gidgetlambda.plugins.welcome:issue_opened"
WEBHOOK = "https://bot.example.com/webhook"
ISSUES = {"issues_events"}
SECRET = "the-webhook-secret"
SIGNING_TOKEN = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_TOKEN = "whsec_" + base64.b64encode(bytes(32)).decode()


@dataclass
class Watched:
    """A function, and what it was invoked with and answered."""

    function: Emulator
    invocations: list[tuple[Any, Any]] = field(default_factory=list)

    def invoke(self, event: Any) -> Any:
        answer = self.function.invoke(event)
        self.invocations.append((event, answer))
        return answer


class Door:
    """Where webhooks arrive: a function that is made after GitLab is."""

    def __init__(self) -> None:
        self.function: Function

    def invoke(self, event: Any) -> Any:
        return self.function.invoke(event)


@dataclass
class World:
    """GitLab with a signed webhook, the queue, and the two functions."""

    gitlab: Sandbox
    faults: Faults
    stack: FunctionStack
    receive: Watched
    work: Watched

    def open(self) -> tuple[Issue, HookEvent]:
        """Open an issue; its webhook was answered when this returns."""
        issue = self.gitlab.open_issue("It does not start", by="alice")
        return issue, self.gitlab.settle()[0]

    def step(self) -> Invocation:
        """Have the next message worked on."""
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
def door() -> Door:
    return Door()


@pytest.fixture
def in_process(door: Door) -> Iterator[Sandbox]:
    """A sandbox whose webhooks reach the receiving function as events of an HTTP API."""
    transport = FunctionTransport([door])
    with Sandbox(webhook_transport=transport, disable_failing_hooks=False) as instance:
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


Emulate: TypeAlias = "Callable[..., AbstractContextManager[Emulator]]"


@pytest.fixture
def emulate(lambda_runtime: None, built: Path, stack: FunctionStack) -> Emulate:
    """Gives a function of the template, as it was built, under the emulator."""

    def emulated(name: str, **changes: str) -> Emulator:
        properties = stack.properties(name)
        return Emulator(
            built.parent / name,
            properties["Handler"],
            env=stack.environment(name, **changes),
            timeout=properties["Timeout"],
        )

    return emulated


@pytest.fixture
def world(
    emulate: Emulate, in_process: Sandbox, door: Door, faults: Faults, stack: FunctionStack
) -> Iterator[World]:
    in_process.add_hook(WEBHOOK, signing_token=SIGNING_TOKEN, triggers=ISSUES)
    with emulate("ReceiveFunction") as receive, emulate("WorkFunction") as work:
        watched = Watched(receive), Watched(work)
        door.function = watched[0]
        yield World(in_process, faults, stack, *watched)


def test_http_event_in_message_on_the_queue_sqs_event_in_comment_in_gitlab(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    issue, delivery = world.open()

    ((request, _),) = world.receive.invocations
    assert request["version"] == "2.0"
    assert delivery.response_status == "202"
    told = {"status": "queued", "delivery": delivery.delivery_id, "handlers": [WELCOME]}
    assert json.loads(delivery.response_body) == told
    (message,) = world.queued
    task = Task.decode(message)
    assert (task.handler, task.event.delivery_id) == (WELCOME, delivery.delivery_id)
    queued = message + json.dumps(task.event.data)
    assert [secret for secret in world.secrets if secret in queued] == []
    assert issue.notes == []

    assert world.step().deleted

    ((event, answer),) = world.work.invocations
    assert event["Records"][0]["eventSource"] == "aws:sqs"
    assert answer == {"batchItemFailures": []}
    (note,) = issue.notes
    assert "Thanks for the report @alice!" in note.body
    assert world.queued == []
    with capsys.disabled():
        print()
        for watched in (world.receive, world.work):
            function = watched.function
            print(
                f"under the Lambda runtime, {function.handler}: "
                f"init {function.init_milliseconds:.0f} ms, "
                f"peak memory {function.peak_memory_mb:.0f} MB"
            )


def test_an_sqs_event_that_comes_twice_makes_one_comment(world: World) -> None:
    issue, _ = world.open()
    world.step()
    ((event, _),) = world.work.invocations

    assert world.work.invoke(event) == {"batchItemFailures": []}
    assert len(issue.notes) == 1


@pytest.mark.parametrize("fault", [refused(502), given_up(502)], ids=["refused", "given up"])
def test_a_task_that_gitlab_fails_comes_again_later(world: World, fault: Fault) -> None:
    issue, _ = world.open()
    world.faults.once(fault, method="POST")
    before = world.stack.sqs.clock.now()
    invocation = world.step()

    ((_, answer),) = world.work.invocations
    assert answer == {"batchItemFailures": [{"itemIdentifier": invocation.message_id}]}
    assert len(world.queued) == 1
    again = world.stack.sqs.next_visible(world.stack.queue())
    # GitLab may still be at it; the queue by itself would hide the message for 360 s.
    assert again is not None
    assert 90 <= again - before < 360

    assert world.stack.poller(world.work).settle()[-1].deleted
    assert len(issue.notes) == 1
    assert world.queued == []


def test_a_forged_delivery_is_refused_and_not_queued(world: World) -> None:
    world.gitlab.add_hook(WEBHOOK, signing_token=OTHER_TOKEN, triggers=ISSUES, token=SECRET)
    world.gitlab.open_issue("It does not start")
    statuses = sorted(delivery.response_status for delivery in world.gitlab.settle())

    assert statuses == ["202", "401"]
    assert len(world.queued) == 1


def test_a_function_without_the_right_to_queue_says_so(
    emulate: Emulate, in_process: Sandbox, door: Door, stack: FunctionStack
) -> None:
    in_process.add_hook(WEBHOOK, signing_token=SIGNING_TOKEN, triggers=ISSUES)
    with emulate("ReceiveFunction", **stack.role("WorkRole").environment()) as function:
        door.function = function
        in_process.open_issue("It does not start")
        (delivery,) = in_process.settle()

    assert delivery.response_status == "503"
    assert "AccessDeniedException" in delivery.response_body
    assert stack.sqs.messages(stack.queue()) == []


@pytest.mark.parametrize("log_level", ["DEBUG", "INFO", "ERROR"])
def test_no_level_logs_a_secret_or_loses_a_metric(world: World, log_level: str) -> None:
    world.gitlab.add_hook(WEBHOOK, signing_token=OTHER_TOKEN, triggers=ISSUES)
    world.open()
    world.faults.once(refused(502), method="POST")
    world.stack.poller(world.work).settle()

    logs = [_settled(world.receive.function, "Queued"), _settled(world.work.function, "Done")]
    assert [_metrics(log) for log in logs] == [
        {"Received": 2, "Queued": 1, "Refused": 1},
        {"Again": 1, "AgeAtFurtherTry": 1, "Done": 1, "SecondsToDone": 1},
    ]
    levels = {line["level"] for log in logs for line in _lines(log) if "level" in line}
    assert levels == {"DEBUG": {"DEBUG", "INFO"}, "INFO": {"INFO"}, "ERROR": set()}[log_level]
    assert [secret for secret in world.secrets for log in logs if secret in log] == []


def _settled(function: Emulator, metric: str) -> str:
    """A function's log, once a metric is in it."""
    function.wait_for_log(rf'"_aws".*"{metric}": ')
    return function.log


def _lines(log: str) -> list[dict[str, Any]]:
    """The lines that a function printed; the emulator's own are no JSON."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def _metrics(log: str) -> dict[str, int]:
    """How often each metric was written. What is not a whole line of its own counts for nothing."""
    counts: dict[str, int] = {}
    for line in _lines(log):
        for described in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert described["Namespace"] == "gidgetlambda/bot"
            for metric in described["Metrics"]:
                counts[metric["Name"]] = counts.get(metric["Name"], 0) + 1
    assert len(re.findall('"_aws"', log)) == sum(counts.values())
    return counts
