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
    NoTarget,
    RateLimitExceeded,
    TryAgain,
    markers,
)
from gidgetlambda.account import Account
from gidgetlambda.errors import NotRun, RunEnded
from gidgetlambda.outcome import Outcome
from gidgetlambda.worker import GRACE, own_event

from infra.sandbox import ALICE_TOKEN, BOT_TOKEN, Sandbox
from infra.sandbox.faults import Exchange, Fault, Faults, refused
from infra.server import serve
from tests.event_payloads import EventPayload, own_payloads
from tests.handler import payloads
from tests.handler.apis import observe

pytestmark = pytest.mark.anyio

OpenBot = Callable[..., GitLabBot]

TRUST = httpx.create_ssl_context()
BOT = {"id": 4, "username": "playground-bot"}
ALICE = {"id": 2, "username": "alice"}
BOB = {"id": 3, "username": "bob"}
WORK_ITEM = {"object_kind": "work_item"}
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
    return issuable(payloads.issue(author_id=by.get("id", 9)), by)


def issuable(data: dict[str, Any], by: dict[str, Any]) -> Event:
    event = "Merge Request Hook" if data["object_kind"] == "merge_request" else "Issue Hook"
    return Event(data | {"user": by}, event=event)


def commented(
    text: str, by: dict[str, Any], *, author_id: int | None = 0, action: str = "create"
) -> Event:
    """Return a comment by its author, the user by default; `None` leaves the author out."""
    data = payloads.note(text) | {"user": by}
    author = by["id"] if author_id == 0 else author_id
    data["object_attributes"] |= {"author_id": author, "action": action}
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


async def replies(event: Event, gl: GitLabAPI) -> None:
    await gl.reply(event, "Hello")


async def reacts(event: Event, gl: GitLabAPI) -> None:
    await gl.react(event, "thumbsup")


async def replies_and_expects_gitlab_exceptions(event: Event, gl: GitLabAPI) -> None:
    with contextlib.suppress(GitLabException):
        await gl.reply(event, "Hello")


async def replies_in_a_group(event: Event, gl: GitLabAPI) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(gl.reply(event, "Hello"))
        group.create_task(gl.reply(event, "Bye"))


EPICS = [payload for payload in own_payloads() if ".epic" in payload.name]
NO_SUBJECT = "event has no subject that"


@pytest.mark.parametrize("payload", EPICS, ids=str)
@pytest.mark.parametrize(
    ("handler", "because"),
    [
        (replies, f"{NO_SUBJECT} can be commented on"),
        (reacts, f"{NO_SUBJECT} an emoji can be awarded to"),
        (replies_and_expects_gitlab_exceptions, f"{NO_SUBJECT} can be commented on"),
        (replies_in_a_group, f"{NO_SUBJECT} can be commented on"),
    ],
)
async def test_ignores_an_event_without_a_target(
    bot: GitLabBot,
    caplog: pytest.LogCaptureFixture,
    payload: EventPayload,
    handler: Callable[..., Any],
    because: str,
) -> None:
    bot.router.add(handler, "*")
    with caplog.at_level("INFO", "gidgetlambda"):
        outcomes = await run_all(bot, Event(payload.data, event=payload.event))
    outcome = outcomes[handler.__name__]
    assert str(outcome).startswith(f"ignored: a {payload.event!r} {because}")
    (line,) = (vars(record) for record in caplog.records if record.message == "task")
    assert (line["levelname"], line.get("traceback")) == ("INFO", None)


async def test_a_bug_beside_a_missing_target_is_the_failure(bot: GitLabBot) -> None:
    async def both(event: Event, gl: GitLabAPI) -> None:
        raise ExceptionGroup("both", [NoTarget("nothing there"), ValueError("a bug")])

    bot.router.add(both, "*")
    error = (await run_all(bot, opened()))["both"].error
    assert isinstance(error, ExceptionGroup)
    assert [type(one) for one in error.exceptions] == [ValueError]


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


async def test_a_run_knows_the_time_of_the_delivery(bot: GitLabBot) -> None:
    """`open_issue` looks for issues since then."""
    received: list[float] = []

    @bot.router.register("Issue Hook")
    async def handler(event: Event, gl: GitLabAPI) -> None:
        assert gl._origin is not None
        received.append(gl._origin.received)

    before = time.time()
    await run_all(bot, opened())
    (evaluation,) = bot.router.explain(opened())
    await bot.runtime.worker.run(opened(), evaluation, time_limit=5, received=1.0)
    assert before <= received[0] <= time.time()
    assert received[1] == 1.0


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
    assert paths.count("/api/v4/user") == 1


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


async def test_a_handler_knows_the_account(bot: GitLabBot) -> None:
    known: list[Account] = []

    async def handler(event: Event, gl: GitLabAPI) -> None:
        known.append(gl.me)

    bot.router.add(handler, "Issue Hook")
    await run_all(bot, opened())
    assert known == [Account(4, "playground-bot", True)]


# The time of one request


