"""What becomes of a queued task: every row of the worker's table, with SQS and GitLab over HTTP.

Time is the stand-in's clock: nothing here waits for the delays that it tells of.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from gidgetlambda import Event, GitLabAPI, GitLabBot, TryAgain
from gidgetlambda.consumer import Consumer
from gidgetlambda.task import MESSAGE_LIMIT, PARKING_RESERVE, Message, Task

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.faults import Faults, Late, dropped, given_up, lost, refused
from infra.testing.functions import LocalFunction
from infra.testing.sqs import Fault
from tests.handler import payloads

if TYPE_CHECKING:
    from infra.sandbox.state import Issue
    from infra.testing.poller import Invocation, Poller
    from infra.testing.stack import FunctionStack

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

Handler = Callable[..., Any]


@dataclass
class World:
    """A bot whose handlers run on queued tasks, and what surrounds it."""

    sandbox: Sandbox
    faults: Faults
    stack: FunctionStack
    bot: GitLabBot
    poller: Poller

    def handle(self, handler: Handler, event_type: str = "Issue Hook", /, **filters: Any) -> str:
        self.bot.router.add(handler, event_type, **filters)
        return self.bot.router.routes[-1].name

    def open(self, title: str = "It does not start") -> Issue:
        return self.sandbox.open_issue(title)

    def queue(self, handler: str, issue: Issue | int = 1, *, delivery: str = "d-1") -> Task:
        """Put a task for a handler on the queue, as the receiving function does."""
        iid = issue if isinstance(issue, int) else issue.iid
        event = Event(payloads.issue(iid=iid), event="Issue Hook", headers={"webhook-id": delivery})
        task = Task(event, handler, received=time.time())
        self.send(task.message())
        return task

    def send(self, message: Message, queue: str = "TaskQueue") -> None:
        self.stack.sqs.call(
            self.stack.sqs.owner,
            "SendMessage",
            {
                "QueueUrl": self.stack.queue(queue),
                "MessageBody": message.body,
                "MessageGroupId": message.group,
                "MessageDeduplicationId": message.deduplication_id,
            },
        )

    @property
    def parked(self) -> list[Task]:
        return [Task.decode(one.body) for one in self.stack.sqs.messages(self.stack.parked_queue)]

    @property
    def waiting(self) -> float | None:
        """For how many seconds the next task waits."""
        moment = self.stack.sqs.next_visible(self.stack.queue())
        return None if moment is None else moment - self.stack.sqs.clock.now()

    def pass_time(self, seconds: float) -> list[Invocation]:
        self.stack.sqs.clock.advance(seconds)
        return self.poller.drain()


@pytest.fixture
def world(
    in_process: Sandbox, faults: Faults, stack: FunctionStack, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    for name, value in stack.environment("WorkFunction").items():
        monkeypatch.setenv(name, value)
    bot = GitLabBot("consumer-bot")
    consumer = Consumer(bot.runtime)
    yield World(in_process, faults, stack, bot, stack.poller(LocalFunction(consumer)))
    consumer.close()


async def comments(event: Event, gl: GitLabAPI) -> None:
    await gl.reply(event, "Hello")


def bodies(issue: Issue) -> list[str]:
    return [note.body.partition("\n")[0] for note in issue.notes]


# The table


def test_a_task_whose_handler_returned_is_done(world: World) -> None:
    issue = world.open()
    world.queue(world.handle(comments), issue)

    (invocation,) = world.poller.drain()
    assert invocation.deleted
    assert bodies(issue) == ["Hello"]
    assert world.waiting is None
    assert world.parked == []


def test_try_again_is_tried_after_as_long_as_it_says(world: World) -> None:
    runs: list[int] = []

    async def handler(event: Event, gl: GitLabAPI) -> None:
        runs.append(1)
        if len(runs) < 3:
            raise TryAgain(after=2 * HOUR)

    world.queue(world.handle(handler))
    world.poller.drain()
    assert world.pass_time(2 * HOUR - 60) == []
    world.pass_time(61)
    assert len(runs) == 2
    world.poller.settle(within=3 * HOUR)
    assert len(runs) == 3
    assert world.parked == []


def test_a_rate_limit_is_waited_out_as_long_as_gitlab_asks(world: World) -> None:
    issue = world.open()
    world.faults.once(refused(429, {"retry-after": "700"}), method="POST")
    world.queue(world.handle(comments), issue)

    world.poller.drain()
    assert world.waiting is not None
    assert 700 - 5 < world.waiting <= 700 * 1.25 + 5
    world.poller.settle(within=DAY)
    assert bodies(issue) == ["Hello"]


def test_a_rate_limit_without_a_time_is_waited_out_for_a_minute(world: World) -> None:
    issue = world.open()
    world.faults.once(refused(429, body="Retry later\n"), method="POST")
    world.queue(world.handle(comments), issue)

    world.poller.drain()
    assert world.waiting is not None
    assert 55 < world.waiting <= 80
    world.poller.settle(within=DAY)
    assert bodies(issue) == ["Hello"]


def test_a_task_is_parked_after_a_day_of_rate_limits_and_not_before(world: World) -> None:
    world.open()
    world.faults.choose = lambda exchange: refused(429) if exchange.writes else None
    world.queue(world.handle(comments))

    invocations = world.poller.settle(within=30 * HOUR)
    (parked,) = world.parked
    assert parked.parking is not None
    assert parked.parking.because.startswith("RateLimitExceeded")
    assert parked.parking.attempts == len(invocations) < 90
    assert parked.parking.at - parked.received < 60  # the function's clock stands still


@pytest.mark.parametrize("fault", [refused(500), dropped, refused(503)])
def test_while_gitlab_is_away_a_task_waits_and_is_done_at_last(world: World, fault: Any) -> None:
    issue = world.open()
    world.faults.once(fault, method="POST", times=5)
    world.queue(world.handle(comments), issue)

    world.poller.settle(within=2 * HOUR)
    assert bodies(issue) == ["Hello"]
    assert world.parked == []


def test_an_answer_that_is_garbled_on_its_way_is_asked_for_again(world: World) -> None:
    issue = world.open()
    garbled = refused(200, {"content-encoding": "gzip"}, body="no gzip")
    world.faults.once(garbled, path="/notes")
    world.queue(world.handle(comments), issue)

    world.poller.settle(within=2 * HOUR)
    assert bodies(issue) == ["Hello"]
    assert world.parked == []


def test_a_task_is_parked_after_two_hours_of_a_gitlab_that_is_away(world: World) -> None:
    world.faults.choose = lambda exchange: refused(500)
    world.queue(world.handle(comments))
    waits = []
    while world.poller.drain() and world.waiting is not None:
        waits.append(round(world.waiting / 10) * 10)
        world.stack.sqs.clock.advance(world.waiting + 1)

    assert waits == [10, 30, 60, 300, 900, 1800, 3600]
    (parked,) = world.parked
    assert parked.parking is not None
    assert "GitLabBroken" in parked.parking.because
    assert parked.parking.attempts == 8


def test_a_handler_that_runs_out_of_time_is_tried_again(world: World, stack: FunctionStack) -> None:
    runs: list[int] = []

    async def slow(event: Event, gl: GitLabAPI) -> None:
        runs.append(1)
        if len(runs) == 1:
            await asyncio.sleep(60)

    consumer = Consumer(world.bot)
    world.queue(world.handle(slow))
    stack.poller(LocalFunction(consumer, timeout=4)).drain()
    consumer.close()
    assert world.waiting is not None
    assert 5 < world.waiting <= 10
    world.poller.settle()
    assert len(runs) == 2


@pytest.mark.parametrize("fault", [lost, given_up(502), given_up(504)])
def test_a_write_whose_answer_never_came_waits_and_is_found(world: World, fault: Any) -> None:
    issue = world.open()
    world.faults.once(fault, method="POST")
    world.queue(world.handle(comments), issue)

    world.poller.drain()
    assert world.waiting is not None
    assert 85 < world.waiting <= 90
    world.poller.settle()
    assert bodies(issue) == ["Hello"]


@pytest.mark.parametrize("way", [dropped, refused(504)])
def test_a_write_that_gitlab_commits_later_is_found(world: World, way: Any) -> None:
    issue = world.open()
    late = Late(way)
    world.faults.once(late, method="POST")
    world.queue(world.handle(comments), issue)

    world.poller.drain()
    world.stack.sqs.clock.advance(60)
    assert late.commit() == 1
    world.poller.settle()
    assert bodies(issue) == ["Hello"]


def test_a_write_that_gitlab_never_commits_is_written_again(world: World) -> None:
    issue = world.open()
    world.faults.once(dropped, method="POST")
    world.queue(world.handle(comments), issue)

    world.poller.settle()
    assert bodies(issue) == ["Hello"]


def test_a_404_heals_where_gitlab_catches_up_within_a_minute(world: World) -> None:
    issue = world.open()
    world.faults.once(refused(404, body='{"message":"404 Not found"}'), path="/notes", times=2)
    world.queue(world.handle(comments), issue)

    world.poller.settle(within=MINUTE)
    assert bodies(issue) == ["Hello"]


def test_a_404_that_stays_is_parked_once_the_minute_is_over(world: World) -> None:
    world.queue(world.handle(comments), 404)

    invocations = world.poller.settle(within=5 * MINUTE)
    assert len(invocations) == 4
    (parked,) = world.parked
    assert parked.parking is not None
    assert "404" in parked.parking.because


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (422, '{"message":{"body":["is too long"]}}', "InvalidField: body is too long"),
        (403, '{"message":"403 Forbidden"}', "403 Forbidden"),
        (400, '{"error":"body is missing"}', "body is missing"),
    ],
)
def test_what_cannot_heal_is_parked_at_once_with_what_gitlab_said(
    world: World, status: int, body: str, told: str
) -> None:
    issue = world.open()
    world.faults.once(refused(status, {"content-type": "application/json"}, body), method="POST")
    world.queue(world.handle(comments), issue)

    (invocation,) = world.poller.drain()
    assert invocation.deleted
    (parked,) = world.parked
    assert parked.parking is not None
    assert told in parked.parking.because


@pytest.mark.parametrize("bug", [ValueError("a bug"), SystemExit(1), asyncio.CancelledError()])
def test_a_bug_is_parked_at_once_with_its_traceback(world: World, bug: BaseException) -> None:
    async def handler(event: Event, gl: GitLabAPI) -> None:
        raise bug

    sent = world.queue(world.handle(handler))
    world.poller.drain()

    (parked,) = world.parked
    assert parked.handler == sent.handler
    assert parked.event.data == sent.event.data
    assert parked.event.delivery_id == "d-1"
    assert parked.parking is not None
    assert type(bug).__name__ in parked.parking.because
    assert "raise bug" in (parked.parking.traceback or "")
    assert (parked.parking.attempts, parked.parking.group) == (1, sent.group)


@pytest.mark.parametrize("waits", [True, False])
def test_a_handler_that_cancels_itself_is_parked_and_ends_no_function(
    world: World, waits: bool
) -> None:
    async def cancels_itself(event: Event, gl: GitLabAPI) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        if waits:
            await asyncio.sleep(60)

    world.queue(world.handle(cancels_itself))
    world.queue(world.handle(comments), world.open())
    first, second = world.poller.drain()

    assert first.error is second.error is None
    (parked,) = world.parked
    assert parked.parking is not None
    assert "CancelledError" in parked.parking.because


def test_a_group_of_errors_that_holds_an_exit_is_parked(world: World) -> None:
    async def handler(event: Event, gl: GitLabAPI) -> None:
        raise BaseExceptionGroup("both", [SystemExit(1), ValueError("a bug")])

    world.queue(world.handle(handler))
    (invocation,) = world.poller.drain()

    assert invocation.error is None
    assert len(world.parked) == 1


def test_several_errors_at_once_are_parked_if_one_cannot_heal(world: World) -> None:
    async def healing(event: Event, gl: GitLabAPI) -> None:
        raise ExceptionGroup("both", [TryAgain(after=5), httpx.ConnectError("away")])

    async def broken(event: Event, gl: GitLabAPI) -> None:
        raise ExceptionGroup("both", [TryAgain(after=5), ValueError("a bug")])

    world.queue(world.handle(healing))
    world.queue(world.handle(broken))
    world.poller.drain()

    assert len(world.parked) == 1
    assert world.waiting is not None


def test_a_handler_that_this_version_does_not_know_waits_ten_minutes_for_it(
    world: World,
) -> None:
    issue = world.open()
    world.handle(comments)
    name = f"{__name__}:not_deployed_yet"
    world.queue(name, issue)
    world.poller.drain()
    world.pass_time(5 * MINUTE)
    assert world.parked == []

    async def not_deployed_yet(event: Event, gl: GitLabAPI) -> None:
        await gl.reply(event, "Now I am here")

    not_deployed_yet.__qualname__ = "not_deployed_yet"
    world.handle(not_deployed_yet)
    world.poller.settle(within=HOUR)
    assert bodies(issue) == ["Now I am here"]


def test_a_handler_that_nobody_knows_is_parked_after_ten_minutes(world: World) -> None:
    world.queue("old.module:handler")
    world.poller.settle(within=30 * MINUTE)

    (parked,) = world.parked
    assert parked.parking is not None
    assert (
        parked.parking.because == "UnknownHandler: this version has no handler old.module:handler"
    )


def test_a_task_that_this_versions_conditions_leave_out_is_ignored(world: World) -> None:
    issue = world.open()
    world.queue(world.handle(comments, action="close"), issue)

    (invocation,) = world.poller.drain()
    assert invocation.deleted
    assert issue.notes == []
    assert world.parked == []


# Nothing is parked that never ran


@pytest.mark.parametrize(
    "answer",
    [
        refused(401, body='{"message":"401 Unauthorized"}'),
        refused(403, body="Forbidden"),
        refused(404, body="Not Found"),
        refused(301),
        refused(200, {"content-type": "text/html"}, "<html>Down for maintenance</html>"),
        refused(200, {"content-type": "application/json"}, "[]"),
    ],
)
def test_a_task_waits_as_long_as_the_bot_cannot_tell_who_it_is(world: World, answer: Any) -> None:
    issue = world.open()
    world.faults.choose = lambda exchange: answer if exchange.path.endswith("/user") else None
    world.queue(world.handle(comments), issue)
    with pytest.raises(TimeoutError):
        world.poller.settle(within=2 * DAY)
    assert world.parked == []

    world.faults.choose = lambda exchange: None
    world.poller.settle(within=DAY)
    assert bodies(issue) == ["Hello"]


def test_a_rate_limit_of_that_question_is_one_of_gitlabs(world: World) -> None:
    issue = world.open()
    spent = {"ratelimit-limit": "1", "ratelimit-remaining": "0", "ratelimit-reset": "9999999999"}
    world.faults.once(refused(403, {**spent, "retry-after": "900"}), path="/user")
    world.queue(world.handle(comments), issue)

    world.poller.drain()
    assert world.waiting is not None
    assert world.waiting > 890
    world.poller.settle(within=HOUR)
    assert bodies(issue) == ["Hello"]


def test_a_task_waits_as_long_as_settings_are_missing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = world.open()
    monkeypatch.delenv("GL_ACCESS_TOKEN")
    world.queue(world.handle(comments), issue)
    with pytest.raises(TimeoutError):
        world.poller.settle(within=10 * DAY)

    monkeypatch.setenv("GL_ACCESS_TOKEN", BOT_TOKEN)
    world.poller.settle(within=DAY)
    assert bodies(issue) == ["Hello"]
    assert world.parked == []


def test_being_handed_out_often_parks_no_young_task(world: World) -> None:
    """A throttled function never sees the message, and SQS counts it as received all the same."""
    issue = world.open()
    world.queue(world.handle(comments), issue)
    for _ in range(60):
        throttled = world.stack.sqs.call(
            world.stack.sqs.owner,
            "ReceiveMessage",
            {"QueueUrl": world.stack.queue(), "VisibilityTimeout": 0},
        )
        assert len(throttled["Messages"]) == 1
    world.faults.once(refused(500), path="/notes")

    world.poller.drain()
    assert world.parked == []
    world.poller.settle(within=5 * HOUR)
    assert bodies(issue) == ["Hello"]


# Order


def test_a_group_waits_for_its_head_and_other_groups_do_not(world: World) -> None:
    ran: list[tuple[str, int]] = []

    async def handler(event: Event, gl: GitLabAPI) -> None:
        ran.append((event.delivery_id, event.data["object_attributes"]["iid"]))
        if ran == [("first", 1)]:
            raise TryAgain(after=HOUR)

    name = world.handle(handler)
    world.queue(name, 1, delivery="first")
    world.queue(name, 1, delivery="second")
    world.queue(name, 2, delivery="third")
    world.poller.drain()
    assert ran == [("first", 1), ("third", 2)]

    world.poller.settle()
    assert ran[2:] == [("first", 1), ("second", 1)]


def test_one_handlers_trouble_keeps_no_other_handler_waiting(world: World) -> None:
    ran: list[str] = []

    async def troubled(event: Event, gl: GitLabAPI) -> None:
        raise TryAgain(after=HOUR)

    async def well(event: Event, gl: GitLabAPI) -> None:
        ran.append(event.delivery_id)

    for delivery in ("first", "second"):
        for handler in (troubled, well):
            name = f"{handler.__module__}:{handler.__qualname__}"
            if name not in {route.name for route in world.bot.router.routes}:
                world.handle(handler)
            world.queue(name, delivery=delivery)
    world.poller.drain()

    assert ran == ["first", "second"]


@pytest.mark.parametrize("seed", range(3))
def test_order_within_a_group_survives_random_failures(world: World, seed: int) -> None:
    chance = random.Random(seed)
    done: dict[int, list[int]] = {}

    async def handler(event: Event, gl: GitLabAPI) -> None:
        if chance.random() < 0.3:
            raise chance.choice(
                [TryAgain(after=7), httpx.ConnectError("away"), TryAgain(after=HOUR)]
            )
        iid = event.data["object_attributes"]["iid"]
        done.setdefault(iid, []).append(int(event.delivery_id))

    name = world.handle(handler)
    sent: dict[int, list[int]] = {}
    for number in range(24):
        iid = chance.randint(1, 4)
        sent.setdefault(iid, []).append(number)
        world.queue(name, iid, delivery=str(number))
    world.poller.settle()

    assert done == sent
    assert world.parked == []


def test_of_several_messages_those_behind_one_that_comes_again_do_not_run(
    world: World,
) -> None:
    """The template's batches are of one; a consumer of more keeps the order all the same."""
    ran: list[str] = []

    async def handler(event: Event, gl: GitLabAPI) -> None:
        ran.append(event.delivery_id)
        if event.delivery_id == "second":
            raise TryAgain(after=60)

    name = world.handle(handler)
    records = []
    for delivery in ("first", "second", "third"):
        task = world.queue(name, delivery=delivery)
        records.append(
            {
                "messageId": delivery,
                "receiptHandle": delivery,
                "body": task.encode(),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": str(int(time.time() * 1000)),
                    "MessageGroupId": task.group,
                },
            }
        )
    consumer = Consumer(world.bot)
    answer = consumer({"Records": records}, None)
    consumer.close()

    assert ran == ["first", "second"]
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": "second"}, {"itemIdentifier": "third"}]
    }


