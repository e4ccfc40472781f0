import asyncio
import contextlib
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from gidgetlambda import (
    BadRequest,
    Event,
    GitLabAPI,
    GitLabBot,
    GitLabBroken,
    GitLabException,
    RateLimitExceeded,
    TryAgain,
    markers,
)
from gidgetlambda.errors import NotRun, RunEnded
from gidgetlambda.outcome import Outcome
from gidgetlambda.worker import GRACE, Account, own_event

from infra.sandbox import ALICE_TOKEN, BOT_TOKEN, Sandbox
from infra.sandbox.faults import Exchange, Fault, Faults, refused
from tests.handler import payloads

pytestmark = pytest.mark.anyio

OpenBot = Callable[..., GitLabBot]

TRUST = httpx.create_ssl_context()
BOT = {"id": 4, "username": "playground-bot"}
ALICE = {"id": 2, "username": "alice"}
BOB = {"id": 3, "username": "bob"}
MARKER = f"<!-- gidgetlambda {markers.identity('any')} -->"


@pytest.fixture
async def open_bot(in_process: Sandbox, faults: Faults) -> AsyncIterator[OpenBot]:
    """Opens bots that reach the sandbox through `faults`."""
    async with contextlib.AsyncExitStack() as stack:

        def open_with(token: str = BOT_TOKEN, **options: Any) -> GitLabBot:
            url = in_process.url
            bot = GitLabBot("tester", access_token=token, url=url, ssl_context=TRUST, **options)
            stack.push_async_callback(bot.aclose)
            return bot

        yield open_with


@pytest.fixture
def bot(open_bot: OpenBot) -> GitLabBot:
    return open_bot()


def opened(by: dict[str, Any] = BOB) -> Event:
    headers = {"X-Gitlab-Event-UUID": "chain-1"}
    return Event(payloads.issue() | {"user": by}, event="Issue Hook", headers=headers)


def commented(
    text: str, by: dict[str, Any], *, author_id: int | None = None, action: str = "create"
) -> Event:
    data = payloads.note(text) | {"user": by}
    data["object_attributes"] |= {"author_id": author_id or by["id"], "action": action}
    return Event(data, event="Note Hook")


async def nothing(event: Event, gl: GitLabAPI) -> None:
    pass


async def run_all(bot: GitLabBot, event: Event) -> dict[str, Outcome]:
    """Run an event's handlers; return their outcomes by the names of the functions."""
    matched = [evaluation for evaluation in bot.router.explain(event) if evaluation.matched]
    outcomes = await bot.runtime.worker.run_all(event, matched)
    return {re.split("[.:]", name)[-1]: outcome for name, outcome in outcomes.items()}


# Outcomes


async def raises(event: Event, gl: GitLabAPI) -> None:
    raise ValueError("a bug")


async def exits(event: Event, gl: GitLabAPI) -> None:
    sys.exit(3)


async def exits_in_a_group(event: Event, gl: GitLabAPI) -> None:
    raise BaseExceptionGroup("both", [SystemExit(1), ValueError("a bug")])


async def cancels_what_it_awaits(event: Event, gl: GitLabAPI) -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    task.cancel()
    await task


async def cancels_itself_at_its_end(event: Event, gl: GitLabAPI) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def cancels_itself(event: Event, gl: GitLabAPI) -> None:
    await cancels_itself_at_its_end(event, gl)
    await asyncio.sleep(60)


async def times_out(event: Event, gl: GitLabAPI) -> None:
    async with asyncio.timeout(0):
        await asyncio.sleep(60)


async def catches_gitlab_exceptions(event: Event, gl: GitLabAPI) -> None:
    with contextlib.suppress(GitLabException):
        raise TryAgain(after=60)


async def gets_404(event: Event, gl: GitLabAPI) -> None:
    await gl.getitem("/projects/9999", {"secret": "x"})


