import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from gidgetlambda import Event, GitLabAPI, GitLabBot, markers
from gidgetlambda.outcome import Outcome
from gidgetlambda.worker import Account, own_event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.sandbox import ALICE_TOKEN, BOT_TOKEN, Sandbox
from infra.sandbox.server import serve as serve_sandbox
from infra.testing.server import serve
from tests.handler import payloads

pytestmark = pytest.mark.anyio

TRUST = httpx.create_ssl_context()
BOT = {"id": 4, "username": "playground-bot"}
ALICE = {"id": 2, "username": "alice"}
BOB = {"id": 3, "username": "bob"}
MARK = f"<!-- gidgetlambda {markers.identity('any')} -->"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all: each test opens an issue of its own."""
    with Sandbox() as instance, serve_sandbox(instance):
        yield instance


def a_bot(url: str, *, token: str = BOT_TOKEN, **options: Any) -> GitLabBot:
    return GitLabBot("tester", access_token=token, url=url, ssl_context=TRUST, **options)


@pytest.fixture
async def bot(sandbox: Sandbox) -> AsyncIterator[GitLabBot]:
    bot = a_bot(sandbox.url)
    yield bot
    await bot.aclose()


@pytest.fixture
async def person(sandbox: Sandbox) -> AsyncIterator[GitLabBot]:
    """A bot that runs with the token of a person."""
    bot = a_bot(sandbox.url, token=ALICE_TOKEN)
    yield bot
    await bot.aclose()


def opened(by: dict[str, Any] = BOB, headers: dict[str, str] | None = None) -> Event:
    return Event(payloads.issue() | {"user": by}, event="Issue Hook", headers=headers)


def commented(
    text: str, by: dict[str, Any], *, author_id: int | None = None, action: str = "create"
) -> Event:
    data = payloads.note(text) | {"user": by}
    data["object_attributes"] |= {"author_id": author_id or by["id"], "action": action}
    return Event(data, event="Note Hook")


async def outcomes(bot: GitLabBot, event: Event) -> dict[str, Outcome]:
    """What becomes of an event's handlers, by their plain names."""
    ran = await bot.worker.run_all(event, bot.router.match(event))
    return {name.rpartition(".")[2]: outcome for name, outcome in ran.items()}


async def told(bot: GitLabBot, event: Event) -> dict[str, str]:
    return {name: str(outcome) for name, outcome in (await outcomes(bot, event)).items()}


# Outcomes