# What goes wrong with the queue itself


def test_a_task_that_cannot_be_put_off_comes_again_after_the_queues_own_time(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    issue = world.open()
    world.faults.once(refused(500), method="POST")
    world.stack.sqs.faults.add("ChangeMessageVisibility", Fault.BROKEN)
    world.queue(world.handle(comments), issue)
    with caplog.at_level(logging.INFO, "gidgetlambda"):
        world.poller.drain()

    assert world.waiting is not None
    assert 350 < world.waiting <= 360
    assert "InternalFailure" in caplog.records[-1].because  # type: ignore[attr-defined]
    world.poller.settle(within=HOUR)
    assert bodies(issue) == ["Hello"]


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.DROPPED])
def test_a_task_that_cannot_be_parked_stays_and_is_parked_later(world: World, fault: Fault) -> None:
    async def handler(event: Event, gl: GitLabAPI) -> None:
        raise ValueError("a bug")

    world.queue(world.handle(handler))
    world.stack.sqs.faults.add("SendMessageBatch", fault, times=3)
    (invocation,) = world.poller.drain()
    assert not invocation.deleted
    assert world.parked == []

    world.poller.settle(within=HOUR)
    assert len(world.parked) == 1


def test_a_parked_copy_whose_answer_was_lost_is_parked_once(world: World) -> None:
    async def handler(event: Event, gl: GitLabAPI) -> None:
        raise ValueError("a bug")

    world.queue(world.handle(handler))
    world.stack.sqs.faults.add("SendMessageBatch", Fault.LOST, times=2)
    world.poller.drain()

    assert len(world.parked) == 1