@pytest.mark.parametrize(
    ("handler", "because"),
    [
        (raises, "ValueError: a bug"),
        (exits, "SystemExit: 3"),
        (exits_in_a_group, "BaseExceptionGroup: both (2 sub-exceptions)"),
        (cancels_what_it_awaits, "CancelledError: "),
        (cancels_itself, "CancelledError: "),
        (cancels_itself_at_its_end, "CancelledError: it cancelled itself"),
        (times_out, "TimeoutError: "),
        (
            catches_gitlab_exceptions,
            "TryAgain: the handler asked for it (inline mode does not retry)",
        ),
        (gets_404, "BadRequest: 404 Project Not Found (GET {url}/api/v4/projects/9999)"),
    ],
)
async def test_a_failure_is_the_outcome_of_its_handler_alone(
    bot: GitLabBot, handler: Callable[..., Any], because: str
) -> None:
    bot.router.add(handler, "Issue Hook")
    bot.router.add(nothing, "Issue Hook")

    outcomes = await run_all(bot, opened())
    expected = because.format(url=bot.runtime.work_settings.url)
    assert str(outcomes[handler.__name__]) == f"failed: {expected}"
    assert outcomes["nothing"] == Outcome("done")


async def test_a_handler_that_exceeds_its_time_limit_fails_after_its_cleanup(
    open_bot: OpenBot,
) -> None:
    bot = open_bot(time_limit=0.2)
    cleaned_up = asyncio.Event()

    async def endless(event: Event, gl: GitLabAPI) -> None:
        try:
            await asyncio.sleep(600)
        finally:
            cleaned_up.set()
            raise RuntimeError("while cleaning up")

    bot.router.add(nothing, "Issue Hook")
    await run_all(bot, opened())  # the request for the bot's account has no part in the limit
    bot.router.add(endless, "Issue Hook")
    outcomes = await run_all(bot, opened())
    assert str(outcomes["endless"]) == "failed: OutOfTime: it exceeded its time limit of 0.2 s"
    assert outcomes["nothing"] == Outcome("done")
    assert cleaned_up.is_set()


async def test_a_handler_that_ignores_its_time_limit_is_abandoned_and_sends_nothing_more(
    open_bot: OpenBot,
) -> None:
    bot = open_bot(time_limit=0.2)
    bot.router.add(nothing, "Issue Hook")
    await run_all(bot, opened())
    abandoned, ended = asyncio.Event(), asyncio.Event()
    errors: list[Exception] = []

    async def stubborn(event: Event, gl: GitLabAPI) -> None:
        while not abandoned.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await abandoned.wait()
        for request in (gl.getitem("/version"), gl.graphql("{ x }"), gl.delete("/projects/71")):
            try:
                await request
            except RunEnded as error:
                errors.append(error)
        ended.set()
        raise ValueError("after its end")

    bot.router.add(stubborn, "Issue Hook")
    started = time.monotonic()
    outcomes = await run_all(bot, opened())
    assert time.monotonic() - started < 0.2 + GRACE + 1
    assert outcomes["nothing"] == Outcome("done")
    because = "OutOfTime: it exceeded its time limit of 0.2 s and did not end"
    assert outcomes["stubborn"].because == because
    abandoned.set()
    await ended.wait()
    assert len(errors) == 3


async def test_what_a_failed_handler_leaves_running_sends_nothing_more(bot: GitLabBot) -> None:
    errors: list[BaseException] = []
    left: list[asyncio.Task[None]] = []

    async def writes_later(gl: GitLabAPI) -> None:
        await asyncio.sleep(0.1)
        try:
            await gl.post("/projects/71/labels", data={"name": "late", "color": "#000"})
        except RunEnded as error:
            errors.append(error)

    async def leaves_a_task(event: Event, gl: GitLabAPI) -> None:
        left.append(asyncio.create_task(writes_later(gl)))
        raise ValueError("a bug")

    bot.router.add(leaves_a_task, "Issue Hook")
    await run_all(bot, opened())
    await left[0]
    assert "labels is not sent: the run has ended" in str(errors)


async def test_cancelling_all_runs_reaches_the_handlers_and_the_caller(bot: GitLabBot) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    @bot.router.register("Issue Hook")
    async def waits(event: Event, gl: GitLabAPI) -> None:
        started.set()
        try:
            await asyncio.sleep(600)
        finally:
            cancelled.set()

    running = asyncio.create_task(run_all(bot, opened()))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cancelled.is_set()


