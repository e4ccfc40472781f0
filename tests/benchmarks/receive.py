"""How long the receiving function takes for a delivery that it queues for one handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.sandbox import Sandbox

from . import alone, sqs, wire
from .events import SIGNING_TOKEN, delivery, issue_body
from .report import Goal
from .shares import Measured

if TYPE_CHECKING:
    from pathlib import Path

ENTRY_POINT = "receive.lambda_handler"
QUEUED = {"statusCode": 202}


@dataclass(frozen=True)
class Effort:
    """How much is invoked.

    rounds: processes, each of which has a first delivery.
    warm: deliveries that are measured in each, after half as many to warm up.
    """

    rounds: int
    warm: int


QUICK = Effort(rounds=3, warm=60)
FULL = Effort(rounds=10, warm=300)


def environment(port: int) -> dict[str, str]:
    """The function's, with an SQS on a port of 127.0.0.1."""
    return {
        "GL_SIGNING_TOKEN": SIGNING_TOKEN,
        "QUEUE_URL": f"http://127.0.0.1:{port}/123456789012/tasks.fifo",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_SESSION_TOKEN": "benchmark" * 80,  # a role's is that long
        "METRICS_NAMESPACE": "benchmark",
        "LOG_LEVEL": "INFO",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
    }


def measure(package: Path, effort: Effort) -> None:
    """Queue deliveries, and print the table.

    package: our folder.
    """
    sandbox = Sandbox()
    sandbox.open_issue("It does not start")
    body = issue_body(sandbox, "open")
    measured = Measured()
    count = effort.warm * 3 // 2
    with sqs.started() as queue:
        requests = _requests(package, body, queue.port)
        for _ in range(effort.rounds):
            total = _deliver(package, body, queue.port, count)
            measured.add(total, wire.replay([requests] * count, queue.port), effort.warm)
    _show(measured, effort)


def _requests(package: Path, body: bytes, port: int) -> list[bytes]:
    """What the function asks of the queue for one delivery."""
    with wire.recorder(port) as (recording, requests):
        _deliver(package, body, recording, 1)
        return requests


def _deliver(package: Path, body: bytes, port: int, count: int) -> list[alone.Invocation]:
    return alone.invoke(
        package,
        ENTRY_POINT,
        [delivery(body, signed=True)],
        count=count,
        expected=QUEUED,
        environ=environment(port),
    )


def _show(measured: Measured, effort: Effort) -> None:
    measured.show(
        "(f) Receive: one delivery that is queued, in milliseconds",
        "the queue's",
        (
            "A 5 KB issue event, signed, for one handler, through Mangum, in a process with the "
            "package and the",
            "runtime alone. In SQS's place is an endpoint that answers at once; its share is what "
            "a bare socket waits",
            "for its answer to the same request, and ours the rest. SQS itself takes some "
            "milliseconds instead. The",
            "first delivery also imports what signs and what sends, makes the TLS context and "
            "connects. CPU: the",
            f"function's processor time. {effort.rounds} processes.",
        ),
        (
            Goal(
                "a delivery that is queued, warm, the queue's share aside,",
                measured.warm.ours,
                20,
                " ms",
            ),
        ),
    )
