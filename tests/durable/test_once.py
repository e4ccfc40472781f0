"""At most one comment, whatever happens to the worker, and nothing lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.sandbox.faults import Exchange, Fault, Late, given_up, killing, lost
from infra.testing import sqs
from infra.testing.emulator import FunctionError
from tests.durable.conftest import bodies

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.durable.conftest import World


class Dying:
    """A function that comes to no end of its own."""

    def invoke(self, event: Any) -> Any:
        raise FunctionError("the function died")


STAGES = ["before", "during", "after"]


def at(number: int, fault: Fault) -> Callable[[Exchange], Fault | None]:
    """A fault for the request of that number, from 1."""
    seen = iter(range(1, 1_000))

    def choose(exchange: Exchange) -> Fault | None:
        return fault if next(seen) == number else None

    return choose


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("number", range(1, 6))
def test_a_worker_that_is_killed_at_any_request_comments_once(
    world: World, number: int, stage: str
) -> None:
    issue = world.open()
    world.settle(world.worker())
    world.close(issue)
    # A new worker asks who it is, looks for its note, writes it, and both again for the second.
    world.faults.choose = at(number, killing(lambda _: world.work.kill(), stage))
    world.settle()

    assert bodies(issue) == ["Hello", "Thank you", "Goodbye"]
    assert world.parked == []


@pytest.mark.parametrize("number", [3, 5])
@pytest.mark.parametrize("fault", [lost, given_up(502), given_up(504)])
def test_a_write_whose_answer_is_lost_is_not_written_again(
    world: World, number: int, fault: Fault
) -> None:
    issue = world.open()
    world.settle(world.worker())
    world.close(issue)
    world.faults.choose = at(number, fault)
    world.settle()

    assert bodies(issue) == ["Hello", "Thank you", "Goodbye"]


def test_a_write_that_gitlab_commits_a_minute_after_the_worker_was_killed_is_found(
    world: World,
) -> None:
    async def dies(exchange: Exchange) -> None:
        world.work.kill()
        await exchange.drop()

    issue = world.open()
    late = Late(dies)
    world.faults.once(late, method="POST")
    world.stack.poller(world.work).drain()
    world.sqs.clock.advance(60)
    assert late.commit() == 1

    world.settle()
    assert bodies(issue) == ["Hello"]


def test_a_worker_that_is_killed_again_and_again_gets_there(world: World) -> None:
    issue = world.open()
    world.faults.once(killing(lambda _: world.work.kill(), "before"), times=6)
    invocations = world.settle()

    assert [one.error for one in invocations] == ["the function died"] * 6 + [None]
    assert bodies(issue) == ["Hello"]


def parked_with_a_bug(world: World) -> Any:
    issue = world.open()
    world.close(issue)
    world.reopen(issue)
    world.settle()
    assert bodies(issue) == ["Hello", "Thank you", "Goodbye", "Welcome back"]
    return issue


def test_a_parked_task_is_replayed_on_the_mended_handler_and_repeats_nothing(
    world: World,
) -> None:
    issue = parked_with_a_bug(world)
    (task,) = world.parked
    assert task.parking is not None
    assert task.parking.because == "ValueError: a bug"

    world.replay()
    with world.worker(MENDED="yes") as mended:
        world.settle(mended)
    assert bodies(issue) == ["Hello", "Thank you", "Goodbye", "Welcome back", "For good"]
    assert world.queued == world.parked == []


def test_parking_and_replaying_within_five_minutes_loses_nothing(world: World) -> None:
    issue = parked_with_a_bug(world)
    for _ in range(4):
        assert len(world.parked) == 1
        world.replay()
        world.settle()
    assert len(world.parked) == 1
    world.replay()
    with world.worker(MENDED="yes") as mended:
        world.settle(mended)

    assert bodies(issue)[3:] == ["Welcome back", "For good"]
    assert world.parked == []


def test_a_delivery_that_is_resent_while_its_task_is_parked_repeats_nothing(
    world: World,
) -> None:
    issue = parked_with_a_bug(world)
    world.sqs.clock.advance(3600)
    world.resend(world.gitlab.hook_events[-1])
    with world.worker(MENDED="yes") as mended:
        world.settle(mended)
        world.replay()
        world.settle(mended)

    assert bodies(issue)[3:] == ["Welcome back", "For good"]


def test_a_crash_between_parking_and_deleting_loses_nothing(world: World) -> None:
    issue = world.open()
    world.settle()
    world.close(issue)
    world.settle()
    world.reopen(issue)

    def crash(action: str) -> sqs.Fault | None:
        if action == "SendMessageBatch":
            world.work.kill()
            world.sqs.faults.clear()
            return sqs.Fault.LOST
        return None

    world.sqs.faults.choose = crash
    world.settle()

    # The task was parked, came again, and was parked again.
    assert {(task.handler, task.event.delivery_id) for task in world.parked} == {
        ("tests.durable.bot:regret", world.gitlab.hook_events[-1].delivery_id)
    }
    world.replay()
    with world.worker(MENDED="yes") as mended:
        world.settle(mended)
    assert bodies(issue)[-2:] == ["Welcome back", "For good"]
    assert bodies(issue).count("Welcome back") == bodies(issue).count("For good") == 1


def test_a_worker_that_only_ever_dies_leaves_its_task_to_the_parked_queue(world: World) -> None:
    issue = world.open()
    invocations = world.settle(Dying())
    assert len(invocations) == 100

    # SQS tells that it moved a message only by the message's being there.
    moved = world.sqs.call(
        world.sqs.owner, "ReceiveMessage", {"QueueUrl": world.stack.parked_queue}
    )
    assert len(moved["Messages"]) == 1
    assert world.parked[0].parking is None
    assert issue.notes == []