async def test_runs_handlers_concurrently(bot: GitLabBot) -> None:
    barrier = asyncio.Barrier(2)

    async def meet(event: Event, gl: GitLabAPI) -> None:
        async with asyncio.timeout(5):
            await barrier.wait()

    bot.router.add(meet, "Issue Hook", name="m.first")
    bot.router.add(meet, "Issue Hook", name="m.second")
    assert set((await run_all(bot, opened())).values()) == {Outcome("done")}


async def test_each_handler_has_a_payload_of_its_own(bot: GitLabBot) -> None:
    numbers: list[int] = []

    async def changes(event: Event, gl: GitLabAPI) -> None:
        attributes = event.data["object_attributes"]
        numbers.append(attributes["iid"])
        attributes["iid"] = 0
        event.data["nested"].clear()

    nested: list[Any] = []
    for _ in range(900):
        nested = [nested]
    event = opened()
    event.data |= {"nested": nested, "text": "\ud800 é", "number": 10**30, "none": None}
    for name in ("m.first", "m.second", "m.third"):
        bot.router.add(changes, "Issue Hook", name=name)
    outcomes = await run_all(bot, event)
    assert set(outcomes.values()) == {Outcome("done")}
    assert numbers == [23, 23, 23]


# The account of the token


def test_works_in_a_second_event_loop(in_process: Sandbox, faults: Faults) -> None:
    bot = GitLabBot("t", access_token=BOT_TOKEN, url=in_process.url, ssl_context=TRUST)
    bot.router.add(nothing, "Issue Hook")
    faults.once(refused(500), path="/user", times=2)

    async def run_twice() -> set[str]:
        runs = await asyncio.gather(run_all(bot, opened()), run_all(bot, opened()))
        await bot.aclose()
        return {outcome.status for outcomes in runs for outcome in outcomes.values()}

    assert asyncio.run(run_twice()) == {"failed"}
    assert asyncio.run(run_twice()) == {"done"}


BLOCKED = '{"message": "403 Forbidden - Your account has been blocked."}'


@pytest.mark.parametrize(
    ("check", "kind"),
    [
        (None, BadRequest),
        (refused(403, {"content-type": "application/json"}, BLOCKED), NotRun),
        (refused(401), NotRun),
        (refused(500), GitLabBroken),
        (refused(408), GitLabBroken),
    ],
)
@pytest.mark.parametrize("in_group", [False, True])
async def test_a_403_is_the_accounts_only_if_gitlab_refuses_the_account_too(
    bot: GitLabBot, faults: Faults, check: Fault | None, kind: type[Exception], in_group: bool
) -> None:
    async def writes(event: Event, gl: GitLabAPI) -> None:
        if check is not None:
            faults.once(check, path="/user")
        if not in_group:
            await gl.getitem("/projects/71")
        async with asyncio.TaskGroup() as group:
            group.create_task(gl.getitem("/projects/71"))

    bot.router.add(writes, "Issue Hook")
    faults.once(refused(403), path="/projects/71")
    error = (await run_all(bot, opened()))["writes"].error
    if isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, kind)


async def test_requests_the_account_once(bot: GitLabBot, faults: Faults) -> None:
    paths: list[str] = []

    def record(exchange: Exchange) -> Fault | None:
        paths.append(exchange.path)
        return None

    faults.choose = record
    bot.router.add(nothing, "Issue Hook")
    await asyncio.gather(run_all(bot, opened()), run_all(bot, opened()))
    await run_all(bot, opened())
    assert paths == ["/api/v4/user"]


JSON = {"content-type": "application/json"}
SPENT = {"ratelimit-limit": "1", "ratelimit-remaining": "0", "ratelimit-reset": "9999999999"}


@pytest.mark.parametrize(
    ("fault", "kind", "because"),
    [
        (refused(401), NotRun, "GitLab does not accept GL_ACCESS_TOKEN: 401 (GET {url}); replace"),
        (refused(403), NotRun, "GitLab does not accept GL_ACCESS_TOKEN"),
        (refused(404), NotRun, "GL_URL is the address of a GitLab"),
        (refused(301), NotRun, "GL_URL is the address of a GitLab"),
        (refused(200, JSON, "[]"), NotRun, "GL_URL is the address of a GitLab"),
        (refused(200, {"content-type": "text/html"}, "<html>"), GitLabBroken, "is HTML and not"),
        (refused(403, {**SPENT, "retry-after": "900"}), RateLimitExceeded, "403"),
        (refused(500), GitLabBroken, "500"),
    ],
)
async def test_no_handler_runs_until_gitlab_returns_the_account(
    bot: GitLabBot, faults: Faults, fault: Fault, kind: type[Exception], because: str
) -> None:
    faults.once(fault, path="/user")
    bot.router.add(nothing, "Issue Hook")

    failed = (await run_all(bot, opened()))["nothing"]
    assert isinstance(failed.error, kind)
    url = f"{bot.runtime.work_settings.url}/api/v4/user"
    assert because.format(url=url) in str(failed)
    assert await run_all(bot, opened()) == {"nothing": Outcome("done")}


