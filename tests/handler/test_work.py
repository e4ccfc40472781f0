"""The entry point `work`, as Lambda imports and calls it, with the sample bot."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from gidgetlambda import Event
from gidgetlambda.task import Task

from tests.handler import payloads
from tests.handler.processes import run_python

if TYPE_CHECKING:
    from infra.sandbox import Sandbox
    from infra.testing.stack import FunctionStack

HEAVY = ["boto3", "fastapi", "mangum", "pydantic", "samcli", "starlette", "uvicorn"]

WORK = f"""
import json, sys
from work import lambda_handler
answer = lambda_handler(json.load(sys.stdin), None)
heavy = [name for name in {HEAVY} if name in sys.modules]
print(json.dumps([answer, heavy]))
"""


def work(environ: dict[str, str], *tasks: tuple[int, float]) -> Any:
    """Run tasks for issues; return the answer and the heavy modules that were imported.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-fifo-message-event

    Args:
        environ: The environment of the function.
        tasks: The number of each task's issue, and the time at which its message was sent.
    """
    records = []
    for iid, sent in tasks:
        event = Event(payloads.issue(iid=iid), event="Issue Hook", delivery_id=f"d-{iid}")
        task = Task(event, "welcome.issue_opened", received=sent)
        attributes = {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(sent * 1000)),
            "MessageGroupId": task.group,
        }
        record = {"messageId": f"m-{iid}", "receiptHandle": f"r-{iid}", "body": task.encode()}
        records.append(record | {"attributes": attributes, "eventSource": "aws:sqs"})
    output = run_python(WORK, stdin=json.dumps({"Records": records}), **environ)
    return json.loads(output.splitlines()[-1])  # metrics precede it


def test_runs_and_parks_tasks_without_the_imports_of_receiving(
    stack: FunctionStack, in_process: Sandbox
) -> None:
    issue = in_process.open_issue("It does not start")
    answer = work(stack.environment("WorkFunction"), (issue.iid, time.time()), (99, 0))
    assert answer == [{"batchItemFailures": []}, []]
    assert [note.author.username for note in issue.notes] == ["playground-bot"]
    assert len(stack.sqs.messages(stack.parked_queue)) == 1


def test_returns_a_task_to_the_queue_without_settings() -> None:
    answer, _ = work({}, (1, time.time()))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
