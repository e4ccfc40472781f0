"""A soak: many deliveries through random faults, and a check of each at the end.

Both functions run in processes of their own, in the template's environments and roles, and are
killed by SIGKILL. GitLab, SQS and the bot communicate over HTTP. Two things differ from a
deployment: the queue's clock skips its delays, and the bot's time limits are shorter (see `bot`).

The seed repeats the choices of the soak, but not the timing of its threads and processes: a failure
may need several runs with its seed to appear again.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from gidgetlambda.task import Task

from infra.sandbox import BOT, Sandbox
from infra.sandbox.faults import Faults
from infra.sandbox.state import Token
from infra.server import serve
from infra.testing.functions import FunctionTransport
from infra.testing.sqs import serve as serve_sqs
from infra.testing.stack import FunctionStack
from infra.testing.template import read
from tests.soak.chaos import Chaos
from tests.soak.gate import Gate
from tests.soak.result import SoakResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.sandbox.state import Issue
    from infra.testing.functions import FunctionProcess
    from infra.testing.poller import Poller
    from infra.testing.sqs import Sqs

SECRET = "the-webhook-secret"
RECEIVERS, WORKERS = 3, 6
AT_ONCE = 20  # deliveries
BACKLOG = 30  # visible messages above which no deliveries are sent
IDLE = 0.005  # seconds

KINDS = [
    *(["plain"] * 60 + ["twice"] * 10 + ["branching"] * 10),
    *(["wavering"] * 8 + ["buggy"] * 7 + ["hopeless"] * 5),
]


def soak(
    deliveries: int, seed: int, progress: Callable[[int], None] = lambda done: None
) -> SoakResult:
    """Deliver with faults, then without, until every task is done or parked, and check the result.

    Args:
        deliveries: The number of deliveries.
        seed: The seed of the random choices.
        progress: Called with the number of deliveries so far.
    """
    with contextlib.ExitStack() as opened:
        run = _SoakRun(opened, Random(seed))
        run.go(deliveries, progress)
        return run.result()


class _SoakRun:
    """One soak: GitLab, the queue, the functions, and the threads that drive them."""

    def __init__(self, opened: contextlib.ExitStack, chance: Random) -> None:
        self._chance = chance
        self._gate = Gate(chance)
        self._gitlab = opened.enter_context(
            Sandbox(webhook_transport=self._gate, disable_failing_hooks=False)
        )
        faults = Faults(self._gitlab.app)
        self._gitlab.url = opened.enter_context(serve(faults))
        self._sqs: Sqs = opened.enter_context(serve_sqs())
        self._fixed = Path(opened.enter_context(tempfile.TemporaryDirectory())) / "fixed"
        self._receivers: list[FunctionProcess] = []
        self._workers: dict[str, FunctionProcess] = {}
        self._stack = self._start_functions(opened)
        self._gate.functions = FunctionTransport(self._receivers)
        self._chaos = Chaos(chance, self._sqs.clock, self._workers)
        faults.choose = self._chaos.gitlab
        self._sqs.faults.choose = self._chaos.queue
        self._issues: list[Issue] = []
        self._tries: Counter[str] = Counter()
        self._idle_polls = dict.fromkeys(range(WORKERS), 0)  # in a row, of each worker
        self._working: list[Future[None]] = []
        self._ending = threading.Event()

    def go(self, deliveries: int, progress: Callable[[int], None]) -> None:
        """Deliver, then recover, while the workers run."""
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
                self._recover()
            finally:
                self._ending.set()

    def result(self) -> SoakResult:
        """Compare GitLab and the queues with their expected state."""
        result = SoakResult(
            deliveries=len(self._gate.delivered),
            accepted=len(self._gate.accepted),
            counts={
                "faults": self._chaos.counts,
                "repeated deliveries": self._gate.repetitions,
                "answers": self._gate.answers,
                "tries of tasks": self._tries,
            },
        )
        for issue in self._issues:
            result.check_comments(issue)
        parked, queued = (
            [message.body for message in self._sqs.messages(queue)]
            for queue in (self._stack.parked_queue, self._stack.queue())
        )
        result.check_queues(self._issues, parked, queued)
        return result

    def _start_functions(self, opened: contextlib.ExitStack) -> FunctionStack:
        """Start the functions; each worker has an access token of its own, which identifies it."""
        parameters = {
            "AccessToken": "sandbox-bot-token",
            "GitLabUrl": self._gitlab.url,
            "WebhookSecret": SECRET,
        }
        stack = FunctionStack(self._sqs, read(parameters))
        for _ in range(RECEIVERS):
            function = stack.function("ReceiveFunction", handler="tests.soak.bot.receive")
            self._receivers.append(opened.enter_context(function))
        for number in range(WORKERS):
            token = f"sandbox-bot-token-{number}"
            self._gitlab.instance.tokens[token] = Token(user=self._gitlab.user(BOT))
            function = stack.function(
                "WorkFunction",
                handler="tests.soak.bot.work",
                GL_ACCESS_TOKEN=token,
                SOAK_FIXED=str(self._fixed),
            )
            self._workers[token] = opened.enter_context(function)
        return stack

    def _work(self, number: int, poller: Poller) -> None:
        """Poll the queue for one worker, in a thread of its own."""
        while not self._ending.is_set():
            invocation = poller.step()
            if invocation is None:
                self._idle_polls[number] += 1
                time.sleep(IDLE)
                continue
            self._idle_polls[number] = 0
            if invocation.deleted:
                self._tries["done or parked"] += 1
            else:
                self._tries["killed" if invocation.error else "put back"] += 1

    def _deliver(self, deliveries: int, progress: Callable[[int], None]) -> None:
        chance = self._chance
        while len(self._issues) < deliveries:
            for _ in range(min(AT_ONCE, deliveries - len(self._issues))):
                kind = chance.choice(KINDS)
                self._issues.append(self._gitlab.open_issue(f"{kind} {len(self._issues)}"))
            self._gitlab.wait_for(
                lambda: self._gitlab.webhooks.under_way <= AT_ONCE, timeout=120, what="an answer"
            )
            progress(len(self._issues))
            for _ in range(chance.choice([1, 2, 3, 6])):
                self._pass_time(10)
                self._wait()
            if chance.random() < 0.5:
                self._chaos.kill("worker", list(self._workers.values()))
            if chance.random() < 0.2:
                self._chaos.kill("receiver", self._receivers)
            if chance.random() < 0.3:
                asyncio.run(self._gate.resend(lambda: chance.random() < 0.3))
            if chance.random() < 0.1:
                self._replay(most=30)
            while self._visible() > BACKLOG:
                # SQS counts the tasks behind a delayed one as visible.
                self._skip_delay()
                self._wait()

    def _recover(self) -> None:
        """End the faults, resend what failed, fix the bug, and replay the parked tasks.

        Each task runs before the bug is fixed, because its first comment is one of the bug's.
        """
        self._gitlab.settle(timeout=120)
        self._drain()
        self._chaos.on = False
        while asyncio.run(self._gate.resend(lambda: True)):
            pass
        self._drain()
        self._fixed.touch()
        self._replay()
        self._drain()

    def _drain(self) -> None:
        """Wait until the queue is empty, and skip its delays."""
        queue = self._stack.queue()
        while self._sqs.messages(queue):
            self._skip_delay()
            self._wait()
        self._chaos.commit()

    def _skip_delay(self) -> None:
        """Pass the time until a task becomes visible, if all workers are idle."""
        if min(self._idle_polls.values()) >= 2:
            moment = self._sqs.next_visible(self._stack.queue())
            self._pass_time(max(0.0, moment - self._sqs.clock.now()) if moment else 0.0)

    def _pass_time(self, seconds: float) -> None:
        # Late writes that are due within that time precede the retries after it.
        self._chaos.commit(self._sqs.clock.now() + seconds)
        self._sqs.clock.advance(seconds)
        self._chaos.change_outages()
        self._idle_polls = dict.fromkeys(self._idle_polls, 0)

    def _wait(self) -> None:
        """Let the workers work, and raise the error of one that ended."""
        time.sleep(IDLE)
        for working in self._working:
            if working.done():
                working.result()

    def _visible(self) -> int:
        answer = self._call("GetQueueAttributes", AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _replay(self, most: int | None = None) -> None:
        """Do what `gidgetlambda parked replay` does: send to the queue, then delete."""
        parked = self._stack.parked_queue
        for _ in self._sqs.messages(parked)[:most]:
            messages = self._call("ReceiveMessage", parked).get("Messages")
            if not messages:
                return
            message = Task.decode(messages[0]["Body"]).replayed(messages[0]["MessageId"])
            self._call(
                "SendMessage",
                MessageBody=message.body,
                MessageGroupId=message.group,
                MessageDeduplicationId=message.deduplication_id,
            )
            self._call("DeleteMessage", parked, ReceiptHandle=messages[0]["ReceiptHandle"])
            self._tries["replayed"] += 1

    def _call(self, action: str, queue: str = "", **parameters: Any) -> dict[str, Any]:
        url = queue or self._stack.queue()
        return self._sqs.call(self._sqs.owner, action, {"QueueUrl": url, **parameters})
