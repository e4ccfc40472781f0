"""Queued tasks, with SQS and GitLab over HTTP. A clock sets the time of the queue.

`test_retries` tests the decision for each error, `test_worker` the outcome of each handler.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from gidgetlambda import Event, GitLabAPI, GitLabBot, TryAgain
from gidgetlambda.consumer import Consumer, ReceivedMessage
from gidgetlambda.errors import RunEnded
from gidgetlambda.task import MESSAGE_LIMIT, PARKING_RESERVE, Message, Parking, Task
from gidgetlambda.worker import GRACE

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.faults import Exchange, Fault, Faults, Late, dropped, given_up, lost, refused
from infra.testing import sqs
from infra.testing.functions import LocalFunction
from tests.event_payloads import own_payloads
from tests.handler import payloads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from infra.sandbox.state import Issue
    from infra.testing.poller import Invocation, Poller
    from infra.testing.stack import FunctionStack

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass
class QueuedBot:
    """A bot whose handlers run on queued tasks, with its queues and its GitLab."""

    sandbox: Sandbox
    faults: Faults
    stack: FunctionStack
    bot: GitLabBot
    poller: Poller

    def handle(self, handler: Callable[..., Awaitable[None]], **conditions: Any) -> str:
        """Register a handler; return its name."""
        self.bot.router.add(handler, "Issue Hook", **conditions)
        return self.bot.router.routes[-1].name

    def queue(self, handler: str, issue: Issue | int = 1, *, delivery: str = "d-1") -> Task:
        """Queue a task for a handler, as the receiving function does."""
        iid = issue if isinstance(issue, int) else issue.iid
        event = Event(payloads.issue(iid=iid), event="Issue Hook", headers={"webhook-id": delivery})
        identities = {route.name: route.identity for route in self.bot.router.routes}
        task = Task(event, handler, received=time.time(), identity=identities.get(handler))
        self.send(task.message())
        return task

    def send(self, message: Message) -> None:
        self.stack.sqs.call(
            self.stack.sqs.owner,
            "SendMessage",
            {
                "QueueUrl": self.stack.queue(),
                "MessageBody": message.body,
                "MessageGroupId": message.group,
                "MessageDeduplicationId": message.deduplication_id,
            },
        )

    @property
    def parked(self) -> list[Task]:
        messages = self.stack.sqs.messages(self.stack.parked_queue)
        return [Task.decode(message.body) for message in messages]

    @property
    def parking(self) -> Parking:
        """The circumstances of the only parked task."""
        (task,) = self.parked
        assert task.parking is not None
        return task.parking

    @property
    def delay(self) -> float | None:
        """The number of seconds until the next task is visible; `None` if there is none."""
        moment = self.stack.sqs.next_visible(self.stack.queue())
        return None if moment is None else moment - self.stack.sqs.clock.now()

    def drain(self) -> list[Invocation]:
        """Run the tasks that are visible now."""
        return self.poller.drain()

    def settle(self, *, within: float = 14 * DAY) -> list[Invocation]:
        """Run all tasks; skip the time until they are visible."""
        return self.poller.settle(within=within)


@pytest.fixture
def deploy(
    in_process: Sandbox, faults: Faults, stack: FunctionStack, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., QueuedBot]]:
    """Deploys versions of the bot, which share their queues."""
    for name, value in stack.environment("WorkFunction").items():
        monkeypatch.setenv(name, value)
    with ExitStack() as exits:

        def deploy_version(*, timeout: float = 60.0) -> QueuedBot:
            bot = GitLabBot("consumer-bot")
            consumer = Consumer(bot.runtime)
            exits.callback(consumer.close)
            poller = stack.poller(LocalFunction(consumer, timeout=timeout))
            return QueuedBot(in_process, faults, stack, bot, poller)

        yield deploy_version


@pytest.fixture
def queued(deploy: Callable[..., QueuedBot]) -> QueuedBot:
    return deploy()


@pytest.fixture
def issue(in_process: Sandbox) -> Issue:
    return in_process.open_issue("It does not start")


async def comments(event: Event, gl: GitLabAPI) -> None:
    await gl.reply(event, "Hello")


async def fails(event: Event, gl: GitLabAPI) -> None:
    raise ValueError("a bug")


def texts_on(issue: Issue) -> list[str]:
    return [note.body.partition("\n")[0] for note in issue.notes]


def metrics(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the names of the printed metrics."""
    lines = [json.loads(line)["_aws"] for line in capsys.readouterr().out.splitlines()]
    return [line["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for line in lines]


# Done and retried


def test_a_task_whose_handler_returns_is_done(
    queued: QueuedBot, issue: Issue, capsys: pytest.CaptureFixture[str]
) -> None:
    queued.queue(queued.handle(comments), issue)

    (invocation,) = queued.drain()
    assert invocation.deleted
    assert texts_on(issue) == ["Hello"]
    assert queued.delay is None
    assert queued.parked == []
    assert metrics(capsys) == ["Done", "SecondsToDone", "TokenDaysLeft"]


def test_a_task_is_retried_when_its_handler_asks(queued: QueuedBot) -> None:
    runs: list[int] = []

    async def handler(event: Event, gl: GitLabAPI) -> None:
        runs.append(1)
        if len(runs) < 3:
            raise TryAgain(after=2 * HOUR)

    queued.queue(queued.handle(handler))
    queued.drain()
    queued.stack.sqs.clock.advance(2 * HOUR - 60)
    assert queued.drain() == []
    queued.settle(within=3 * HOUR)
    assert len(runs) == 3
    assert queued.parked == []


@pytest.mark.parametrize(
    "fault", [refused(500), refused(503), refused(404), refused(200, {"content-encoding": "gzip"})]
)
def test_a_task_is_retried_until_gitlab_recovers(
    queued: QueuedBot, issue: Issue, fault: Fault
) -> None:
    queued.faults.once(fault, path="/notes", times=2)
    queued.queue(queued.handle(comments), issue)

    queued.settle(within=HOUR)
    assert texts_on(issue) == ["Hello"]
    assert queued.parked == []


def test_a_handler_has_the_time_of_its_invocation(deploy: Callable[..., QueuedBot]) -> None:
    queued = deploy(timeout=11.0)
    runs: list[int] = []

    async def slow(event: Event, gl: GitLabAPI) -> None:
        runs.append(1)
        if len(runs) == 1:
            await asyncio.sleep(10)

    queued.queue(queued.handle(slow))
    queued.drain()
    assert queued.delay is not None
    assert 5 < queued.delay <= 10
    queued.settle()
    assert len(runs) == 2


def test_an_abandoned_handler_neither_holds_the_worker_nor_writes_beside_its_retry(
    deploy: Callable[..., QueuedBot], issue: Issue
) -> None:
    queued = deploy(timeout=11.0)
    runs: list[int] = []
    refusals: list[BaseException] = []

    async def stubborn(event: Event, gl: GitLabAPI) -> None:
        runs.append(1)
        if len(runs) > 1:
            await gl.reply(event, "Hello")
            await asyncio.sleep(0.5)  # the first run goes on meanwhile
            return
        while not refusals:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(GRACE + 0.1)
                try:
                    await gl.reply(event, "Hello")
                except RunEnded as error:
                    refusals.append(error)
                    raise SystemExit(1) from None

    queued.queue(queued.handle(stubborn), issue)
    started = time.monotonic()
    queued.drain()
    assert time.monotonic() - started < 1 + GRACE + 1
    assert queued.delay is not None
    queued.settle()
    assert "is not sent: the run has ended" in str(refusals)
    assert texts_on(issue) == ["Hello"]
    assert queued.parked == []


@pytest.mark.parametrize("fault", [lost, given_up(502), given_up(504), Late(dropped), dropped])
def test_a_write_without_an_answer_is_repeated_only_if_gitlab_never_commits_it(
    queued: QueuedBot, issue: Issue, fault: Fault
) -> None:
    queued.faults.once(fault, method="POST")
    queued.queue(queued.handle(comments), issue)

    queued.drain()
    assert queued.delay is not None
    assert 85 < queued.delay <= 90
    queued.stack.sqs.clock.advance(60)
    if isinstance(fault, Late):
        assert fault.commit() == 1
    queued.settle()
    assert texts_on(issue) == ["Hello"]


JSON = {"content-type": "application/json"}
MAINTENANCE = "You cannot perform write operations on a read-only instance"


@pytest.mark.parametrize(
    "fault",
    [
        refused(503),
        dropped,
        refused(403, body=MAINTENANCE),
        refused(200, {"content-type": "text/html"}, "<!doctype html>"),
    ],
)
def test_a_task_survives_an_outage_of_many_hours(
    queued: QueuedBot, issue: Issue, fault: Fault
) -> None:
    queued.queue(queued.handle(comments), issue)
    queued.faults.choose = lambda exchange: fault if exchange.writes else None
    with pytest.raises(TimeoutError):
        queued.settle(within=20 * HOUR)
    assert queued.parked == []

    queued.faults.choose = lambda exchange: None
    queued.settle(within=HOUR)
    assert texts_on(issue) == ["Hello"]


@pytest.mark.parametrize(
    "fault",
    [
        refused(401, JSON, '{"message": "401 Unauthorized"}'),
        refused(403, JSON, '{"message": "403 Forbidden - Your account has been blocked."}'),
        refused(403, JSON, '{"message": "403 Forbidden - Please accept the Terms of Service."}'),
    ],
)
@pytest.mark.parametrize("warm", [True, False])
def test_a_task_waits_until_the_owner_restores_the_account(
    queued: QueuedBot, issue: Issue, fault: Fault, warm: bool
) -> None:
    name = queued.handle(comments)
    if warm:
        queued.queue(name, 2, delivery="d-0")
        queued.drain()
    queued.faults.choose = lambda exchange: fault
    queued.queue(name, issue)
    with pytest.raises(TimeoutError):
        queued.settle(within=3 * DAY)
    assert queued.parked == []

    queued.faults.choose = lambda exchange: None
    queued.settle(within=HOUR)
    assert texts_on(issue) == ["Hello"]


# Parked


@pytest.mark.parametrize("bug", [ValueError("a bug"), SystemExit(1), asyncio.CancelledError()])
def test_a_task_with_a_bug_is_parked_at_once_with_its_traceback(
    queued: QueuedBot, bug: BaseException
) -> None:
    async def handler(event: Event, gl: GitLabAPI) -> None:
        raise bug

    sent = queued.queue(queued.handle(handler))
    (invocation,) = queued.drain()

    assert invocation.deleted
    (parked,) = queued.parked
    assert parked.handler == sent.handler
    assert parked.event.data == sent.event.data
    assert parked.event.delivery_id == "d-1"
    assert type(bug).__name__ in queued.parking.because
    assert "raise bug" in (queued.parking.traceback or "")
    assert (queued.parking.attempts, queued.parking.group) == (1, sent.group)


def test_the_largest_task_can_be_parked_whatever_its_error_says(queued: QueuedBot) -> None:
    async def handler(event: Event, gl: GitLabAPI) -> None:
        raise ValueError('"\U0001f600\ud800' * 100_000)

    event = Event(payloads.issue(description=""), event="Issue Hook", delivery_id="d-1")
    task = Task(event, queued.handle(handler), received=time.time())
    missing = MESSAGE_LIMIT - PARKING_RESERVE - len(task.encode())
    event.data["object_attributes"]["description"] = "x" * missing
    assert len(task.encode()) == MESSAGE_LIMIT - PARKING_RESERVE
    queued.send(task.message())

    (invocation,) = queued.drain()
    assert invocation.error is None
    (parked,) = queued.parked
    assert parked.event.data == event.data


# Other versions of the code


def test_a_task_waits_ten_minutes_for_the_version_that_has_its_handler(
    queued: QueuedBot, issue: Issue
) -> None:
    queued.queue("greeting.hello", issue)
    queued.queue("old.handler")
    queued.drain()
    queued.stack.sqs.clock.advance(5 * MINUTE)
    queued.drain()
    assert queued.parked == []

    queued.handle(comments, name="greeting.hello")
    queued.settle(within=HOUR)
    assert texts_on(issue) == ["Hello"]
    assert queued.parking.because == "UnknownHandler: this version has no handler old.handler"


def test_a_renamed_handler_keeps_its_tasks_its_notes_and_its_group(
    deploy: Callable[..., QueuedBot], issue: Issue, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(event: Event, gl: GitLabAPI) -> None:
        await gl.reply(event, "Hello")
        await gl.comment(event.target_path or "", f"Seen {event.delivery_id}", update=True)

    old, new = deploy(), deploy()
    old.handle(handler, name="first.name")
    new.handle(handler, name="present.name", formerly="first.name")
    first = old.queue("first.name", issue)
    old.drain()
    new.stack.sqs.clock.advance(HOUR)  # SQS drops a repeated id for five minutes
    resent = new.queue("present.name", issue)
    later = old.queue("first.name", issue, delivery="d-2")
    caplog.clear()
    new.drain()

    assert first.group == resent.group == later.group
    assert texts_on(issue) == ["Hello", "Seen d-2", "Hello"]
    assert [vars(record)["handler"] for record in caplog.records] == ["present.name"] * 2


def test_a_task_that_no_longer_matches_is_ignored(queued: QueuedBot, issue: Issue) -> None:
    queued.queue(queued.handle(comments, action="close"), issue)

    (invocation,) = queued.drain()
    assert invocation.deleted
    assert issue.notes == []
    assert queued.parked == []


def test_a_task_without_a_target_is_ignored(
    queued: QueuedBot, capsys: pytest.CaptureFixture[str]
) -> None:
    epic = next(one for one in own_payloads() if one.name == "issue_hook.epic")
    event = Event(epic.data, event=epic.event, headers={"webhook-id": "d-1"})
    queued.send(Task(event, queued.handle(comments), received=time.time()).message())

    (invocation,) = queued.drain()
    assert invocation.deleted
    assert queued.parked == []
    assert metrics(capsys) == ["Ignored", "TokenDaysLeft"]


def test_a_message_that_is_not_a_task_is_retried_and_parked_unchanged(
    queued: QueuedBot, capsys: pytest.CaptureFixture[str]
) -> None:
    queued.send(Message('{"v": 2, "handler": "x"}', "g", "d"))
    queued.drain()
    assert queued.stack.sqs.messages(queued.stack.parked_queue) == []

    queued.settle(within=HOUR)
    (parked,) = queued.stack.sqs.messages(queued.stack.parked_queue)
    assert parked.body == '{"v": 2, "handler": "x"}'
    assert metrics(capsys) == ["Parked"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GL_ACCESS_TOKEN", ""),
        ("ALL_PROXY", "socks5://proxy.example.com:1080"),
        ("HTTPS_PROXY", "http://["),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
    ],
)
def test_a_task_waits_while_a_setting_is_missing_or_malformed(
    queued: QueuedBot, issue: Issue, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    right = os.environ.get(name)
    monkeypatch.setenv(name, value)
    queued.queue(queued.handle(comments), issue)
    with pytest.raises(TimeoutError):
        queued.settle(within=HOUR)

    if right is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, right)
    queued.settle(within=DAY)
    assert texts_on(issue) == ["Hello"]
    assert queued.parked == []


# Order


def test_only_the_tasks_of_its_own_group_wait_for_a_retried_task(queued: QueuedBot) -> None:
    ran: list[tuple[str, int]] = []

    async def handler(event: Event, gl: GitLabAPI) -> None:
        ran.append((event.delivery_id, event.data["object_attributes"]["iid"]))
        if ran == [("first", 1)]:
            raise TryAgain(after=HOUR)

    name, other = queued.handle(handler), queued.handle(handler, name="m.other")
    queued.queue(name, 1, delivery="first")
    queued.queue(name, 1, delivery="second")
    queued.queue(name, 2, delivery="third")
    queued.queue(other, 1, delivery="fourth")
    queued.drain()
    assert ran == [("first", 1), ("third", 2), ("fourth", 1)]

    queued.settle()
    assert ran[3:] == [("first", 1), ("second", 1)]


def test_a_batch_stops_at_a_message_that_is_redelivered(queued: QueuedBot) -> None:
    """The template sets batches of one message; larger batches keep the order too."""
    ran: list[str] = []

    async def handler(event: Event, gl: GitLabAPI) -> None:
        ran.append(event.delivery_id)
        if event.delivery_id == "second":
            raise TryAgain(after=60)

    async def consume(messages: list[ReceivedMessage]) -> list[str]:
        failures = await Consumer(queued.bot.runtime).consume(messages, time.monotonic() + 60)
        await queued.bot.aclose()
        return failures

    name, now = queued.handle(handler), time.time()
    deliveries = ("first", "second", "third")
    bodies = {delivery: queued.queue(name, delivery=delivery).encode() for delivery in deliveries}
    messages = [ReceivedMessage(one, one, body, "g", now, 1) for one, body in bodies.items()]
    assert asyncio.run(consume(messages)) == ["second", "third"]
    assert ran == ["first", "second"]


# Faults of the queue


def test_a_task_that_cannot_be_delayed_is_retried_after_the_visibility_timeout(
    queued: QueuedBot, issue: Issue, caplog: pytest.LogCaptureFixture
) -> None:
    queued.faults.once(refused(500), method="POST")
    queued.stack.sqs.faults.add("ChangeMessageVisibility", sqs.Fault.BROKEN, times=3)
    queued.queue(queued.handle(comments), issue)
    with caplog.at_level(logging.INFO, "gidgetlambda"):
        queued.drain()

    assert queued.delay is not None
    assert 350 < queued.delay <= 360
    assert "InternalFailure" in caplog.records[-1].__dict__["because"]
    queued.settle(within=HOUR)
    assert texts_on(issue) == ["Hello"]


@pytest.mark.parametrize("fault", [sqs.Fault.BROKEN, sqs.Fault.DROPPED])
def test_a_task_that_cannot_be_parked_is_parked_later(queued: QueuedBot, fault: sqs.Fault) -> None:
    queued.queue(queued.handle(fails))
    queued.stack.sqs.faults.add("SendMessageBatch", fault, times=3)
    (invocation,) = queued.drain()
    assert not invocation.deleted
    assert queued.parked == []

    queued.settle(within=HOUR)
    assert len(queued.parked) == 1


def test_a_parked_task_is_reported_once(queued: QueuedBot) -> None:
    reported: list[tuple[str | None, str, str]] = []

    @queued.bot.on_failure
    async def report(event: Event, name: str, error: BaseException) -> None:
        assert len(queued.parked) == 1
        reported.append((event.delivery_id, name, str(error)))
        raise ValueError("the report fails too")

    async def fails_at_last(event: Event, gl: GitLabAPI) -> None:
        if queued.stack.sqs.clock.now() - first < MINUTE:
            raise TryAgain(after=HOUR)
        raise ValueError("a bug")

    first = queued.stack.sqs.clock.now()
    name = queued.handle(fails_at_last)
    queued.queue(name)
    queued.settle()
    assert reported == [("d-1", name, "a bug")]
    assert len(queued.parked) == 1


def test_the_token_is_checked_after_the_first_task_of_a_day(queued: QueuedBot) -> None:
    paths: list[str] = []

    def record(exchange: Exchange) -> Fault | None:
        paths.append(exchange.path.removeprefix("/api/v4"))
        return None

    async def handler(event: Event, gl: GitLabAPI) -> None:
        await gl.getitem("/version")

    queued.faults.choose = record
    name = queued.handle(handler)
    for delivery in ("d-1", "d-2"):
        queued.queue(name, delivery=delivery)
        queued.settle()
    assert paths == ["/user", "/version", "/personal_access_tokens/self", "/version"]


# Logs and metrics


def test_logs_and_counts_each_try_without_secrets(
    queued: QueuedBot, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async def handler(event: Event, gl: GitLabAPI) -> None:
        if not caplog.records:
            raise TryAgain(after=60)
        raise ValueError(f"the token is {gl.access_token}")

    name = queued.handle(handler)
    with caplog.at_level(logging.INFO, "gidgetlambda"):
        queued.queue(name)
        queued.settle()

    lines = [record.__dict__ for record in caplog.records if record.name == "gidgetlambda"]
    facts = [[line[key] for key in ("message", "handler", "delivery")] for line in lines]
    assert facts == [["task", name, "d-1"]] * 2
    assert [line["levelname"] for line in lines] == ["INFO", "ERROR"]
    retrying, parked = lines
    assert (retrying["outcome"], retrying["attempt"]) == ("retrying", 1)
    assert "the next try is in 60 s" in retrying["because"]
    assert (parked["outcome"], parked["attempt"]) == ("parked", 2)
    assert parked["because"] == "ValueError: the token is ***"
    assert "raise ValueError" in parked["traceback"]
    assert metrics(capsys) == ["Retrying", "TokenDaysLeft", "Parked", "AgeAtFurtherTry"]
    (task,) = queued.parked
    assert BOT_TOKEN not in f"{lines} {task.encode()}"


def test_sets_the_log_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    Consumer(GitLabBot("bot").runtime)

    assert logging.getLogger("gidgetlambda").level == logging.ERROR
