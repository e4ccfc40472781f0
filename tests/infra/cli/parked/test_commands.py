"""`parked`: what is parked is seen, and goes where it is sent; against SQS over HTTP."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from gidgetlambda import Event, GitLabAPI, GitLabBot
from gidgetlambda.consumer import Consumer, ReceivedMessage
from gidgetlambda.task import Message, Parking, Task
from typer.testing import CliRunner

from infra.cli import app
from infra.cli.aws import sqs as sqs_client
from infra.cli.parked.queues import HOLD, Held, NotMoved, Queue
from infra.sandbox import Sandbox
from infra.sandbox.server import serve as serve_sandbox
from infra.testing.sqs import Fault, Policy, Sqs, Stored, serve

PROJECT_ROOT = Path(__file__).parents[4]
WELCOME = "gidgetlambda.plugins.welcome:greet"
THANKS = "gidgetlambda.plugins.thanks:thank"
HOUR = 3600.0
RECEIVED = time.time() - 20 * HOUR


def task(
    delivery: str = "d1", handler: str = WELCOME, *, iid: int = 23, title: str = "Tea"
) -> Task:
    event = Event(
        {
            "object_kind": "issue",
            "user": {"id": 2, "username": "alice"},
            "project": {"id": 71, "path_with_namespace": "demo/playground"},
            "object_attributes": {"iid": iid, "action": "open", "title": title, "project_id": 71},
        },
        event="Issue Hook",
        headers={"webhook-id": delivery},
    )
    return Task(event, handler, RECEIVED)


def parking(because: str = "ValueError: no tea", *, hours_ago: float = 1.0) -> Parking:
    trace = f"Traceback (most recent call last):\n  line 1\n{because}\n"
    return Parking(time.time() - hours_ago * HOUR, because, 8, "", trace)


@dataclass
class Queues:
    """The bot's two queues."""

    sqs: Sqs
    queue_url: str
    parked_url: str

    def send(self, url: str, message: Message) -> str:
        sent = self.sqs.call(
            self.sqs.owner,
            "SendMessage",
            {
                "QueueUrl": url,
                "MessageBody": message.body,
                "MessageGroupId": message.group,
                "MessageDeduplicationId": message.deduplication_id,
            },
        )
        return str(sent["MessageId"])

    def park(self, task: Task, why: Parking | None = None, *, moved_from: str = "m1") -> str:
        """Park a task as the worker does; gives the parked copy's message id."""
        return self.send(self.parked_url, task.parked(why or parking()).moved_message(moved_from))

    def take(self, url: str) -> list[dict[str, Any]]:
        """Receive as somebody else would."""
        wanted = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 30}
        answer = self.sqs.call(self.sqs.owner, "ReceiveMessage", wanted)
        return list(answer.get("Messages", []))

    @property
    def parked(self) -> list[Stored]:
        return self.sqs.messages(self.parked_url)

    @property
    def queued(self) -> list[Stored]:
        return self.sqs.messages(self.queue_url)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting, profile or samconfig.toml of whoever runs the tests is used."""
    for name in tuple(os.environ):
        if name.startswith(("AWS_", "GL_", "GIDGETLAMBDA_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def queues(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queues]:
    with serve() as sqs:
        fifo = {"FifoQueue": "true", "DeduplicationScope": "messageGroup"}
        fifo["FifoThroughputLimit"] = "perMessageGroupId"
        parked_url = sqs.create_queue("parked.fifo", **fifo)
        redrive = {"deadLetterTargetArn": sqs.arn(parked_url), "maxReceiveCount": 2}
        queue_url = sqs.create_queue("tasks.fifo", **fifo, RedrivePolicy=json.dumps(redrive))
        for name, value in sqs.environment(sqs.owner).items():
            monkeypatch.setenv(name, value)
        yield Queues(sqs, queue_url, parked_url)


Run = Callable[..., Result]


@pytest.fixture
def run(queues: Queues) -> Run:
    """Run `parked …` on the queues."""

    def run(*arguments: str, said: str | None = None) -> Result:
        command = ["parked", *arguments, "--queue-url", queues.queue_url]
        return CliRunner().invoke(app, command, input=said)

    return run


def ids(result: Result) -> list[str]:
    """The ids in a list."""
    return re.findall(r"^([0-9a-f]{12})\s", result.stdout, re.MULTILINE)


def moved_by_sqs(queues: Queues, *tasks: Task) -> None:
    """Have tasks tried until SQS itself moves them to the parked queue."""
    for each in tasks:
        queues.send(queues.queue_url, each.message())
    while taken := queues.take(queues.queue_url):
        assert taken
        queues.sqs.clock.advance(31)
    while queues.queued:
        queues.take(queues.queue_url)
        queues.take(queues.parked_url)
        queues.sqs.clock.advance(31)


def test_that_nothing_is_parked_is_told(run: Run) -> None:
    result = run("list")
    assert result.exit_code == 0, result.output
    assert result.stdout == "Nothing is parked.\n"


def test_a_line_tells_what_is_parked_and_why(run: Run, queues: Queues) -> None:
    queues.park(task(), parking("HTTPException: 422 Unprocessable Entity", hours_ago=3))
    result = run("list")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()[1:]
    for part in (
        task().deduplication_id[:12],
        "3h ago",
        WELCOME,
        "Issue Hook",
        "demo/playground issues/23",
        "8",
        "HTTPException: 422 Unprocessable Entity",
    ):
        assert part in line


def test_the_oldest_comes_first(run: Run, queues: Queues) -> None:
    new, old, middle = task("new"), task("old"), task("middle")
    queues.park(new, parking(hours_ago=1))
    queues.park(old, parking(hours_ago=50))
    queues.park(middle, parking(hours_ago=2))
    assert ids(run("list")) == [one.deduplication_id[:12] for one in (old, middle, new)]


def test_what_was_parked_twice_has_one_line(run: Run, queues: Queues) -> None:
    queues.park(task(), parking("ValueError: first", hours_ago=5), moved_from="m1")
    queues.park(task(), parking("ValueError: then", hours_ago=1), moved_from="m2")
    result = run("list")
    assert len(ids(result)) == 1
    assert "5h ago" in result.stdout
    assert "ValueError: then (parked 2 times)" in result.stdout


def test_any_number_is_listed_again_and_again(run: Run, queues: Queues) -> None:
    for number in range(23):
        queues.park(task(f"d{number}"))
    assert len(ids(run("list"))) == 23
    assert len(ids(run("list"))) == 23
    assert len(queues.take(queues.parked_url)) == 10


def test_tasks_are_listed_by_handler_and_age(run: Run, queues: Queues) -> None:
    old, new = task("old"), task("new")
    other = task("other", THANKS)
    queues.park(old, parking(hours_ago=5))
    queues.park(new, parking(hours_ago=1))
    queues.park(other, parking(hours_ago=5))
    short = {one.event.delivery_id: one.deduplication_id[:12] for one in (old, new, other)}
    assert ids(run("list", "--handler", WELCOME)) == [short["old"], short["new"]]
    assert ids(run("list", "--handler", "thank")) == [short["other"]]
    assert ids(run("list", "--handler", "*welcome*")) == [short["old"], short["new"]]
    assert set(ids(run("list", "--older-than", "2h"))) == {short["old"], short["other"]}
    assert ids(run("list", "--older-than", "2h", "--handler", WELCOME)) == [short["old"]]


def test_a_handler_that_has_nothing_parked_is_told_with_those_that_have(
    run: Run, queues: Queues
) -> None:
    queues.park(task())
    result = run("list", "--handler", "welcom")
    assert result.exit_code == 1
    assert f"There are tasks of {WELCOME}." in result.stderr


def test_a_list_for_programs(run: Run, queues: Queues) -> None:
    queues.park(task())
    (told,) = json.loads(run("list", "--json").stdout)
    assert told["id"] == task().deduplication_id
    assert told["handler"] == WELCOME
    assert told["event"] == "Issue Hook"
    assert told["delivery"] == "d1"
    assert told["project"] == "demo/playground"
    assert told["target"] == "/projects/71/issues/23"
    assert told["because"] == "ValueError: no tea"
    assert (told["attempts"], told["copies"]) == (8, 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["parked_at"])


def test_what_sqs_moved_by_itself_is_listed_and_replayed(run: Run, queues: Queues) -> None:
    moved_by_sqs(queues, task())
    result = run("list")
    assert ids(result) == [task().deduplication_id[:12]]
    assert "its worker kept dying" in result.stdout
    assert "others of the same group" in result.stdout
    assert run("replay", "--all").exit_code == 0
    assert [one.body for one in queues.queued] == [task().encode()]
    assert not queues.parked


def test_all_of_a_group_that_sqs_moved_are_replayed_in_order(run: Run, queues: Queues) -> None:
    tasks = [task(f"d{number}") for number in range(13)]
    for each in tasks:
        queues.send(queues.parked_url, each.message())
    result = run("replay", "--all")
    assert result.exit_code == 0, result.output
    assert "Replayed 13 tasks." in result.stdout
    assert [Task.decode(one.body).event.delivery_id for one in queues.queued] == [
        f"d{number}" for number in range(13)
    ]
    assert not queues.parked


NO_TASKS = [
    "hello",
    "[1, 2]",
    '{"v": 2, "handler": "later"}',
    json.dumps({**json.loads(task().parked(parking()).encode()), "received": 1e300}),
    json.dumps(
        json.loads(task().encode())
        | {"parking": {"at": "noon", "because": None, "attempts": 1, "group": "g"}}
    ),
]


@pytest.mark.parametrize("body", NO_TASKS)
def test_what_is_no_task_is_shown_as_such(run: Run, queues: Queues, body: str) -> None:
    queues.send(queues.parked_url, Message(body, "g", "1"))
    listed = run("list")
    assert listed.exit_code == 0, listed.output
    assert "(no task)" in listed.stdout
    (one,) = ids(listed)
    shown = run("show", one)
    assert shown.exit_code == 0, shown.output
    assert "the message is no task" in shown.stdout
    assert json.loads(run("show", one, "--json").stdout)["body"] == body
    assert json.loads(run("list", "--json").stdout)[0]["handler"] is None


def test_what_is_no_task_stays_when_all_are_replayed(run: Run, queues: Queues) -> None:
    queues.send(queues.parked_url, Message("hello", "g", "1"))
    queues.park(task())
    result = run("replay", "--all")
    assert result.exit_code == 1
    assert "the message is no task" in result.stdout
    assert "Replayed 1 task; 1 could not be." in result.stdout
    assert [one.body for one in queues.parked] == ["hello"]
    assert len(queues.queued) == 1


def test_what_is_no_task_can_be_dropped(run: Run, queues: Queues) -> None:
    queues.send(queues.parked_url, Message("hello", "g", "1"))
    (one,) = ids(run("list"))
    assert run("drop", one, "--yes").exit_code == 0
    assert not queues.parked


def test_nothing_in_a_payload_or_error_styles_the_output(run: Run, queues: Queues) -> None:
    hostile = "[bold red]x[/] \x1b[2J\x07 [link=http://example.com]y[/link] \ud800"
    queues.park(task(title=hostile), parking(hostile))
    for arguments in (["list"], ["show", task().deduplication_id]):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        assert "[bold red]x[/] \\x1b[2J\\x07 [link=http://example.com]y[/link]" in result.stdout
        assert "\x1b" not in result.stdout


def test_a_task_is_shown_with_its_error_and_payload(run: Run, queues: Queues) -> None:
    queues.park(task(), parking("ValueError: first"), moved_from="m1")
    queues.park(task(), parking("ValueError: then", hours_ago=0.5), moved_from="m2")
    result = run("show", task().deduplication_id[:7])
    assert result.exit_code == 0, result.output
    for part in (
        task().deduplication_id,
        f"Handler   {WELCOME}",
        "Event     Issue Hook",
        "Delivery  d1",
        "demo/playground issues/23",
        "after 8 tries",
        "ValueError: first",
        "ValueError: then",
        "Traceback (most recent call last):",
        '"title": "Tea"',
    ):
        assert part in result.stdout


def test_a_task_is_shown_to_programs(run: Run, queues: Queues) -> None:
    message_id = queues.park(task())
    told = json.loads(run("show", task().deduplication_id[:7], "--json").stdout)
    assert told["payload"] == task().event.data
    assert told["headers"] == {"webhook-id": "d1"}
    (parked,) = told["parkings"]
    assert parked["because"] == "ValueError: no tea"
    assert parked["traceback"].startswith("Traceback")
    assert parked["message_id"] == message_id


def test_an_id_that_is_not_there_is_told(run: Run, queues: Queues) -> None:
    for command in (["show"], ["replay"], ["drop", "--yes"]):
        result = run(*command, "abcabc")
        assert result.exit_code == 1, result.output
        assert "No parked task has an id that begins with abcabc" in result.stderr


def test_a_beginning_that_several_ids_share_is_refused(run: Run, queues: Queues) -> None:
    for number in range(40):
        queues.park(task(f"d{number}"))
    shared = next(
        first
        for first in "0123456789abcdef"
        if sum(task(f"d{n}").deduplication_id.startswith(first) for n in range(40)) > 1
    )
    for command in (["show"], ["replay"], ["drop", "--yes"]):
        result = run(*command, shared)
        assert result.exit_code == 1, result.output
        assert "write more of it" in result.stderr
    assert len(queues.parked) == 40
    assert not queues.queued


def test_a_replayed_task_is_on_the_queue_as_it_was(run: Run, queues: Queues) -> None:
    parked_id = queues.park(task())
    result = run("replay", task().deduplication_id[:12])
    assert result.exit_code == 0, result.output
    assert f"✓ {task().deduplication_id[:12]}  {WELCOME}" in result.stdout
    (queued,) = queues.queued
    assert queued.body == task().encode()
    assert queued.group == task().group
    assert queued.deduplication_id == task().moved_message(parked_id).deduplication_id
    assert not queues.parked


def test_tasks_are_replayed_oldest_first(run: Run, queues: Queues) -> None:
    for number, hours in enumerate([3, 9, 1, 5]):
        queues.park(task(f"d{number}"), parking(hours_ago=hours))
    assert run("replay", "--all").exit_code == 0
    order = [Task.decode(one.body).event.delivery_id for one in queues.queued]
    assert order == ["d1", "d3", "d0", "d2"]


def test_only_what_is_chosen_is_replayed(run: Run, queues: Queues) -> None:
    queues.park(task("old"), parking(hours_ago=5))
    queues.park(task("new"), parking(hours_ago=1))
    queues.park(task("other", THANKS), parking(hours_ago=5))
    assert run("replay", "--handler", WELCOME, "--older-than", "2h").exit_code == 0
    assert [Task.decode(one.body).event.delivery_id for one in queues.queued] == ["old"]
    assert len(ids(run("list"))) == 2


def test_what_was_parked_twice_is_replayed_once(run: Run, queues: Queues) -> None:
    queues.park(task(), moved_from="m1")
    queues.park(task(), moved_from="m2")
    assert run("replay", "--all").exit_code == 0
    assert len(queues.queued) == 1
    assert not queues.parked


def test_a_replay_that_broke_off_before_deleting_is_repeated_without_harm(
    run: Run, queues: Queues
) -> None:
    queues.park(task(), parking(hours_ago=2), moved_from="m1")
    queues.park(task(), parking(hours_ago=1), moved_from="m2")
    queues.sqs.faults.add("DeleteMessage", Fault.BROKEN)
    broken = run("replay", "--all")
    assert broken.exit_code == 1
    assert "Could not delete a task" in broken.stderr
    assert (len(queues.queued), len(queues.parked)) == (1, 2)
    assert run("replay", "--all").exit_code == 0
    assert (len(queues.queued), len(queues.parked)) == (1, 0)


def test_a_task_that_sqs_does_not_take_stays_parked(run: Run, queues: Queues) -> None:
    queues.park(task())
    queues.sqs.faults.add("SendMessage", Fault.UNAVAILABLE)
    result = run("replay", "--all", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["replayed"] == []
    assert "Could not send a task" in told["stopped"]
    assert len(ids(run("list"))) == 1


def test_a_replay_for_programs(run: Run, queues: Queues) -> None:
    queues.park(task())
    queues.send(queues.parked_url, Message("hello", "g", "1"))
    result = run("replay", "--all", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert [one["id"] for one in told["replayed"]] == [task().deduplication_id]
    assert "no task" in told["failed"][0]["problem"]
    assert (told["missing"], told["stopped"]) == ([], None)


def test_of_several_ids_those_that_are_there_are_replayed(run: Run, queues: Queues) -> None:
    queues.park(task())
    result = run("replay", task().deduplication_id, "abcabc")
    assert result.exit_code == 1
    assert "Replayed 1 task." in result.stdout
    assert "abcabc" in result.stderr


def test_replaying_all_of_nothing_is_no_failure(run: Run, queues: Queues) -> None:
    result = run("replay", "--all")
    assert (result.exit_code, result.stdout) == (0, "Replayed nothing.\n")


def test_dropping_is_asked_about(run: Run, queues: Queues) -> None:
    queues.park(task())
    refused = run("drop", "--all", said="n\n")
    assert refused.exit_code == 1
    assert "Drop 1 task for good?" in refused.stderr
    assert task().deduplication_id[:12] in refused.stdout
    assert len(ids(run("list"))) == 1
    nobody = run("drop", "--all", said="")
    assert nobody.exit_code == 1
    assert len(ids(run("list"))) == 1
    agreed = run("drop", "--all", said="y\n")
    assert agreed.exit_code == 0, agreed.output
    assert "Dropped 1 task." in agreed.stdout
    assert not queues.parked
    assert not queues.queued


def test_dropping_by_handler_leaves_the_others(run: Run, queues: Queues) -> None:
    queues.park(task("a"))
    queues.park(task("b", THANKS))
    told = json.loads(run("drop", "--handler", THANKS, "--yes", "--json").stdout)
    assert [one["handler"] for one in told["dropped"]] == [THANKS]
    assert ids(run("list")) == [task("a").deduplication_id[:12]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["replay"], "say which"),
        (["drop"], "say which"),
        (["replay", "abc", "--all"], "contradict"),
        (["list", "--older-than", "soon"], "no span of time"),
        (["list", "--stack", "other"], "not both"),
        (["drop", "--all", "--json"], "--yes"),
        (["show"], "Missing argument"),
    ],
)
def test_what_is_typed_wrong_is_told(run: Run, arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_tasks_that_somebody_holds_are_told_of(run: Run, queues: Queues) -> None:
    queues.park(task())
    queues.take(queues.parked_url)
    result = run("list")
    assert result.exit_code == 0
    assert "about 1 task held by another command" in result.stdout
    queues.sqs.clock.advance(31)
    assert len(ids(run("list"))) == 1


def test_the_parked_queue_alone_is_enough_to_look(queues: Queues) -> None:
    queues.park(task())
    only = ["--parked-queue-url", queues.parked_url]
    assert len(ids(CliRunner().invoke(app, ["parked", "list", *only]))) == 1
    result = CliRunner().invoke(app, ["parked", "replay", "--all", *only])
    assert result.exit_code == 1
    assert "--queue-url" in result.stderr


def test_a_queue_without_a_parked_queue_is_told(queues: Queues) -> None:
    result = CliRunner().invoke(app, ["parked", "list", "--queue-url", queues.parked_url])
    assert result.exit_code == 1
    assert "has no redrive policy" in result.stderr
    assert "--parked-queue-url" in result.stderr


def test_a_queue_that_is_not_there_is_told(queues: Queues) -> None:
    missing = queues.queue_url.replace("tasks.fifo", "other.fifo")
    for option in ("--queue-url", "--parked-queue-url"):
        result = CliRunner().invoke(app, ["parked", "list", option, missing])
        assert result.exit_code == 1
        assert f"there is no such queue: the queue {missing}" in result.stderr
        assert "--stack" in result.stderr


def test_what_the_credentials_may_not_do_is_told(
    run: Run, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = {
        "Effect": "Allow",
        "Action": ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"],
        "Resource": "*",
    }
    onlooker = queues.sqs.add_role("Onlooker", Policy((looks,)))
    for name, value in queues.sqs.environment(onlooker).items():
        monkeypatch.setenv(name, value)
    result = run("list")
    assert result.exit_code == 1
    assert "may not do ReceiveMessage on the queue" in result.stderr
    assert queues.parked_url in result.stderr


def test_missing_credentials_are_told(
    run: Run, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    result = run("list")
    assert result.exit_code == 1
    assert "there are no AWS credentials" in result.stderr
    assert "aws sso login" in result.stderr


def test_refused_credentials_are_told_without_the_secret(
    run: Run, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-at-all")
    result = run("list")
    assert result.exit_code == 1
    assert "AWS refused the credentials" in result.stderr
    assert "not-the-secret-at-all" not in result.output


def test_an_unreachable_sqs_is_told(
    run: Run, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    result = run("list")
    assert result.exit_code == 1
    assert "AWS cannot be reached" in result.stderr


def test_a_missing_region_is_told(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    result = CliRunner().invoke(app, ["parked", "list", "--queue-url", queues.queue_url])
    assert result.exit_code == 1
    assert "no AWS region is set. Set AWS_REGION" in result.stderr


def test_a_task_is_held_for_as_long_as_it_is_needed(queues: Queues) -> None:
    queues.park(task())
    with Held(Queue(sqs_client(), queues.parked_url, clock=queues.sqs.clock.now)) as held:
        (copy,) = held.sweep()
        for _ in range(3):
            queues.sqs.clock.advance(HOLD - 1)
            held.keep(copy)
        assert not queues.take(queues.parked_url)


def test_a_task_that_was_held_too_long_is_left_to_whoever_has_it(queues: Queues) -> None:
    queues.park(task())
    with Held(Queue(sqs_client(), queues.parked_url, clock=queues.sqs.clock.now)) as held:
        (copy,) = held.sweep()
        queues.sqs.clock.advance(HOLD + 1)
        assert len(queues.take(queues.parked_url)) == 1
        with pytest.raises(NotMoved, match="did not hold a task"):
            held.keep(copy)


def test_ctrl_c_leaves_all_tasks_to_be_seen(queues: Queues) -> None:
    for number in range(12):
        queues.park(task(f"d{number}"))
    asked = 0

    def hang_at_the_third(action: str) -> Fault | None:
        nonlocal asked
        asked += action == "ReceiveMessage"
        return Fault.SILENT if action == "ReceiveMessage" and asked == 3 else None

    queues.sqs.faults.choose = hang_at_the_third
    command = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "parked", "list", "--queue-url", queues.queue_url],
        cwd=PROJECT_ROOT,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with command:
        while not queues.sqs.faults.happened and command.poll() is None:
            time.sleep(0.05)
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=60)
    assert command.returncode == 130, told
    assert told == "Stopped.\n"
    queues.sqs.faults.clear()
    seen = queues.take(queues.parked_url) + queues.take(queues.parked_url)
    assert len(seen) == 12


def test_a_mended_handler_is_replayed_on_what_the_worker_parked(run: Run, queues: Queues) -> None:
    bot, seen = GitLabBot("bot", access_token="sandbox-bot-token"), []
    mended = False

    async def greet(event: Event, gl: GitLabAPI) -> None:
        if not mended:
            raise ValueError("no tea")
        seen.append(event.delivery_id)

    bot.router.add(greet, "Issue Hook")
    (route,) = bot.router.routes
    queues.send(queues.queue_url, task(handler=route.name).message())
    with Sandbox() as sandbox, serve_sandbox(sandbox) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GL_URL", url)
        patch.setenv("QUEUE_URL", queues.queue_url)
        patch.setenv("PARKED_QUEUE_URL", queues.parked_url)
        work_off(queues, bot)
        listed = run("list")
        assert route.name in listed.stdout
        assert "ValueError: no tea" in listed.stdout
        mended = True
        assert run("replay", "--all").exit_code == 0
        work_off(queues, bot)
    assert seen == ["d1"]
    assert not queues.queued
    assert not queues.parked


def work_off(queues: Queues, bot: GitLabBot) -> None:
    """Have the worker do what is on the queue, as Lambda does."""
    client = sqs_client()

    async def consume(received: ReceivedMessage) -> None:
        assert await Consumer(bot.runtime).consume([received], time.monotonic() + 60) == []
        await bot.aclose()

    while messages := client.receive_message(
        QueueUrl=queues.queue_url, MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        (message,) = messages
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
        }
        asyncio.run(consume(ReceivedMessage.from_record(record)))
        client.delete_message(QueueUrl=queues.queue_url, ReceiptHandle=message["ReceiptHandle"])