# Own events


@pytest.mark.parametrize(
    ("setting", "token", "event", "status"),
    [
        ("", BOT_TOKEN, opened(by=BOT), "ignored"),
        ("", BOT_TOKEN, opened(by=ALICE), "done"),
        ("", ALICE_TOKEN, opened(by=ALICE), "done"),
        ("", ALICE_TOKEN, commented(f"Thanks!\n\n{MARKER}", ALICE), "ignored"),
        ("true", BOT_TOKEN, opened(by=BOT), "ignored"),
        ("true", ALICE_TOKEN, opened(by=ALICE), "ignored"),
        ("false", BOT_TOKEN, opened(by=BOT), "done"),
        ("false", BOT_TOKEN, commented(f"Thanks!\n\n{MARKER}", BOT), "ignored"),
        ("false", ALICE_TOKEN, opened(by=ALICE), "done"),
    ],
)
async def test_own_events_run_only_the_handlers_that_take_them(
    open_bot: OpenBot,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    token: str,
    event: Event,
    status: str,
) -> None:
    monkeypatch.setenv("GL_IGNORE_SELF", setting)
    bot = open_bot(token)
    bot.router.add(nothing, "*", name="m.others")
    bot.router.add(nothing, "*", name="m.own_too", from_self=True)
    outcomes = await run_all(bot, event)
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "others": status,
        "own_too": "done",
    }


@pytest.mark.parametrize(
    ("event", "ignores_self", "own"),
    [
        (opened(by={"id": 9, "username": "alice"}), True, False),
        (opened(by={"username": "alice"}), True, True),
        (opened(by={"username": "bob"}), True, False),
        (opened(by={}), True, False),
        (Event(payloads.push(), event="Push Hook"), True, True),
        (Event(payloads.push(user_id=9), event="Push Hook"), True, False),
        (Event({"object_kind": "release"}, event="Release Hook"), True, False),
        (Event({"event_name": "user_add_to_group", "user_id": 2}, event="Member Hook"), 1, False),
        (commented(f"x {MARKER}", {"id": 3}, author_id=2, action="update"), False, True),
        (commented(f"{MARKER} x", ALICE), False, False),
        (commented(f"Forged\n\n{MARKER}", BOB), False, False),
        (Event({"object_kind": "note", "object_attributes": None}, event="Note Hook"), True, False),
    ],
)
def test_own_event_reads_the_author_from_the_payload(
    event: Event, ignores_self: bool, own: bool
) -> None:
    alice = Account(2, "alice", bot=False)
    assert (own_event(event, alice, ignores_self) is not None) is own


@pytest.mark.parametrize(("token", "sent"), [(BOT_TOKEN, None), (ALICE_TOKEN, "chain-1")])
async def test_requests_continue_the_chain_of_events_only_if_own_events_run(
    open_bot: OpenBot, token: str, sent: str | None
) -> None:
    uuids: list[str | None] = []

    async def record(request: httpx.Request) -> None:
        uuids.append(request.headers.get("x-gitlab-event-uuid"))

    async def handler(event: Event, gl: GitLabAPI) -> None:
        gl._client.event_hooks["request"] = [record]
        await gl.getitem("/projects/71")

    bot = open_bot(token)
    bot.router.add(handler, "Issue Hook")
    await run_all(bot, opened())
    assert uuids == [sent]


async def test_waits_for_consistency_only_on_request(
    open_bot: OpenBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", record)
    for wait in (False, None, True):
        bot = open_bot(wait_consistency=wait)
        bot.router.add(nothing, "Issue Hook")
        await run_all(bot, opened())
    assert [seconds for seconds in pauses if seconds == 1] == [1]
