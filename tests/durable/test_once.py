"""Nothing is lost and no comment is written twice, whatever happens to the worker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from infra.sandbox.faults import Exchange, Fault, Late, given_up, killing, lost
from infra.testing import sqs
from infra.testing.emulator import FunctionError
from tests.durable.conftest import bodies

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.sandbox.state import Issue
    from tests.durable.conftest import DurableStack


def die(event: Any) -> Any:
    raise FunctionError("the function died")


def at(number: int, fault: Fault) -> Callable[[Exchange], Fault | None]:
    """Return a choice of a fault for one request, by its number from 1."""
    numbers = iter(range(1, 1_000))
    return lambda exchange: fault if next(numbers) == number else None


@pytest.mark.parametrize("stage", ["before", "during", "after"])
@pytest.mark.parametrize("number", range(1, 6))
def test_a_worker_that_is_killed_at_any_request_comments_once(
    deployed: DurableStack, number: int, stage: str
) -> None:
    issue = deployed.open()
    deployed.settle_elsewhere()
    deployed.close(issue)
    # A new worker asks who it is, then looks for each of its two notes and writes it.
    deployed.faults.choose = at(number, killing(lambda _: deployed.work.kill(), stage))
    deployed.settle()

    assert bodies(issue) == ["Hello", "Thank you", "Goodbye"]
    assert deployed.parked == []


@pytest.mark.parametrize("number", [3, 5])
@pytest.mark.parametrize("fault", [lost, given_up(502), given_up(504)])
def test_a_write_whose_answer_is_lost_is_not_repeated(
    deployed: DurableStack, number: int, fault: Fault
) -> None:
    issue = deployed.open()
    deployed.settle_elsewhere()
    deployed.close(issue)
    deployed.faults.choose = at(number, fault)
    deployed.settle()

    assert bodies(issue) == ["Hello", "Thank you", "Goodbye"]


def test_a_write_that_gitlab_commits_a_minute_after_a_kill_is_found(
    deployed: DurableStack,
) -> None:
    async def kill(exchange: Exchange) -> None:
        deployed.work.kill()
        await exchange.drop()

    issue = deployed.open()
    late = Late(kill)
    deployed.faults.once(late, method="POST")
    deployed.stack.poller(deployed.work).drain()
    deployed.sqs.clock.advance(60)
    assert late.commit() == 1

    deployed.settle()
    assert bodies(issue) == ["Hello"]


def test_a_worker_that_is_killed_six_times_finishes_its_task(deployed: DurableStack) -> None:
    issue = deployed.open()
    deployed.faults.once(killing(lambda _: deployed.work.kill(), "before"), times=6)
    invocations = deployed.settle()

    assert [one.error for one in invocations] == ["the function died"] * 6 + [None]
    assert bodies(issue) == ["Hello"]


def reopen_with_a_bug(deployed: DurableStack) -> Issue:
    """Open, close and reopen an issue; the task of the last event is parked."""
    issue = deployed.open()
    deployed.close(issue)
    deployed.reopen(issue)
    deployed.settle()
    assert bodies(issue) == ["Hello", "Thank you", "Goodbye", "Welcome back"]
    return issue


def test_a_parked_task_repeats_nothing_when_it_is_replayed_after_a_fix(
    deployed: DurableStack,
) -> None:
    issue = reopen_with_a_bug(deployed)
    (task,) = deployed.parked
    assert task.parking is not None
    assert task.parking.because == "ValueError: a bug"

    deployed.replay()
    deployed.settle_elsewhere(fixed=True)
    assert bodies(issue)[3:] == ["Welcome back", "For good"]
    assert deployed.queued == deployed.parked == []


def test_parking_and_replaying_within_five_minutes_loses_nothing(deployed: DurableStack) -> None:
    issue = reopen_with_a_bug(deployed)
    for _ in range(4):
        assert len(deployed.parked) == 1
        deployed.replay()
        deployed.settle()
    assert len(deployed.parked) == 1
    deployed.replay()
    deployed.settle_elsewhere(fixed=True)

    assert bodies(issue)[3:] == ["Welcome back", "For good"]
    assert deployed.parked == []


def test_a_delivery_that_is_resent_while_its_task_is_parked_repeats_nothing(
    deployed: DurableStack,
) -> None:
    issue = reopen_with_a_bug(deployed)
    deployed.sqs.clock.advance(3600)
    deployed.resend(deployed.gitlab.hook_events[-1])
    deployed.settle_elsewhere(fixed=True)
    deployed.replay()
    deployed.settle_elsewhere(fixed=True)

    assert bodies(issue)[3:] == ["Welcome back", "For good"]


def test_a_crash_between_parking_and_deleting_loses_nothing(deployed: DurableStack) -> None:
    issue = deployed.open()
    deployed.close(issue)
    deployed.settle()
    deployed.reopen(issue)
    (reopened,) = deployed.queued

    def crash(action: str) -> sqs.Fault | None:
        if action != "SendMessageBatch":
            return None
        deployed.work.kill()
        deployed.sqs.faults.clear()
        return sqs.Fault.LOST

    deployed.sqs.faults.choose = crash
    deployed.settle()

    # The task was redelivered and parked again. There are two copies, unless the clock was moved
    # before SQS stored the first.
    assert {task.deduplication_id for task in deployed.parked} == {reopened.deduplication_id}
    deployed.replay()
    deployed.settle_elsewhere(fixed=True)
    assert bodies(issue)[3:] == ["Welcome back", "For good"]


def test_a_worker_that_always_dies_leaves_its_task_to_the_parked_queue(
    deployed: DurableStack,
) -> None:
    issue = deployed.open()
    invocations = deployed.settle(SimpleNamespace(invoke=die))

    assert len(invocations) == 1000
    assert [task.parking for task in deployed.parked] == [None]
    assert issue.notes == []