@pytest.mark.parametrize(
    ("options", "time_left", "limit"),
    [
        ({}, None, 5.0),
        ({}, 57.0, 25.0),
        ({}, 4.0, 4.0),
        ({"time_limit": 2.0}, None, 2.0),
        ({"request_timeout": 1.5}, None, 1.5),
        ({"request_timeout": 40.0}, 57.0, 40.0),
        ({"request_timeout": 40.0}, 4.0, 4.0),
    ],
    ids=repr,
)
async def test_a_request_has_the_time_of_its_mode_and_of_its_handler(
    open_bot: OpenBot, options: dict[str, float], time_left: float | None, limit: float
) -> None:
    """`time_left` is the time of a queued task, in seconds; without it, the mode is inline."""
    limits: list[float] = []

    async def record(request: httpx.Request) -> None:
        limits.append(request.extensions["timeout"]["read"])

    async def handler(event: Event, gl: GitLabAPI) -> None:
        observe(gl, record)
        await gl.getitem("/version")

    bot = open_bot(**options)
    bot.router.add(handler, "Issue Hook")
    if time_left is None:
        await run_all(bot, opened())
    else:
        (evaluation,) = bot.router.explain(opened())
        worker, now = bot.runtime.worker, time.time()
        await worker.run(opened(), evaluation, time_limit=time_left, received=now)
    assert limits[0] == pytest.approx(limit, abs=0.5)


# The owner's functions


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (nothing, None),
        (raises, ValueError),
        (catches_gitlab_exceptions, TryAgain),
        (exits, SystemExit),
        (gets_404, GitLabException),
    ],
)
async def test_inline_a_failed_handler_is_reported_once(
    bot: GitLabBot, handler: Callable[..., Any], error: type[BaseException] | None
) -> None:
    reported: list[tuple[Any, ...]] = []

    @bot.on_failure
    async def report(event: Event, name: str, error: BaseException) -> None:
        reported.append((event, name, type(error)))

    bot.router.add(handler, "Issue Hook", name="the.handler")
    event = opened()
    await run_all(bot, event)
    if error is None:
        assert reported == []
    else:
        ((about, name, kind),) = reported
        assert (about, name) == (event, "the.handler")
        assert issubclass(kind, error)


# Dry run


async def writes_everything(event: Event, gl: GitLabAPI) -> None:
    assert await gl.post("/projects/71/labels", data={"name": "1"}) == {"name": "1"}
    assert await gl.put("/projects/71", data={"name": "2"}) == {"name": "2"}
    assert await gl.put("/projects/71") == {}
    assert await gl.patch("/projects/71", data=["3"]) == {}
    assert await gl.delete("/projects/71") is None  # type: ignore[func-returns-value]
    assert await gl.graphql("mutation { a }") == {}
    await gl.reply(event, f"{BOT_TOKEN} " * 500)
    await gl.react(event, "thumbsup")
    assert (await gl.getitem("/user"))["id"] == 4
    assert (await gl.graphql("{ currentUser { username } }"))["currentUser"]


