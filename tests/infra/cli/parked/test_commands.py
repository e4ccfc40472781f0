"""`gidgetlambda parked`, with SQS over HTTP."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from gidgetlambda import Event
from gidgetlambda.task import Message, Parking, Task
from typer.testing import Result

from infra.cli.aws import MessageRefused
from infra.cli.parked.queues import HOLD, HeldMessages
from infra.testing.sqs import Fault, Policy, Sqs, Stored

WELCOME = "welcome.issue_opened"
THANKS = "thanks:merge_request_merged"
HOUR = 3600.0
RECEIVED = time.time() - 20 * HOUR
BECAUSE = "ValueError: no tea"
TRACEBACK = "Traceback (most recent call last):\n  line 1\nValueError: no tea\n"

Run = Callable[..., Result]


def task(delivery: str = "d1", handler: str = WELCOME, *, title: str = "Tea") -> Task:
    event = Event(
        {
            "object_kind": "issue",
            "user": {"id": 2, "username": "alice"},
            "project": {"id": 71, "path_with_namespace": "demo/playground"},
            "object_attributes": {"iid": 23, "action": "open", "title": title, "project_id": 71},
        },
        event="Issue Hook",
        headers={"webhook-id": delivery},
    )
    return Task(event, handler, RECEIVED)


ID = task().deduplication_id


@dataclass
class QueuePair:
    """The task queue and the parked queue."""

    sqs: Sqs
    tasks_url: str
    parked_url: str

    def send(self, url: str, message: Message) -> str:
        """Send a message, and return its id."""
        parameters = {
            "QueueUrl": url,
            "MessageBody": message.body,
            "MessageGroupId": message.group,
            "MessageDeduplicationId": message.deduplication_id,
        }
        return str(self.sqs.call(self.sqs.owner, "SendMessage", parameters)["MessageId"])

    def park(
        self, task: Task, because: str = BECAUSE, *, hours_ago: float = 1, copy: int = 1
    ) -> str:
        """Park a task as the worker does, and return the id of the parked copy."""
        parking = Parking(time.time() - hours_ago * HOUR, because, 8, task.group, TRACEBACK)
        return self.send(self.parked_url, task.parked(parking, f"m{copy}"))

    def receive(self, url: str) -> list[Any]:
        """Receive messages as another command would."""
        parameters = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 30}
        return list(self.sqs.call(self.sqs.owner, "ReceiveMessage", parameters).get("Messages", []))

    @property
    def parked(self) -> list[Stored]:
        return self.sqs.messages(self.parked_url)

    @property
    def queued(self) -> list[Stored]:
        return self.sqs.messages(self.tasks_url)

    @property
    def queued_deliveries(self) -> list[str]:
        return [Task.decode(message.body).event.delivery_id for message in self.queued]


@pytest.fixture
def queues(invoke: Run, sqs: Sqs, monkeypatch: pytest.MonkeyPatch) -> QueuePair:
    fifo = {
        "FifoQueue": "true",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    }
    parked_url = sqs.create_queue("parked.fifo", **fifo)
    redrive = {"deadLetterTargetArn": sqs.arn(parked_url), "maxReceiveCount": 2}
    tasks_url = sqs.create_queue("tasks.fifo", **fifo, RedrivePolicy=json.dumps(redrive))
    for name, value in sqs.environment(sqs.owner).items():
        monkeypatch.setenv(name, value)
    return QueuePair(sqs, tasks_url, parked_url)


@pytest.fixture
def run(invoke: Run, queues: QueuePair) -> Run:
    """Run `gidgetlambda parked …` on the queues."""

    def run(*arguments: str, code: int = 0, typed: str | None = None) -> Result:
        result = invoke("parked", *arguments, "--queue-url", queues.tasks_url, typed=typed)
        assert result.exit_code == code, result.output
        return result

    return run


def ids(result: Result) -> list[str]:
    return re.findall(r"^([0-9a-f]{12})\s", result.stdout, re.MULTILINE)


def short(*tasks: Task) -> list[str]:
    return [task.deduplication_id[:12] for task in tasks]


def test_list_prints_one_line_for_each_task_oldest_first(run: Run, queues: QueuePair) -> None:
    assert run("list").stdout == "Nothing is parked.\n"
    new, old = task("new"), task("old")
    queues.park(new, "HTTPException: 422 Unprocessable\nEntity", hours_ago=1)
    queues.park(old, "ValueError: first", hours_ago=5, copy=1)
    queues.park(old, "ValueError: then", hours_ago=2, copy=2)
    result = run("list")
    assert ids(result) == short(old, new)
    _, first, second = result.stdout.splitlines()
    assert "ValueError: then (parked 2 times)" in first
    for part in (WELCOME, "Issue Hook", "demo/playground issues/23", "8"):
        assert part in second
    assert second.endswith("HTTPException: 422 Unprocessable Entity")
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", second)


def test_list_leaves_all_tasks_visible(run: Run, queues: QueuePair) -> None:
    for number in range(23):
        queues.park(task(f"d{number}"))
    for _ in range(2):
        assert len(ids(run("list"))) == 23
    assert len(queues.receive(queues.parked_url)) == 10


@pytest.mark.parametrize(
    ("options", "deliveries"),
    [
        (["--handler", WELCOME], ["old", "new"]),
        (["--handler", "issue_opened"], ["old", "new"]),
        (["--handler", "*merge*"], ["other"]),
        (["--handler", "merge_request_merged"], ["other"]),
        (["--older-than", "2h"], ["old", "other"]),
        (["--older-than", "2h", "--handler", WELCOME], ["old"]),
    ],
)
def test_selects_tasks_by_handler_and_age(
    run: Run, queues: QueuePair, options: list[str], deliveries: list[str]
) -> None:
    queues.park(task("old"), hours_ago=6)
    queues.park(task("other", THANKS), hours_ago=5)
    queues.park(task("new"), hours_ago=1)
    listed = json.loads(run("list", *options, "--json").stdout)
    assert [one["delivery"] for one in listed] == deliveries
    run("replay", *options)
    assert queues.queued_deliveries == deliveries
    assert len(queues.parked) == 3 - len(deliveries)


def test_prints_json_for_programs(run: Run, queues: QueuePair) -> None:
    message_id = queues.park(task(), hours_ago=3)
    (listed,) = json.loads(run("list", "--json").stdout)
    shown = json.loads(run("show", ID[:7], "--json").stdout)
    assert listed.pop("received_at") < listed.pop("parked_at")
    assert listed == {
        "id": ID,
        "handler": WELCOME,
        "event": "Issue Hook",
        "delivery": "d1",
        "project": "demo/playground",
        "target": "/projects/71/issues/23",
        "because": BECAUSE,
        "attempts": 8,
        "copies": 1,
    }
    assert shown.items() >= listed.items()
    assert shown["payload"] == task().event.data
    assert shown["headers"] == {"webhook-id": "d1"}
    (parking,) = shown["parkings"]
    assert (parking["because"], parking["traceback"]) == (BECAUSE, TRACEBACK)
    assert (parking["message_id"], parking["group"]) == (message_id, task().group)


def test_show_prints_the_errors_and_the_payload(run: Run, queues: QueuePair) -> None:
    queues.park(task(), "ValueError: first", copy=1)
    queues.park(task(), "ValueError: then", hours_ago=0.5, copy=2)
    shown = run("show", ID[:7].upper()).stdout
    for part in (ID, "after 8 tries", "ValueError: first", "ValueError: then", "line 1", '"Tea"'):
        assert part in shown


def test_lists_and_replays_a_task_that_sqs_moved(run: Run, queues: QueuePair) -> None:
    queues.send(queues.tasks_url, task().message())
    while queues.receive(queues.tasks_url):
        queues.sqs.clock.advance(31)
    result = run("list")
    assert ids(result) == short(task())
    assert "its worker kept dying" in result.stdout
    run("replay", "--all")
    assert [message.body for message in queues.queued] == [task().encode()]
    assert not queues.parked


def test_replays_a_group_that_sqs_moved_in_order(run: Run, queues: QueuePair) -> None:
    for number in range(13):
        queues.send(queues.parked_url, task(f"d{number}").message())
    assert "13 of 13 tasks replayed." in run("replay", "--all").stdout
    assert queues.queued_deliveries == [f"d{number}" for number in range(13)]
    assert not queues.parked


PARKING = Parking(0, BECAUSE, 1, "g")


@pytest.mark.parametrize(
    "body",
    [
        "hello",
        "[1, 2]",
        '{"v": 2, "handler": "later"}',
        replace(task(), received=1e300).encode(),
        replace(task(), parking=replace(PARKING, at="noon")).encode(),  # type: ignore[arg-type]
    ],
)
def test_shows_and_drops_a_message_that_is_not_a_task(
    run: Run, queues: QueuePair, body: str
) -> None:
    queues.send(queues.parked_url, Message(body, "g", "1"))
    queues.park(task())
    listed = run("list")
    assert "(not a task)" in listed.stdout
    (message_id,) = set(ids(listed)) - set(short(task()))
    assert "Body:" in run("show", message_id).stdout
    assert json.loads(run("show", message_id, "--json").stdout)["body"] == body
    result = json.loads(run("replay", "--all", "--json", code=1).stdout)
    assert [one["id"] for one in result["replayed"]] == [ID]
    assert "the message is" in result["failed"][0]["problem"]
    assert result["error"] is None
    assert "0 of 1 tasks replayed, 1 failed." in run("replay", "--all", code=1).stdout
    assert [message.body for message in queues.parked] == [body]
    assert len(queues.queued) == 1
    run("drop", message_id, "--yes")
    assert not queues.parked


def test_payloads_and_errors_cannot_style_the_output(run: Run, queues: QueuePair) -> None:
    hostile = "[bold red]x[/] \x1b[2J\x07 [link=http://example.com]y[/link] \ud800"
    queues.park(task(title=hostile), hostile)
    for arguments in (["list"], ["show", ID]):
        stdout = run(*arguments).stdout
        assert "[bold red]x[/] \\x1b[2J\\x07 [link=http://example.com]y[/link]" in stdout
        assert "\x1b" not in stdout


def test_a_replayed_task_returns_to_the_queue_unchanged(run: Run, queues: QueuePair) -> None:
    parked_id = queues.park(task())
    assert f"✓ {ID[:12]}  {WELCOME}" in run("replay", ID[:12]).stdout
    (queued,) = queues.queued
    assert (queued.body, queued.group) == (task().encode(), task().group)
    assert queued.deduplication_id == task().replayed(parked_id).deduplication_id
    assert not queues.parked


def test_replays_the_oldest_task_first_and_each_task_once(run: Run, queues: QueuePair) -> None:
    for number, hours in enumerate([3, 9, 1, 5]):
        queues.park(task(f"d{number}"), hours_ago=hours)
    queues.park(task("d2"), copy=2)
    run("replay", "--all")
    assert queues.queued_deliveries == ["d1", "d3", "d0", "d2"]
    assert not queues.parked
    assert run("replay", "--all").stdout == "Nothing is replayed.\n"


@pytest.mark.parametrize(
    ("action", "fault", "problem", "queued", "parked"),
    [
        ("SendMessage", Fault.UNAVAILABLE, "Could not send a task", 0, 2),
        ("DeleteMessage", Fault.BROKEN, "Could not delete a task", 1, 2),
    ],
)
def test_an_interrupted_replay_can_be_repeated(
    run: Run, queues: QueuePair, action: str, fault: Fault, problem: str, queued: int, parked: int
) -> None:
    queues.park(task(), hours_ago=2, copy=1)
    queues.park(task(), hours_ago=1, copy=2)
    queues.sqs.faults.add(action, fault)
    broken = run("replay", "--all", "--json", code=1)
    assert json.loads(broken.stdout)["replayed"] == []
    assert problem in json.loads(broken.stdout)["error"]
    assert (len(queues.queued), len(queues.parked)) == (queued, parked)
    run("replay", "--all")
    assert (len(queues.queued), len(queues.parked)) == (1, 0)


def test_replays_a_task_once_that_is_parked_again_meanwhile(run: Run, queues: QueuePair) -> None:
    queues.park(task(), copy=1)

    def park_again(action: str) -> None:
        if action == "DeleteMessage":
            queues.park(task(), copy=2)

    queues.sqs.faults.choose = park_again
    assert "1 of 1 tasks replayed." in run("replay", "--all").stdout
    assert (len(queues.queued), len(queues.parked)) == (1, 1)


def test_drop_asks_for_confirmation(run: Run, queues: QueuePair) -> None:
    queues.park(task("a"))
    queues.park(task("b", THANKS))
    for typed in ("n\n", ""):
        refused = run("drop", "--handler", THANKS, typed=typed, code=1)
        assert "Delete these tasks (1) for good?" in refused.stderr
        assert ids(refused) == short(task("b", THANKS))
        assert len(ids(run("list"))) == 2
    assert "1 of 1 tasks dropped." in run("drop", "--handler", THANKS, typed="y\n").stdout
    assert ids(run("list")) == short(task("a"))
    dropped = json.loads(run("drop", "--all", "--yes", "--json").stdout)["dropped"]
    assert [one["handler"] for one in dropped] == [WELCOME]
    assert not queues.parked
    assert not queues.queued


def test_reports_ids_and_handlers_that_do_not_exist(run: Run, queues: QueuePair) -> None:
    queues.park(task())
    queues.send(queues.parked_url, Message("hello", "g", "1"))
    for command in (["show"], ["replay"], ["drop"], ["drop", "--yes"]):
        result = run(*command, "abcabc", code=1)
        assert "No parked task has an id that begins with abcabc" in result.stderr
    for name in ("list", "replay"):
        result = run(name, "--handler", "welcom", code=1)
        assert f"No parked task has the handler welcom. Handlers: {WELCOME}." in result.stderr
    result = run("replay", ID, "abcabc", code=1)
    assert "1 of 1 tasks replayed." in result.stdout
    assert "abcabc" in result.stderr


def test_an_ambiguous_id_selects_nothing(run: Run, queues: QueuePair) -> None:
    tasks = [task(f"d{number}") for number in range(17)]
    for each in tasks:
        queues.park(each)
    first = [each.deduplication_id[0] for each in tasks]
    shared = next(char for char in first if first.count(char) > 1)
    for command in (["show"], ["replay"], ["drop", "--yes"]):
        assert "write more of it" in run(*command, shared, code=1).stderr
    assert (len(queues.parked), len(queues.queued)) == (17, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["replay"], "select tasks by"),
        (["drop"], "select tasks by"),
        (["replay", "abc", "--all"], "contradict"),
        (["list", "--older-than", "soon"], "not a duration"),
        (["list", "--stack", "other"], "not both"),
        (["drop", "--all", "--json"], "--yes"),
        (["show"], "Missing argument"),
    ],
)
def test_explains_a_wrong_command_line(run: Run, arguments: list[str], message: str) -> None:
    assert message in run(*arguments, code=2).stderr


def test_list_counts_the_tasks_that_another_command_holds(run: Run, queues: QueuePair) -> None:
    queues.park(task())
    queues.receive(queues.parked_url)
    assert "holds about 1 tasks: try again in 2 minutes" in run("list").stdout
    queues.sqs.clock.advance(31)
    assert len(ids(run("list"))) == 1


def test_lists_and_drops_without_the_task_queue(invoke: Run, queues: QueuePair) -> None:
    queues.park(task())
    only = ["--parked-queue-url", queues.parked_url]
    assert len(ids(invoke("parked", "list", *only))) == 1
    result = invoke("parked", "replay", "--all", *only)
    assert result.exit_code == 1
    assert "--queue-url" in result.stderr
    assert len(queues.parked) == 1
    assert invoke("parked", "drop", "--all", "--yes", *only).exit_code == 0
    assert not queues.parked


def test_explains_an_unusable_queue(invoke: Run, queues: QueuePair) -> None:
    missing = queues.tasks_url.replace("tasks.fifo", "other.fifo")
    for option, url, message in (
        ("--queue-url", queues.parked_url, "has no redrive policy). Name it with --parked-queue"),
        ("--queue-url", missing, f"find the queue {missing}: there is no such queue"),
        ("--parked-queue-url", missing, f"list the tasks on {missing}: there is no such queue"),
    ):
        result = invoke("parked", "list", option, url)
        assert result.exit_code == 1
        assert message in result.stderr


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "there are no AWS credentials"),
        ({"AWS_SECRET_ACCESS_KEY": "not-the-secret"}, "AWS refused the credentials"),
        ({"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9"}, "AWS cannot be reached"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "no AWS region is set. Set AWS_REGION"),
        ({"AWS_PROFILE": "missing"}, "Check AWS_PROFILE"),
    ],
)
def test_explains_missing_access(
    run: Run, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], message: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = run("list", code=1)
    assert message in result.stderr
    assert "not-the-secret" not in result.output


def test_explains_missing_permissions(
    run: Run, queues: QueuePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    policy = Policy(({"Effect": "Allow", "Action": allowed, "Resource": "*"},))
    for name, value in queues.sqs.environment(queues.sqs.add_role("Onlooker", policy)).items():
        monkeypatch.setenv(name, value)
    result = run("list", code=1)
    assert f"list the tasks on {queues.parked_url}: these credentials do not" in result.stderr
    assert "sqs:ReceiveMessage" in result.stderr


def test_holds_a_message_as_long_as_it_is_needed(queues: QueuePair) -> None:
    queues.park(task())
    with HeldMessages(boto3.resource("sqs").Queue(queues.parked_url)) as held:
        (copy,) = held.sweep()
        for _ in range(3):
            queues.sqs.clock.advance(HOLD / 2)
            held.keep(copy)
        assert not queues.receive(queues.parked_url)
        queues.sqs.clock.advance(HOLD + 1)
        assert len(queues.receive(queues.parked_url)) == 1
        with pytest.raises(MessageRefused, match="Could not hold a task"):
            held.keep(copy)
