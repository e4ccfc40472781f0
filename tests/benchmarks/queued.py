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
from .report import Goal, show

if TYPE_CHECKING:
    from infra.package import Package

    from .packages import Packages

Timings = list[alone.Timing]

# The function, and its goal for the first invocation of a process, compared with a commit before
# the HTTP client and the signatures of our own.
FUNCTIONS = {
    "receive: a delivery for one handler": 0.4,
    "work: a task that comments on an issue": 0.7,
}
QUICK = alone.Effort(rounds=2, invocations=20)
FULL = alone.Effort(rounds=7, invocations=100)


def measure(packages: Packages, effort: alone.Effort) -> None:
    """Queue deliveries, run their tasks, and print the table."""
    compared = {"": packages.ours}
    if packages.earlier:
        compared[", earlier commit"] = packages.earlier
    rounds: dict[str, list[tuple[Timings, Timings]]] = {name: [] for name in compared}
    for _ in range(effort.rounds):
        for name, package in compared.items():
            rounds[name].append(_round(package, effort.invocations))
    rows, goals = [], []
    for number, (function, limit) in enumerate(FUNCTIONS.items()):
        measured = [_cpu([timings[number] for timings in rounds[name]]) for name in compared]
        for name, (warm, first) in zip(compared, measured, strict=True):
            rows.append((f"{function}{name}", f"{warm:.2f}", f"{first:.0f}"))
        if packages.earlier:
            ratio = measured[0][1] / measured[1][1]
            goals.append(Goal(f"{function}, first to the earlier commit", ratio, limit))
    show(
        "(e) With a queue: CPU time of one invocation in milliseconds",
        ("function", "warm", "first of a process"),
        rows,
        notes=(
            f"The welcome plugin on a sandbox GitLab and moto's SQS. {effort.rounds} processes of "
            "each. The first invocation imports the HTTP client and connects."
        ),
        goals=goals,
    )


def _round(package: Package, count: int) -> tuple[Timings, Timings]:
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


def _cpu(processes: list[Timings]) -> tuple[float, float]:
    """Return the medians of a warm and of the first invocation, in milliseconds."""
    first = statistics.median(timings[0].cpu for timings in processes)
    warm = statistics.median(
        timing.cpu for timings in processes for timing in timings[len(timings) // 3 :]
    )
    return warm / 1000, first / 1000