async def test_a_dry_run_logs_writes_and_sends_none(
    open_bot: OpenBot,
    in_process: Sandbox,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("GL_DRY_RUN", "true")
    issue = in_process.open_issue("Help")
    sent: list[str] = []

    def record(exchange: Exchange) -> Fault | None:
        sent.append(f"{exchange.method} {exchange.path}")
        return None

    faults.choose = record
    bot = open_bot()
    bot.router.add(writes_everything, "Issue Hook", name="a.writer")
    event = Event(payloads.issue(iid=issue.iid), event="Issue Hook", delivery_id="d-1")
    with caplog.at_level("INFO", "gidgetlambda"):
        assert await run_all(bot, event) == {"writer": Outcome("done")}

    lines = [one.__dict__ for one in caplog.records if one.message == "dry run"]
    methods = ["POST", "PUT", "PUT", "PATCH", "DELETE", "POST", "POST", "POST"]
    assert [line["method"] for line in lines] == methods
    assert {(line["handler"], line["delivery"]) for line in lines} == {("a.writer", "d-1")}
    assert lines[0]["url"].endswith("/api/v4/projects/71/labels")
    assert lines[0]["body"] == '{"name": "1"}'
    assert max(len(line["body"]) for line in lines) <= 1000
    assert BOT_TOKEN not in caplog.text + str(lines)
    assert issue.notes == []
    assert [one for one in sent if not one.startswith("GET")] == ["POST /api/graphql"]


# Own events


def account_events(account: dict[str, Any]) -> dict[str, Event]:
    """Return an event of each kind that `own_event` distinguishes, by a description."""
    marked = {"author_id": account["id"], "description": f"See the log.\n\n{MARKER}"}
    foreign = marked | {"author_id": BOB["id"]}
    return {
        "note with a marker": commented(f"Thanks!\n\n{MARKER}", account),
        "opened issue with a marker": issuable(payloads.issue(**marked), account),
        "opened merge request with a marker": issuable(payloads.merge_request(**marked), account),
        "note": commented("Thanks!", account),
        "opened issue": opened(by=account),
        "closed issue with a marker": issuable(payloads.issue("close", **marked), account),
        "push": Event(payloads.push(user_id=account["id"]), event="Push Hook"),
        "somebody's note with a marker": commented(f"Thanks!\n\n{MARKER}", BOB),
        "somebody's issue with a marker": issuable(payloads.issue(**foreign), BOB),
        "somebody's issue": opened(by=BOB),
    }


NEVER_OWN = {
    "somebody's note with a marker",
    "somebody's issue with a marker",
    "somebody's issue",
}
WITHOUT_MARKER = {"note", "opened issue", "closed issue with a marker", "push"}


@pytest.mark.parametrize(
    ("token", "account", "setting", "ran"),
    [
        (BOT_TOKEN, BOT, "", NEVER_OWN),
        (BOT_TOKEN, BOT, "true", NEVER_OWN),
        (BOT_TOKEN, BOT, "false", NEVER_OWN | WITHOUT_MARKER),
        (ALICE_TOKEN, ALICE, "", NEVER_OWN | WITHOUT_MARKER),
        (ALICE_TOKEN, ALICE, "true", NEVER_OWN),
        (ALICE_TOKEN, ALICE, "false", NEVER_OWN | WITHOUT_MARKER),
    ],
)
async def test_own_events_run_only_the_handlers_that_take_them(
    open_bot: OpenBot,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    account: dict[str, Any],
    setting: str,
    ran: set[str],
) -> None:
    monkeypatch.setenv("GL_IGNORE_SELF", setting)
    bot = open_bot(token)
    bot.router.add(nothing, "*", name="m.others")
    bot.router.add(nothing, "*", name="m.own_too", from_self=True)
    for kind, event in account_events(account).items():
        statuses = {name: one.status for name, one in (await run_all(bot, event)).items()}
        others = "done" if kind in ran else "ignored"
        assert (kind, statuses) == (kind, {"others": others, "own_too": "done"})


@pytest.mark.parametrize(
    ("event", "ignores_self", "own"),
    [
        (opened(by={"id": 9, "username": "alice"}), True, False),
        (opened(by={"username": "alice"}), True, True),
        (opened(by={"username": "bob"}), True, False),
        (opened(by={}), True, False),
        (Event(payloads.push(), event="Push Hook"), True, True),
        (Event({"object_kind": "release"}, event="Release Hook"), True, False),
        (Event({"event_name": "user_add_to_group", "user_id": 2}, event="Member Hook"), 1, False),
        # Somebody edits the bot's note, or the account edits somebody's note.
        (commented(f"x\n\n{MARKER}", BOB, author_id=2, action="update"), False, True),
        (commented(f"x\n\n{MARKER}", ALICE, author_id=3, action="update"), False, False),
        (commented(f"x\n\n{MARKER}", ALICE, author_id=None), False, True),
        (commented(f"x\n\n{MARKER}", BOB, author_id=None), False, False),
        (commented(f"{MARKER} x", ALICE), False, False),
        (issuable(payloads.issue(description=None), ALICE), False, False),
        (issuable(payloads.issue(description=MARKER) | WORK_ITEM, ALICE), False, True),
        (Event({"object_kind": "note", "object_attributes": None}, event="Note Hook"), True, False),
    ],
)
def test_own_event_reads_the_author_from_the_payload(
    event: Event, ignores_self: bool, own: bool
) -> None:
    alice = Account(2, "alice", bot=False)
    assert (own_event(event, alice, ignores_self) is not None) is own


@pytest.mark.parametrize("setting", ["", "true", "false"])
@pytest.mark.parametrize("token", [BOT_TOKEN, ALICE_TOKEN])
def test_own_changes_return_to_the_handlers_that_take_them(
    sandbox: Sandbox,
    bare_environment: None,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    setting: str,
) -> None:
    monkeypatch.setenv("GL_IGNORE_SELF", setting)
    bot = GitLabBot("tester", secret="hook-secret", access_token=token, url=sandbox.url)
    received: list[tuple[str, str | None]] = []

    @bot.router.register("Issue Hook", action="open")
    async def triage(event: Event, gl: GitLabAPI) -> None:
        assert event.target_path is not None
        await gl.put(event.target_path, data={"add_labels": "triage", "state_event": "close"})
        await gl.reply(event, "Thanks!")

    @bot.router.register("Issue Hook", "Note Hook", from_self=True)
    async def record(event: Event, gl: GitLabAPI) -> None:
        received.append((event.event, event.action))

    with serve(bot.app) as url:
        sandbox.add_hook(f"{url}/webhook", token="hook-secret")
        sandbox.open_issue("Help", by="bob")
        sandbox.settle()
    assert sorted(map(str, received)) == [
        "('Issue Hook', 'close')",
        "('Issue Hook', 'open')",
        "('Issue Hook', 'update')",
        "('Note Hook', 'create')",
    ]


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
