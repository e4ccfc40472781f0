"""A soak: many deliveries, with faults at random, and an account of each at the end.

As in the world: both functions run in processes of their own, in the template's environments and
roles, and are killed by SIGKILL; GitLab, SQS and the bot talk over HTTP. Not so: the queue's delays
are skipped by its clock, and the patience with silences is a tenth (`bot`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gidgetlambda.task import Task

from infra.sandbox import BOT, Sandbox
from infra.sandbox.faults import Faults
from infra.testing.server import serve
from infra.testing.sqs import serve as serve_sqs
from infra.testing.stack import Stack
from infra.testing.template import read
from infra.testing.transport import FunctionTransport
from tests.soak.chaos import Chaos
from tests.soak.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.sandbox.state import Issue
    from infra.testing.functions import FunctionProcess
    from infra.testing.poller import Poller
    from infra.testing.sqs import Sqs

SECRET = "the-webhook-secret"
RECEIVERS, WORKERS = 3, 6
AT_ONCE = 20  # deliveries
BACKLOG = 30  # messages that may be visible before the next deliveries
IDLE = 0.005  # seconds

# What the bot shall have written on an issue in the end, by the first word of its title.
WELCOME = "Thanks for the report @alice! I will look into it ASAP! (I'm a bot)."
EXPECTED = {
    "plain": [WELCOME],
    "twice": [WELCOME, "one", "two"],
    "wavering": [WELCOME, "at last"],
    "buggy": [WELCOME, "begun", "ended"],
    "hopeless": [WELCOME],
}
KINDS = ["plain"] * 70 + ["twice"] * 10 + ["wavering"] * 8 + ["buggy"] * 7 + ["hopeless"] * 5


@dataclass
class Account:
    """What became of all deliveries.

    lost: comments that are missing, and tasks that are neither done nor parked with a reason.
    duplicated: comments that are there too often.
    """

    deliveries: int = 0
    accepted: int = 0
    comments: int = 0
    parked: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    resends: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    skipped: float = 0.0
    took: float = 0.0

    @property
    def sound(self) -> bool:
        return self.accepted == self.deliveries and not self.lost and not self.duplicated


def soak(deliveries: int, progress: Callable[[int], None] = lambda done: None) -> Account:
    """Deliver, break, kill, resend, replay; then mend everything, and account for it.

    Args:
        deliveries: how many.
        progress: is told how many have been delivered so far.
    """
    started = time.monotonic()
    with contextlib.ExitStack() as opened:
        run = _Run(opened)
        run.go(deliveries, progress)
        account = run.account()
        account.took = time.monotonic() - started
        return account


class _Run:
    """One soak: GitLab, the queue, the functions, and who drives them."""

    def __init__(self, opened: contextlib.ExitStack) -> None:
        self._gate = Gate()
        self._gitlab = opened.enter_context(
            Sandbox(webhook_transport=self._gate, disable_failing_hooks=False)
        )
        faults = Faults(self._gitlab.app)
        self._gitlab.url = opened.enter_context(serve(faults))
        self._sqs: Sqs = opened.enter_context(serve_sqs())
        folder = opened.enter_context(tempfile.TemporaryDirectory())
        self._mended = Path(folder) / "mended"
        self._receivers: list[FunctionProcess] = []
        self._workers: dict[str, FunctionProcess] = {}
        self._stack = self._start(opened)
        self._gate.functions = FunctionTransport(self._receivers)
        self._chaos = Chaos(self._sqs.clock, self._workers)
        faults.choose = self._chaos.gitlab
        self._sqs.faults.choose = self._chaos.queue
        self._issues: list[Issue] = []
        self._tries: Counter[str] = Counter()
        self._nothing_to_do = dict.fromkeys(range(WORKERS), 0)  # times in a row
        self._working: list[Future[None]] = []
        self._ending = threading.Event()

    def go(self, deliveries: int, progress: Callable[[int], None]) -> None:
        self._gitlab.add_hook(
            "https://bot.example.com/webhook", token=SECRET, triggers={"issues_events"}
        )
        with ThreadPoolExecutor(WORKERS) as threads:
            self._working = [
                threads.submit(self._work, number, self._stack.poller(worker))
                for number, worker in enumerate(self._workers.values())
            ]
            try:
                self._deliver(deliveries, progress)
                self._mend()
            finally:
                self._ending.set()

    def account(self) -> Account:
        account = Account(
            deliveries=self._gate.delivered,
            accepted=len(self._gate.accepted),
            faults=self._chaos.counts,
            answers=self._gate.answers,
            resends=self._gate.counts,
            tries=self._tries,
            skipped=self._sqs.clock.skipped,
        )
        for issue in self._issues:
            _compare(issue, account)
        self._account_for_queues(account)
        return account

    def _start(self, opened: contextlib.ExitStack) -> Stack:
        """Start the functions, each work function with a token by which it is known."""
        parameters = {
            "AccessToken": "sandbox-bot-token",
            "GitLabUrl": self._gitlab.url,
            "WebhookSecret": SECRET,
        }
        stack = Stack(self._sqs, read(parameters))
        for _ in range(RECEIVERS):
            function = stack.function("ReceiveFunction", handler="tests.soak.bot.receive")
            self._receivers.append(opened.enter_context(function))
        for number in range(WORKERS):
            token = f"sandbox-bot-token-{number}"
            self._gitlab.instance.add_token(token, self._gitlab.user(BOT))
            function = stack.function(
                "WorkFunction",
                handler="tests.soak.bot.work",
                GL_ACCESS_TOKEN=token,
                SOAK_MENDED=str(self._mended),
            )
            self._workers[token] = opened.enter_context(function)
        return stack

    def _work(self, number: int, poller: Poller) -> None:
        """One worker's event source mapping, in a thread of its own."""
        while not self._ending.is_set():
            invocation = poller.step()
            if invocation is None:
                self._nothing_to_do[number] += 1
                time.sleep(IDLE)
                continue
            self._nothing_to_do[number] = 0
            if invocation.deleted:
                self._tries["done or parked"] += 1
            else:
                self._tries["died" if invocation.error else "put back"] += 1

    def _deliver(self, deliveries: int, progress: Callable[[int], None]) -> None:
        while len(self._issues) < deliveries:
            for _ in range(min(AT_ONCE, deliveries - len(self._issues))):
                kind = random.choice(KINDS)
                self._issues.append(self._gitlab.open_issue(f"{kind} {len(self._issues)}"))
            self._gitlab.wait_for(
                lambda: self._gitlab.webhooks.under_way <= AT_ONCE, timeout=120, what="an answer"
            )
            progress(len(self._issues))
            for _ in range(random.choice([1, 2, 3, 6])):
                self._pass_time(10)
                self._wait()
            if random.random() < 0.5:
                self._chaos.kill("worker", list(self._workers.values()))
            if random.random() < 0.2:
                self._chaos.kill("receiver", self._receivers)
            if random.random() < 0.3:
                self._resend(lambda: random.random() < 0.3)
            if random.random() < 0.1:
                self._replay(most=30)
            while self._visible() > BACKLOG:
                self._wait()

    def _mend(self) -> None:
        """GitLab heals, the bug is mended, what failed is resent, and what is parked replayed."""
        self._gitlab.settle(timeout=120)
        self._drain()
        self._chaos.on = False
        self._mended.touch()
        while self._resend(lambda: True):
            pass
        self._drain()
        self._replay()
        self._drain()

    def _drain(self) -> None:
        """Skip the time between, until the queue is empty."""
        queue = self._stack.queue()
        while self._sqs.messages(queue):
            if min(self._nothing_to_do.values()) >= 2:
                moment = self._sqs.next_visible(queue)
                self._pass_time(max(0.0, moment - self._sqs.clock.now()) if moment else 0.0)
            self._wait()
        self._chaos.commit()

    def _pass_time(self, seconds: float) -> None:
        # What is due within that time happens before what comes again after it.
        self._chaos.commit(self._sqs.clock.now() + seconds)
        self._sqs.clock.advance(seconds)
        self._chaos.change_weather()
        self._nothing_to_do = dict.fromkeys(self._nothing_to_do, 0)

    def _wait(self) -> None:
        time.sleep(IDLE)
        for working in self._working:
            if working.done():
                working.result()

    def _visible(self) -> int:
        answer = self._ask("GetQueueAttributes", AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _resend(self, share: Callable[[], bool]) -> int:
        return asyncio.run(self._gate.resend(share))

    def _replay(self, most: int | None = None) -> None:
        """What `gidgetlambda parked replay` does: send to the queue, then delete."""
        parked = self._stack.parked_queue
        for _ in self._sqs.messages(parked)[:most]:
            messages = self._ask("ReceiveMessage", parked).get("Messages")
            if not messages:
                return
            task = replace(Task.decode(messages[0]["Body"]), parking=None)
            moved = task.moved_message(messages[0]["MessageId"])
            self._ask(
                "SendMessage",
                MessageBody=moved.body,
                MessageGroupId=moved.group,
                MessageDeduplicationId=moved.deduplication_id,
            )
            self._ask("DeleteMessage", parked, ReceiptHandle=messages[0]["ReceiptHandle"])
            self._tries["replayed"] += 1

    def _ask(self, action: str, queue: str = "", **parameters: Any) -> dict[str, Any]:
        url = queue or self._stack.queue()
        return self._sqs.call(self._sqs.owner, action, {"QueueUrl": url, **parameters})

    def _account_for_queues(self, account: Account) -> None:
        """Parked are the hopeless tasks, each with its reason, and no others."""
        hopeless = {issue.iid for issue in self._issues if _kind(issue) == "hopeless"}
        parked: dict[int, str] = {}
        for message in self._sqs.messages(self._stack.parked_queue):
            task = Task.decode(message.body)
            account.parked += 1
            parked[task.event.iid or 0] = task.parking.because if task.parking else ""
        account.lost += [f"issue {iid} is not parked" for iid in hopeless - parked.keys()]
        account.lost += [
            f"issue {iid} is parked because of {because!r}"
            for iid, because in parked.items()
            if iid not in hopeless or "404" not in because
        ]
        queued = self._sqs.messages(self._stack.queue())
        account.lost += [f"{message.body[:200]} is still queued" for message in queued]


def _kind(issue: Issue) -> str:
    return issue.title.partition(" ")[0]


def _compare(issue: Issue, account: Account) -> None:
    """What the bot wrote on an issue, beside what it shall have written."""
    wanted = Counter(EXPECTED[_kind(issue)])
    written = Counter(
        note.body.partition("\n")[0] for note in issue.notes if note.author.username == BOT
    )
    account.comments += written.total()
    account.lost += [f"{text!r} on {issue.title!r}" for text in (wanted - written).elements()]
    account.duplicated += [f"{text!r} on {issue.title!r}" for text in (written - wanted).elements()]
