"""The CPU time of a delivery that is queued, and of its task; SQS and GitLab do not count."""

from __future__ import annotations

import statistics
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from infra.sandbox import BOT_TOKEN
from infra.sandbox.server import serve
from infra.testing import sqs
from infra.testing.stack import FunctionStack
from infra.testing.template import read

from . import alone
from .events import SECRET, bodies, delivery, sandbox
from .packages import RECEIVE, WORK, DeployedFunction
from .report import show

if TYPE_CHECKING:
    from infra.package import Package

    from .packages import Packages


QUICK = alone.Effort(rounds=2, invocations=20)
FULL = alone.Effort(rounds=7, invocations=100)


def measure(packages: Packages, effort: alone.Effort) -> None:
    """Queue deliveries, run their tasks, and print the table."""
    receiving: list[list[alone.Timing]] = []
    working: list[list[alone.Timing]] = []
    for _ in range(effort.rounds):
        received, worked = _round(packages.ours, effort.invocations)
        receiving.append(received)
        working.append(worked)
    show(
        "(e) With a queue: CPU time of one invocation in milliseconds",
        ("function", "warm", "first of a process"),
        [
            _row("receive: a delivery for one handler", receiving),
            _row("work: a task that comments on an issue", working),
        ],
        notes=(
            f"The welcome plugin on a sandbox GitLab and moto's SQS. {effort.rounds} processes of "
            "each. The first invocation imports the HTTP client and loads the CA bundle."
        ),
    )


def _round(package: Package, count: int) -> tuple[list[alone.Timing], list[alone.Timing]]:
    """Queue deliveries in one process, then run their tasks in another."""
    gitlab = sandbox()
    with serve(gitlab) as url, sqs.serve() as served:
        template = read({"AccessToken": BOT_TOKEN, "GitLabUrl": url, "WebhookSecret": SECRET})
        stack = FunctionStack(served, template)
        receive = DeployedFunction(package, RECEIVE, stack.environment("ReceiveFunction"))
        work = DeployedFunction(package, WORK, stack.environment("WorkFunction"))
        deliveries = [delivery(body) for body in bodies(gitlab)[:count]]
        received = alone.invoke(receive, deliveries, count, {"statusCode": 202})
        tasks: list[Any] = []
        stack.poller(SimpleNamespace(invoke=tasks.append)).drain()
        worked = alone.invoke(work, tasks, count, {"batchItemFailures": []})
    notes = sum(len(issue.notes) for issue in gitlab.project.issues.values())
    if notes != count:
        raise RuntimeError(f"{count} tasks made {notes} comments")
    return received, worked


def _row(name: str, processes: list[list[alone.Timing]]) -> tuple[str, str, str]:
    first = statistics.median(timings[0].cpu for timings in processes)
    warm = statistics.median(
        timing.cpu for timings in processes for timing in timings[len(timings) // 3 :]
    )
    return name, f"{warm / 1000:.2f}", f"{first / 1000:.0f}"
