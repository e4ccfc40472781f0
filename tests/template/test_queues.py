"""The queues, and how tasks come from one to the working function."""

from __future__ import annotations

import pytest

from tests.template.stack import Resource, Stack

FOURTEEN_DAYS = 14 * 24 * 60 * 60
QUEUES = ("TaskQueue", "ParkedQueue")


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_fifo_in_its_high_throughput_form_and_encrypted(
    queued: Stack, name: str
) -> None:
    queue = queued.properties(name)
    assert queue["FifoQueue"] is True
    assert queue["DeduplicationScope"] == "messageGroup"
    assert queue["FifoThroughputLimit"] == "perMessageGroupId"
    assert queue["SqsManagedSseEnabled"] is True
    assert "ContentBasedDeduplication" not in queue


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_keeps_tasks_for_14_days_and_outlives_the_stack_and_its_mode(
    expanded: Resource, queued: Stack, name: str
) -> None:
    assert queued.properties(name)["MessageRetentionPeriod"] == FOURTEEN_DAYS
    # A queue that was never finished goes with the creation that failed.
    assert expanded["Resources"][name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert expanded["Resources"][name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_has_no_fixed_name_which_the_one_left_behind_would_hold(
    queued: Stack, name: str
) -> None:
    assert "QueueName" not in queued.properties(name)


def test_a_task_stays_hidden_for_6_times_as_long_as_it_may_be_worked_on(queued: Stack) -> None:
    visibility = queued.properties("TaskQueue")["VisibilityTimeout"]
    assert visibility >= 6 * queued.properties("WorkFunction")["Timeout"]


def test_only_a_task_whose_worker_keeps_dying_is_parked_by_the_queue_itself(queued: Stack) -> None:
    assert queued.properties("TaskQueue")["RedrivePolicy"] == {
        "deadLetterTargetArn": "ParkedQueue.Arn",
        "maxReceiveCount": 100,
    }
    assert "RedrivePolicy" not in queued.properties("ParkedQueue")


def test_the_working_function_gets_one_task_at_a_time_and_answers_for_each(
    expanded: Resource,
) -> None:
    stack = Stack(expanded, MaximumConcurrency="20")
    (mapping,) = stack.of("AWS::Lambda::EventSourceMapping").values()
    assert mapping == {
        "FunctionName": "WorkFunction",
        "EventSourceArn": "TaskQueue.Arn",
        "BatchSize": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": "20"},
    }


def test_the_stack_tells_where_its_queues_are(queued: Stack, inline: Stack) -> None:
    assert queued.outputs["TaskQueueUrl"] == "TaskQueue"
    assert queued.outputs["ParkedQueueUrl"] == "ParkedQueue"
    assert not {"TaskQueueUrl", "ParkedQueueUrl"} & inline.outputs.keys()
