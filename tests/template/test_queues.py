"""The queues and their connection to the working function."""

from __future__ import annotations

import pytest

from tests.template.stack import Resource, TemplateStack

FOURTEEN_DAYS = 14 * 24 * 60 * 60
QUEUES = ("TaskQueue", "ParkedQueue")


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_encrypted_and_a_fifo_queue_of_high_throughput(
    queued: TemplateStack, name: str
) -> None:
    queue = queued.properties(name)
    assert queue["FifoQueue"] is True
    assert queue["DeduplicationScope"] == "messageGroup"
    assert queue["FifoThroughputLimit"] == "perMessageGroupId"
    assert queue["SqsManagedSseEnabled"] is True
    assert "ContentBasedDeduplication" not in queue


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_keeps_tasks_for_14_days_and_outlives_the_stack(
    expanded: Resource, queued: TemplateStack, name: str
) -> None:
    assert queued.properties(name)["MessageRetentionPeriod"] == FOURTEEN_DAYS
    # A retained queue would occupy a fixed name.
    assert "QueueName" not in queued.properties(name)
    # A failed creation does not leave its queue behind.
    assert expanded["Resources"][name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert expanded["Resources"][name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_refuses_requests_without_tls(queued: TemplateStack, name: str) -> None:
    policy = queued.properties(f"{name}Policy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["Queues"] == [name]
    assert statement["Resource"] == f"{name}.Arn"
    assert (statement["Effect"], statement["Action"]) == ("Deny", "sqs:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_visibility_timeout_is_6_times_the_functions_timeout(queued: TemplateStack) -> None:
    visibility = queued.properties("TaskQueue")["VisibilityTimeout"]
    assert visibility >= 6 * queued.properties("WorkFunction")["Timeout"]


def test_the_queue_itself_parks_a_task_whose_worker_keeps_dying(queued: TemplateStack) -> None:
    assert queued.properties("TaskQueue")["RedrivePolicy"] == {
        "deadLetterTargetArn": "ParkedQueue.Arn",
        "maxReceiveCount": 1000,
    }
    assert "RedrivePolicy" not in queued.properties("ParkedQueue")


def test_the_working_function_gets_one_task_at_a_time_and_reports_failures(
    expanded: Resource,
) -> None:
    stack = TemplateStack(expanded, MaximumConcurrency="20")
    (mapping,) = stack.of("AWS::Lambda::EventSourceMapping").values()
    assert mapping == {
        "FunctionName": "WorkFunction",
        "EventSourceArn": "TaskQueue.Arn",
        "BatchSize": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": "20"},
    }


def test_the_outputs_contain_the_queues(queued: TemplateStack, inline: TemplateStack) -> None:
    assert queued.outputs["TaskQueueUrl"] == "TaskQueue"
    assert queued.outputs["ParkedQueueUrl"] == "ParkedQueue"
    assert not {"TaskQueueUrl", "ParkedQueueUrl"} & inline.outputs.keys()
