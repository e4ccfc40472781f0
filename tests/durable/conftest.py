"""Both functions of the stack in processes of their own, and a GitLab that sends them webhooks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from gidgetlambda.task import Task

from infra.cli.parked.commands import replay
from infra.sandbox import Sandbox
from infra.testing.events import answer_body, http_api_event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.sandbox.faults import Faults
    from infra.sandbox.state import HookEvent, Issue
    from infra.testing.functions import Function, FunctionProcess, FunctionTransport
    from infra.testing.poller import Invocation
    from infra.testing.sqs import Sqs
    from infra.testing.stack import FunctionStack

SECRET = "the-webhook-secret"


@dataclass
class DurableStack:
    """GitLab, the queues, and both functions."""

    gitlab: Sandbox
    faults: Faults
    stack: FunctionStack
    receive: FunctionProcess
    work: FunctionProcess
    logs: Path

    @property
    def sqs(self) -> Sqs:
        return self.stack.sqs

    def open(self, title: str = "It does not start", **about: Any) -> Issue:
        """Open an issue. The delivery has ended when this returns."""
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
        """The answers to the deliveries."""
        return [
            (int(one.response_status), json.loads(one.response_body))
            for one in self.gitlab.hook_events
        ]

    def resend(self, delivery: HookEvent) -> int:
        """Send a delivery again, and return the status of the answer."""
        sent = {name: value for name, value in delivery.headers.items() if value != "[REDACTED]"}
        status, _ = self.deliver(json.dumps(delivery.data).encode(), sent)
        return status

    def deliver(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Make a delivery, and return the answer."""
        own = {"content-type": "application/json", "x-gitlab-token": SECRET}
        fields = {name.lower(): value for name, value in headers.items()} | own
        answer = self.receive.invoke(http_api_event("POST", "/webhook", fields, body))
        return answer["statusCode"], json.loads(answer_body(answer))

    def settle(self, function: Function | None = None) -> list[Invocation]:
        """Work until the queue is empty, and skip the time in between."""
        return self.stack.poller(function or self.work).settle()

    def settle_elsewhere(self, *, fixed: bool = False) -> None:
        """Settle with another process of the work function, whose bug may be fixed."""
        setting = "yes" if fixed else ""
        handler = "tests.durable.bot.work"
        with self.stack.function("WorkFunction", handler=handler, FIXED=setting) as function:
            self.settle(function)

    @property
    def queued(self) -> list[Task]:
        return [Task.decode(one.body) for one in self.sqs.messages(self.stack.queue())]

    @property
    def parked(self) -> list[Task]:
        return [Task.decode(one.body) for one in self.sqs.messages(self.stack.parked_queue)]

    def replay(self) -> None:
        """Run `gidgetlambda parked replay --all`."""
        replay(all_=True, queue_url=self.stack.queue(), parked_queue_url=self.stack.parked_queue)

    def log(self, name: str) -> str:
        return (self.logs / name).read_text()


@pytest.fixture
def in_process(transport: FunctionTransport) -> Iterator[Sandbox]:
    """Yield a sandbox whose webhooks reach the receiving function."""
    with Sandbox(webhook_transport=transport, disable_failing_hooks=False) as instance:
        yield instance


@pytest.fixture
def deployed(
    in_process: Sandbox,
    transport: FunctionTransport,
    faults: Faults,
    stack: FunctionStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[DurableStack]:
    for variable, value in stack.sqs.environment(stack.sqs.owner).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def function(name: str) -> FunctionProcess:
        handler, log = f"tests.durable.bot.{name}", tmp_path / f"{name}.log"
        return stack.function(f"{name.title()}Function", handler=handler, log=log)

    in_process.add_hook("https://bot.example.com/webhook", token=SECRET, triggers={"issues_events"})
    with function("receive") as receive, function("work") as work:
        transport.add(receive)
        yield DurableStack(in_process, faults, stack, receive, work, tmp_path)


def bodies(issue: Issue) -> list[str]:
    """Return the bot's comments, without their markers."""
    return [note.body.partition("\n")[0] for note in issue.notes if not note.system]