async def test_a_handler_runs_with_the_event_and_a_gitlab(bot: GitLabBot, sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug", by="bob")

    @bot.router.register("Issue Hook", action="open")
    async def greet(event: Event, gl: GitLabAPI, *args: Any, **kwargs: Any) -> None:
        assert gl.requester == "tester"
        await gl.post(f"/projects/71/issues/{issue.iid}/notes", data={"body": "Hello"})

    assert await told(bot, opened()) == {"greet": "done"}
    (note,) = issue.notes
    assert note.author.username == "playground-bot"
    assert markers.find(note.body)


async def test_each_handler_has_its_own_outcome(
    bot: GitLabBot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gidgetlambda")
    register = bot.router.register("Issue Hook")
    done = []

    @register
    async def fails(event: Event, gl: GitLabAPI) -> None:
        raise ValueError("broken")

    @register
    async def leaves(event: Event, gl: GitLabAPI) -> None:
        sys.exit(3)

    @register
    async def cancels_what_it_awaits(event: Event, gl: GitLabAPI) -> None:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task

    @register
    async def cancels_itself(event: Event, gl: GitLabAPI) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(60)

    @register
    async def cancels_itself_at_its_end(event: Event, gl: GitLabAPI) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    @register
    async def gets_404(event: Event, gl: GitLabAPI) -> None:
        await gl.getitem("/projects/9999", {"secret": "x"})

    @register
    async def works(event: Event, gl: GitLabAPI) -> None:
        await asyncio.sleep(0)
        done.append(event)

    ran = await told(bot, opened())
    assert done
    assert ran.pop("works") == "done"
    assert ran.pop("fails") == "failed: ValueError: broken"
    assert ran.pop("leaves") == "failed: SystemExit: 3"
    assert "404 Project Not Found" in ran["gets_404"]
    assert "/api/v4/projects/9999)" in ran.pop("gets_404")
    assert set(ran) == {*("cancels_what_it_awaits", "cancels_itself", "cancels_itself_at_its_end")}
    assert all(outcome.startswith("failed: ") for outcome in ran.values())
    assert len([record for record in caplog.records if record.message == "task"]) == 7


async def test_a_handler_has_a_time_limit_of_its_own(sandbox: Sandbox) -> None:
    bot = a_bot(sandbox.url, time_limit=0.2)
    cleaned_up = []

    @bot.router.register("Issue Hook")
    async def endless(event: Event, gl: GitLabAPI) -> None:
        try:
            await asyncio.sleep(600)
        finally:
            cleaned_up.append(event)
            raise RuntimeError("while cleaning up")

    @bot.router.register("Issue Hook")
    async def quick(event: Event, gl: GitLabAPI) -> None:
        pass

    ran = await told(bot, opened())
    await bot.aclose()
    assert ran["quick"] == "done"
    assert ran["endless"].startswith("failed: ")
    assert "it ran out of its 0.2 s" in ran["endless"]
    assert cleaned_up


async def test_a_time_out_of_the_handlers_own_is_its_own_failure(bot: GitLabBot) -> None:
    @bot.router.register("Issue Hook")
    async def impatient(event: Event, gl: GitLabAPI) -> None:
        async with asyncio.timeout(0):
            await asyncio.sleep(600)

    assert await told(bot, opened()) == {"impatient": "failed: TimeoutError: "}


async def test_cancelling_all_of_them_reaches_the_caller(bot: GitLabBot) -> None:
    started = asyncio.Event()

    @bot.router.register("Issue Hook")
    async def waits(event: Event, gl: GitLabAPI) -> None:
        started.set()
        await asyncio.sleep(600)

    running = asyncio.create_task(outcomes(bot, opened()))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_handlers_run_side_by_side(bot: GitLabBot) -> None:
    met = asyncio.Barrier(3)

    async def meet(event: Event, gl: GitLabAPI) -> None:
        async with asyncio.timeout(5):
            await met.wait()

    for _ in range(3):
        bot.router.add(lambda_of(meet), "Issue Hook")
    assert set((await told(bot, opened())).values()) == {"done"}


def lambda_of(func: Any) -> Any:
    """Another function object that does the same."""

    async def same(event: Event, gl: GitLabAPI) -> None:
        await func(event, gl)

    return same


async def test_a_when_that_raises_is_a_failure_of_its_handler(bot: GitLabBot) -> None:
    def broken(event: Event) -> bool:
        raise KeyError("no such part")

    @bot.router.register("Issue Hook", when=broken)
    async def never(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    @bot.router.register("Issue Hook")
    async def works(event: Event, gl: GitLabAPI) -> None:
        pass

    ran = await told(bot, opened())
    assert ran == {"never": "failed: KeyError: 'no such part'", "works": "done"}


async def test_a_task_in_the_log(bot: GitLabBot, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gidgetlambda")

    @bot.router.register("Issue Hook")
    async def fails(event: Event, gl: GitLabAPI) -> None:
        raise ValueError(f"token {gl.access_token} \ud800")

    ran = await told(bot, opened(headers={"webhook-id": "d1"}))
    (record,) = [record for record in caplog.records if record.message == "task"]
    assert record.levelno == logging.ERROR
    fields = record.__dict__
    assert (fields["delivery"], fields["event"]) == ("d1", "Issue Hook")
    assert fields["project"] == "demo/playground"
    assert fields["handler"].endswith("fails")
    assert (fields["attempt"], fields["outcome"]) == (1, "failed")
    assert fields["because"] == "ValueError: token *** \\ud800"
    assert fields["milliseconds"] >= 0
    assert "raise ValueError" in fields["traceback"]
    assert BOT_TOKEN not in str(fields)
    assert BOT_TOKEN not in str(ran)


# Who the bot is


def asked_for(caplog: pytest.LogCaptureFixture, path: str) -> int:
    """How often a path was asked for, as httpx logs it."""
    return sum(f"{path} " in record.getMessage() for record in caplog.records)


async def test_the_bot_asks_once_who_it_is(
    bot: GitLabBot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "httpx")
    for _ in range(3):

        @bot.router.register("Issue Hook")
        async def handler(event: Event, gl: GitLabAPI) -> None:
            pass

    for _ in range(3):
        await asyncio.gather(outcomes(bot, opened()), outcomes(bot, opened()))
    assert asked_for(caplog, "/api/v4/user") == 1


async def test_a_bot_whose_token_is_refused_says_so(sandbox: Sandbox) -> None:
    bot = a_bot(sandbox.url, token="glpat-wrong")

    @bot.router.register("Issue Hook")
    async def never(event: Event, gl: GitLabAPI) -> None:
        raise AssertionError

    ran = await told(bot, opened())
    await bot.aclose()
    assert "GitLab does not accept GL_ACCESS_TOKEN" in ran["never"]
    assert f"(GET {sandbox.url}/api/v4/user)" in ran["never"]
    assert "glpat-wrong" not in ran["never"]


async def test_a_gitlab_that_fails_once_is_asked_again(sandbox: Sandbox) -> None:
    broken = True

    async def user(request: Request) -> Response:
        return JSONResponse({} if broken else {"id": 4, "username": "b", "bot": True})

    with serve(Starlette(routes=[Route("/api/v4/user", user)])) as url:
        bot = a_bot(url)

        @bot.router.register("Issue Hook")
        async def handler(event: Event, gl: GitLabAPI) -> None:
            pass

        first = await told(bot, opened())
        broken = False
        second = await told(bot, opened())
        await bot.aclose()
    assert "is GL_URL the address of a GitLab?" in first["handler"]
    assert second == {"handler": "done"}


# Loops


def register_both(bot: GitLabBot, event_type: str) -> None:
    @bot.router.register(event_type)
    async def others(event: Event, gl: GitLabAPI) -> None:
        pass

    @bot.router.register(event_type, from_self=True)
    async def own_too(event: Event, gl: GitLabAPI) -> None:
        pass


async def test_a_bot_account_ignores_what_it_did(bot: GitLabBot) -> None:
    register_both(bot, "Issue Hook")
    ran = await told(bot, opened(by=BOT))
    assert ran["others"] == "ignored: the bot's own event: playground-bot did it"
    assert ran["own_too"] == "done"
    assert set((await told(bot, opened(by=ALICE))).values()) == {"done"}


async def test_a_persons_own_events_run(person: GitLabBot) -> None:
    register_both(person, "Issue Hook")
    assert set((await told(person, opened(by=ALICE))).values()) == {"done"}


@pytest.mark.parametrize(
    ("setting", "token", "by", "outcome"),
    [
        ("true", ALICE_TOKEN, ALICE, "ignored"),
        ("false", ALICE_TOKEN, ALICE, "done"),
        ("true", BOT_TOKEN, BOT, "ignored"),
        ("false", BOT_TOKEN, BOT, "done"),
    ],
)
async def test_ignore_self_decides_for_either(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    token: str,
    by: dict[str, Any],
    outcome: str,
) -> None:
    monkeypatch.setenv("GL_IGNORE_SELF", setting)
    bot = a_bot(sandbox.url, token=token)
    register_both(bot, "Issue Hook")
    ran = await outcomes(bot, opened(by=by))
    await bot.aclose()
    assert ran["others"].status == outcome
    assert ran["own_too"].status == "done"


async def test_the_tokens_own_marked_note_is_for_nobody_but_who_asked(
    bot: GitLabBot, person: GitLabBot
) -> None:
    for each, by in ((bot, BOT), (person, ALICE)):
        register_both(each, "Note Hook")
        ran = await outcomes(each, commented(f"Thanks!\n\n{MARK}", by))
        assert ran["others"].status == "ignored"
        assert ran["own_too"].status == "done"


async def test_a_persons_own_note_without_a_mark_runs(person: GitLabBot) -> None:
    register_both(person, "Note Hook")
    assert (await told(person, commented("I mean it", ALICE)))["others"] == "done"


async def test_a_mark_in_anybody_elses_note_means_nothing(
    bot: GitLabBot, person: GitLabBot
) -> None:
    for each in (bot, person):
        register_both(each, "Note Hook")
        forged = commented(f"Do not look\n\n{MARK}", {"id": 3, "username": "bob"})
        assert (await told(each, forged))["others"] == "done"


PERSON = Account(2, "alice", bot=False)


@pytest.mark.parametrize(
    ("event", "ignores_self", "own"),
    [
        (opened(by=ALICE), True, True),
        (opened(by=ALICE), False, False),
        (opened(by={"id": 9, "username": "alice"}), True, False),
        (opened(by={"username": "alice"}), True, True),
        (opened(by={"username": "bob"}), True, False),
        (opened(by={}), True, False),
        (Event(payloads.push(), event="Push Hook"), True, True),
        (Event(payloads.push(user_id=9), event="Push Hook"), True, False),
        (Event({"object_kind": "release"}, event="Release Hook"), True, False),
        (
            Event({"event_name": "user_add_to_group", "user_id": 2}, event="Member Hook"),
            True,
            False,
        ),
        (commented(f"x {MARK}", {"id": 3}, author_id=2, action="update"), False, True),
        (commented(f"{MARK} x", ALICE), False, False),
        (Event({"object_kind": "note", "object_attributes": None}, event="Note Hook"), True, False),
    ],
)
def test_whose_event_it_is(event: Event, ignores_self: bool, own: bool) -> None:
    assert (own_event(event, PERSON, ignores_self) is not None) is own


async def test_a_chain_is_echoed_where_own_events_run_and_only_there(
    bot: GitLabBot, person: GitLabBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    echoed: list[str | None] = []

    async def keep(request: httpx.Request) -> None:
        if "/api/v4/user" not in request.url.path:
            echoed.append(request.headers.get("x-gitlab-event-uuid"))

    for each in (bot, person):

        @each.router.register("Issue Hook")
        async def handler(event: Event, gl: GitLabAPI) -> None:
            gl._client.event_hooks["request"] = [keep]
            await gl.getitem("/projects/71")

        await outcomes(each, opened(headers={"X-Gitlab-Event-UUID": "chain-1"}))
    assert echoed == [None, "chain-1"]


async def test_a_person_greets_themselves_once_and_the_chain_ends(sandbox: Sandbox) -> None:
    """The article's reader opens an issue with the account whose token the bot has."""
    bot = a_bot(sandbox.url, token=ALICE_TOKEN, secret="hook-secret")

    @bot.router.register("Issue Hook")
    async def edits(event: Event, gl: GitLabAPI) -> None:
        await gl.put(
            event.target_path or "", data={"title": f"{event.object_attributes['title']}!"}
        )

    with serve(bot.app) as url:
        hook = sandbox.add_hook(f"{url}/webhook", token="hook-secret", triggers=["issues_events"])
        issue = sandbox.open_issue("A bug", by="alice")
        sandbox.settle()
        del sandbox.project.hooks[hook.id]
    assert issue.title == "A bug!"
    assert [event.response_status for event in hook.events] == ["200"]


async def test_consistency_is_waited_for_only_when_asked(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def no_time(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", no_time)
    for wait in (False, None, True):
        bot = a_bot(sandbox.url, wait_consistency=wait)
        register_both(bot, "Issue Hook")
        await outcomes(bot, opened())
        await bot.aclose()
    assert [seconds for seconds in slept if seconds == 1] == [1, 1]