def test_a_message_that_is_no_task_waits_for_another_version_and_is_parked_as_it_is(
    world: World,
) -> None:
    world.send(Message('{"v": 2, "handler": "x"}', "g", "d"))
    world.poller.drain()
    assert world.stack.sqs.messages(world.stack.parked_queue) == []

    world.poller.settle(within=HOUR)
    (parked,) = world.stack.sqs.messages(world.stack.parked_queue)
    assert parked.body == '{"v": 2, "handler": "x"}'


def test_the_largest_task_can_be_parked_whatever_its_error_says(world: World) -> None:
    async def handler(event: Event, gl: GitLabAPI) -> None:
        raise ValueError("\U0001f600" * 100_000)

    name = world.handle(handler)
    event = Event(payloads.issue(description=""), event="Issue Hook", delivery_id="d-1")
    task = Task(event, name, received=time.time())
    fills = MESSAGE_LIMIT - PARKING_RESERVE - len(task.encode())
    event.data["object_attributes"]["description"] = "x" * fills
    assert len(task.encode()) == MESSAGE_LIMIT - PARKING_RESERVE
    world.send(task.message())

    (invocation,) = world.poller.drain()
    assert invocation.error is None
    (parked,) = world.parked
    assert parked.event.data == event.data


@pytest.mark.parametrize("text", ["\x00", "\uffff", "\ud800"])
def test_forbidden_characters_reach_the_handler_and_the_parked_queue(
    world: World, text: str
) -> None:
    seen: list[str] = []

    async def handler(event: Event, gl: GitLabAPI) -> None:
        seen.append(event.data["object_attributes"]["title"])
        raise ValueError(f"a bug with {seen[-1]}")

    event = Event(payloads.issue(title=text), event="Issue Hook", delivery_id="d-1")
    world.send(Task(event, world.handle(handler), received=time.time()).message())
    world.poller.drain()

    assert seen == [text]
    (parked,) = world.parked
    assert parked.event.data["object_attributes"]["title"] == text


