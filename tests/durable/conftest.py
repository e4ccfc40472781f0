"""Both functions of the stack in processes of their own, and a GitLab that sends them webhooks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from gidgetlambda.task import Task

from infra.sandbox import Sandbox
from infra.testing.events import answer_body, http_api_event
from infra.testing.transport import FunctionTransport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.sandbox.faults import Faults
    from infra.sandbox.state import HookEvent, Issue
    from infra.testing.functions import Function, FunctionProcess
    from infra.testing.poller import Invocation
    from infra.testing.sqs import Sqs
    from infra.testing.stack import Stack

SECRET = "the-webhook-secret"


class Door:
    """Where webhooks arrive: a function that is made after GitLab is."""

    def __init__(self) -> None:
        self.function: Function

    def invoke(self, event: Any) -> Any:
        return self.function.invoke(event)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def in_process(door: Door) -> Iterator[Sandbox]:
    """A sandbox whose webhooks reach the receiving function."""
    transport = FunctionTransport([door])
    with Sandbox(webhook_transport=transport, disable_failing_hooks=False) as instance:
        yield instance


@dataclass
class World:
    """GitLab, the stack, and its two functions."""

    gitlab: Sandbox
    faults: Faults
    stack: Stack
    receive: FunctionProcess
    work: FunctionProcess
    logs: Path

    @property
    def sqs(self) -> Sqs:
        return self.stack.sqs

    def open(self, title: str = "It does not start", **about: Any) -> Issue:
        """Open an issue; its webhook was delivered, or was not, when this returns."""
        issue = self.gitlab.open_issue(title, **about)
        self.gitlab.settle()
        return issue

    def close(self, issue: Issue) -> None:
        self.gitlab.close_issuable(issue)
        self.gitlab.settle()

    def reopen(self, issue: Issue) -> None:
        self.gitlab.reopen(issue)
        self.gitlab.settle()

    @property
    def answers(self) -> list[tuple[int, dict[str, Any]]]:
        """What each delivery was answered with."""
        return [
            (int(one.response_status), json.loads(one.response_body))
            for one in self.gitlab.hook_events
        ]

    def resend(self, delivery: HookEvent) -> int:
        """Have GitLab send a delivery again; the status that it was answered with."""
        sent = {name: value for name, value in delivery.headers.items() if value != "[REDACTED]"}
        status, _ = self.deliver(json.dumps(delivery.data).encode(), sent)
        return status

    def deliver(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Deliver what GitLab might send."""
        own = {"content-type": "application/json", "x-gitlab-token": SECRET}
        fields = {name.lower(): value for name, value in headers.items()} | own
        answer = self.receive.invoke(http_api_event("POST", "/webhook", fields, body))
        told: dict[str, Any] = json.loads(answer_body(answer))
        return answer["statusCode"], told

    def settle(self, function: Function | None = None, **limits: Any) -> list[Invocation]:
        """Work until the queue is empty, skipping the time between."""
        return self.stack.poller(function or self.work).settle(**limits)

    def worker(self, **changes: str) -> FunctionProcess:
        """Another version of the work function."""
        return self.stack.function("WorkFunction", handler="tests.durable.bot.work", **changes)

    @property
    def queued(self) -> list[Task]:
        return [Task.decode(one.body) for one in self.sqs.messages(self.stack.queue())]

    @property
    def parked(self) -> list[Task]:
        return [Task.decode(one.body) for one in self.sqs.messages(self.stack.parked_queue)]

    def replay(self) -> None:
        """What `gidgetlambda parked replay --all` does: send to the queue, then delete."""
        queue, parked = self.stack.queue(), self.stack.parked_queue
        while messages := self._ask("ReceiveMessage", parked).get("Messages"):
            moved = Task.decode(messages[0]["Body"]).replayed(messages[0]["MessageId"])
            self._ask(
                "SendMessage",
                queue,
                MessageBody=moved.body,
                MessageGroupId=moved.group,
                MessageDeduplicationId=moved.deduplication_id,
            )
            self._ask("DeleteMessage", parked, ReceiptHandle=messages[0]["ReceiptHandle"])

    def log(self, name: str) -> str:
        return (self.logs / name).read_text()

    def _ask(self, action: str, queue: str, **parameters: Any) -> dict[str, Any]:
        return self.sqs.call(self.sqs.owner, action, {"QueueUrl": queue, **parameters})


@pytest.fixture
def world(
    in_process: Sandbox, door: Door, faults: Faults, stack: Stack, tmp_path: Path
) -> Iterator[World]:
    receive = stack.function(
        "ReceiveFunction", handler="tests.durable.bot.receive", log=tmp_path / "receive.log"
    )
    work = stack.function(
        "WorkFunction", handler="tests.durable.bot.work", log=tmp_path / "work.log"
    )
    door.function = receive
    in_process.add_hook("https://bot.example.com/webhook", token=SECRET, triggers={"issues_events"})
    with receive, work:
        yield World(in_process, faults, stack, receive, work, tmp_path)


def bodies(issue: Issue) -> list[str]:
    """The bot's comments, without their markers."""
    return [note.body.partition("\n")[0] for note in issue.notes if not note.system]
