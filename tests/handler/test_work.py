"""The entry point of the function that works on queued tasks, as Lambda imports and calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from gidgetlambda import Event
from gidgetlambda.task import Task

from tests.handler import payloads

if TYPE_CHECKING:
    from infra.sandbox import Sandbox
    from infra.testing.stack import FunctionStack

HEAVY = ["boto3", "fastapi", "mangum", "pydantic", "samcli", "starlette", "uvicorn"]

WORK = f"""
import json, sys
from work import lambda_handler
answer = lambda_handler(json.load(sys.stdin), None)
heavy = [name for name in {HEAVY} if name in sys.modules]
print(json.dumps({{"answer": answer, "heavy": heavy}}))
"""


def record(task: Task) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-fifo-message-event"""
    return {
        "messageId": "m-1",
        "receiptHandle": "r-1",
        "body": task.encode(),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(time.time() * 1000)),
            "MessageGroupId": task.group,
        },
        "eventSource": "aws:sqs",
    }


def work(event: dict[str, Any], env: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", WORK],
        input=json.dumps(event),
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture
def env(stack: FunctionStack) -> dict[str, str]:
    return stack.environment("WorkFunction")


def a_task(handler: str, iid: int) -> Task:
    event = Event(payloads.issue(iid=iid), event="Issue Hook", delivery_id="d-1")
    return Task(event, handler, received=time.time())


def test_it_runs_the_deployments_bot_without_what_only_receiving_needs(
    env: dict[str, str], in_process: Sandbox
) -> None:
    issue = in_process.open_issue("It does not start")
    told = work({"Records": [record(a_task("gidgetlambda.plugins.welcome:issue_opened", 1))]}, env)

    assert told == {"answer": {"batchItemFailures": []}, "heavy": []}
    assert [note.author.username for note in issue.notes] == ["playground-bot"]


def test_parking_needs_nothing_heavy_either(
    env: dict[str, str], stack: FunctionStack, in_process: Sandbox
) -> None:
    del in_process.instance.projects[71]
    old = a_task("gidgetlambda.plugins.welcome:issue_opened", 1)
    event = {"Records": [record(old)]}
    event["Records"][0]["attributes"]["SentTimestamp"] = "0"
    told = work(event, env)

    assert told == {"answer": {"batchItemFailures": []}, "heavy": []}
    assert len(stack.sqs.messages(stack.parked_queue)) == 1


def test_without_settings_the_task_comes_again(env: dict[str, str]) -> None:
    told = work({"Records": [record(a_task("gidgetlambda.plugins.welcome:issue_opened", 1))]}, {})

    assert told["answer"] == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