# What is told


def test_one_line_for_each_try_and_no_secret_in_it(
    world: World,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def handler(event: Event, gl: GitLabAPI) -> None:
        if not caplog.records:
            raise TryAgain(after=60)
        raise ValueError(f"the token is {gl.access_token}")

    name = world.handle(handler)
    with caplog.at_level(logging.INFO, "gidgetlambda"):
        world.queue(name)
        world.poller.settle()

    again, parked = (record.__dict__ for record in caplog.records if record.name == "gidgetlambda")
    assert again["message"] == parked["message"] == "task"
    assert (again["outcome"], parked["outcome"]) == ("again", "parked")
    assert (again["attempt"], parked["attempt"]) == (1, 2)
    assert again["handler"] == name
    assert again["delivery"] == "d-1"
    assert again["project"] == "demo/playground"
    assert "again in 60 s" in again["because"]
    assert BOT_TOKEN not in str(parked)
    assert "the token is ***" in parked["because"]

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert BOT_TOKEN not in str(lines)
    names = [
        metric["Name"]
        for line in lines
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    ]
    assert names == ["Again", "Parked", "AgeAtFurtherTry"]
    (task,) = world.parked
    assert BOT_TOKEN not in task.encode()


def test_the_age_of_what_is_done_is_measured(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.queue(world.handle(comments), world.open())
    world.poller.drain()

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(line) & {"Done", "SecondsToDone"} for line in lines] == [
        {"Done"},
        {"SecondsToDone"},
    ]


def test_the_work_function_heeds_the_log_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    Consumer(GitLabBot("bot"))

    assert logging.getLogger("gidgetlambda").level == logging.ERROR


# Replaying


def replay(world: World) -> None:
    """What `gidgetlambda parked replay` does: send to the queue, then delete."""
    sqs, url = world.stack.sqs, world.stack.parked_queue
    (message,) = sqs.call(sqs.owner, "ReceiveMessage", {"QueueUrl": url})["Messages"]
    task = replace(Task.decode(message["Body"]), parking=None)
    world.send(task.moved_message(message["MessageId"]))
    sqs.call(
        sqs.owner, "DeleteMessage", {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    )


def test_parking_replaying_and_parking_again_within_five_minutes_loses_nothing(
    world: World,
) -> None:
    mended = False
    issue = world.open()

    async def handler(event: Event, gl: GitLabAPI) -> None:
        if not mended:
            raise ValueError("a bug")
        await gl.reply(event, "Hello")

    sent = world.queue(world.handle(handler), issue)
    for _ in range(5):
        world.poller.drain()
        (parked,) = world.parked
        assert parked.parking is not None
        assert parked.parking.group == sent.group
        replay(world)
        assert world.parked == []
    mended = True
    world.poller.drain()

    assert bodies(issue) == ["Hello"]
    assert world.parked == []
