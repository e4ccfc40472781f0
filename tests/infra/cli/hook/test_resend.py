"""Resending: GitLab's log read and its limits kept; against the sandbox and a real bot."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from gidgetlambda import Event, GitLabAPI, GitLabBot
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.cli.failure import Failure
from infra.cli.hook.log import Delivery
from infra.cli.hook.place import Place
from infra.cli.hook.resend import PER_MINUTE, Log, Result, find_hooks, read_log, resend
from infra.cli.hook.throttle import MINUTE, Throttle
from infra.sandbox import ALICE_TOKEN, BOT_TOKEN, Sandbox
from infra.sandbox.server import serve as serve_sandbox
from infra.sandbox.state import Hook
from infra.testing.server import drop, serve

SECRET = "a-secret-of-the-hook"
PROJECT = Place("demo/playground")


class Clock:
    """The time for GitLab and for the throttle; it passes only when somebody waits."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def seconds(self) -> float:
        return self.moment.timestamp()

    def advance(self, **length: float) -> None:
        self.moment += timedelta(**length)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.moment += timedelta(seconds=seconds)


class Endpoint:
    """The bot's endpoint: a real bot that now and then does not answer as it should."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.bot = GitLabBot("bot", secret=SECRET, access_token=BOT_TOKEN, url=sandbox.url)
        self.broken: int | str | None = None
        self.url = ""
        self.titles: list[str] = []
        self.bot.router.add(self._note_title, "Issue Hook")

    async def _note_title(self, event: Event, gl: GitLabAPI) -> None:
        self.titles.append(event.object_attributes["title"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.broken == "drop":
            return await drop(receive, send)
        if scope["type"] == "http" and isinstance(self.broken, int):
            await send({"type": "http.response.start", "status": self.broken, "headers": []})
            return await send({"type": "http.response.body", "body": b"broken"})
        return await self.bot.app(scope, receive, send)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    instance = Sandbox(now=clock.now, disable_failing_hooks=False)
    with serve_sandbox(instance):
        yield instance


@pytest.fixture
def endpoint(sandbox: Sandbox) -> Iterator[Endpoint]:
    app = Endpoint(sandbox)
    with serve(app) as url:
        app.url = f"{url}/webhook"
        yield app


@pytest.fixture
def hook(sandbox: Sandbox, endpoint: Endpoint) -> Hook:
    return sandbox.add_hook(endpoint.url, token=SECRET, triggers=["issues_events"])


class Run:
    """What one run of the command does, by the test's clock."""

    def __init__(self, url: str, clock: Clock, *, token: str = ALICE_TOKEN) -> None:
        self._url = url
        self._token = token
        self._clock = clock
        self.told: list[tuple[str, str | None]] = []
        self.result = Result(tell=lambda one, problem: self.told.append((one.last.key, problem)))
        self.log = Log(0, [], [])

    def __call__(
        self,
        endpoint: str,
        *,
        place: Place = PROJECT,
        since: float | None = None,
        keep_going: bool = False,
    ) -> "Run":
        asyncio.run(self._run(endpoint, place, since, keep_going))
        return self

    async def _run(
        self, endpoint: str, place: Place, since: float | None, keep_going: bool
    ) -> None:
        throttle = Throttle(PER_MINUTE, clock=self._clock.seconds, sleep=self._clock.sleep)
        async with httpx.AsyncClient(trust_env=False) as client:
            gl = GitLabAPI(client, "test", access_token=self._token, url=self._url)
            hooks = await find_hooks(gl, place, endpoint=endpoint)
            self.log = await read_log(gl, place, hooks, throttle, since=since)
            await resend(
                gl, place, self.log.deliveries, throttle, self.result, keep_going=keep_going
            )

    @property
    def problems(self) -> list[str | None]:
        return [problem for _, problem in self.told]


@pytest.fixture
def run(sandbox: Sandbox, clock: Clock) -> Run:
    return Run(sandbox.url, clock)


def open_issues(sandbox: Sandbox, *titles: str) -> None:
    for title in titles:
        sandbox.open_issue(title)
        sandbox.settle()


@contextlib.contextmanager
def around(sandbox: Sandbox, app: ASGIApp) -> Iterator[str]:
    """Serve an app that wraps the sandbox's, under an address of its own."""
    with serve(app) as url:
        before, sandbox.url = sandbox.url, url
        yield url
        sandbox.url = before


@pytest.mark.parametrize("broken", [401, 404, 429, 500, 503, "drop"])
def test_what_did_not_arrive_is_sent_again_oldest_first(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, run: Run, broken: int | str
) -> None:
    open_issues(sandbox, "arrives")
    endpoint.broken = broken
    open_issues(sandbox, "first", "second")
    endpoint.broken = None
    open_issues(sandbox, "arrives as well")
    endpoint.titles.clear()
    run(endpoint.url)
    assert endpoint.titles == ["first", "second"]
    assert run.problems == [None, None]
    assert (run.log.entries, len(run.log.deliveries)) == (4, 2)


def test_a_wrong_secret_is_mended_and_the_refused_deliveries_arrive(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, run: Run
) -> None:
    hook.token = "another"
    open_issues(sandbox, "refused")
    assert [event.response_status for event in hook.events] == ["401"]
    hook.token = SECRET
    run(endpoint.url)
    assert endpoint.titles == ["refused"]


def test_a_second_run_finds_nothing_more(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, clock: Clock, run: Run
) -> None:
    endpoint.broken = 500
    open_issues(sandbox, "one", "two")
    endpoint.broken = None
    run(endpoint.url)
    again = Run(sandbox.url, clock)(endpoint.url)
    assert again.log.deliveries == []
    assert endpoint.titles == ["one", "two"]


def test_an_interrupted_run_is_taken_up_where_it_stopped(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, clock: Clock, run: Run
) -> None:
    endpoint.broken = 500
    open_issues(sandbox, "one", "two", "three")
    endpoint.broken = None

    def interrupt(delivery: Delivery, problem: str | None) -> None:
        raise KeyboardInterrupt

    run.result.tell = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(endpoint.url)
    assert endpoint.titles == ["one"]
    clock.advance(minutes=5)
    Run(sandbox.url, clock)(endpoint.url)
    assert endpoint.titles == ["one", "two", "three"]


def test_no_more_than_five_a_minute_are_sent(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, clock: Clock, run: Run
) -> None:
    endpoint.broken = 500
    titles = [f"issue {number}" for number in range(12)]
    open_issues(sandbox, *titles)
    endpoint.broken = None
    run(endpoint.url)
    assert endpoint.titles == titles
    assert clock.waits == [MINUTE, MINUTE]


def test_where_somebody_else_used_up_the_minute_it_is_waited_for(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, clock: Clock, run: Run
) -> None:
    endpoint.broken = 500
    open_issues(sandbox, "one", "two", "three")
    Run(sandbox.url, clock)(endpoint.url, keep_going=True)
    endpoint.broken = None
    run(endpoint.url)
    assert endpoint.titles == ["one", "two", "three"]
    assert clock.waits == [MINUTE]


def test_a_long_log_is_read_to_its_end(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, run: Run
) -> None:
    endpoint.broken = 500
    open_issues(sandbox, "the oldest")
    endpoint.broken = None
    open_issues(sandbox, *[f"issue {number}" for number in range(45)])
    endpoint.titles.clear()
    run(endpoint.url)
    assert run.log.entries == 46
    assert endpoint.titles == ["the oldest"]


def test_what_is_older_than_asked_for_is_left_alone(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, clock: Clock, run: Run
) -> None:
    endpoint.broken = 500
    open_issues(sandbox, "old")
    clock.advance(days=2)
    since = clock.seconds()
    clock.advance(hours=1)
    open_issues(sandbox, "new")
    endpoint.broken = None
    run(endpoint.url, since=since)
    assert endpoint.titles == ["new"]


def test_an_endpoint_that_is_still_broken_is_left_alone_before_gitlab_pauses_the_hook(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, run: Run
) -> None:
    endpoint.broken = 503
    open_issues(sandbox, "one", "two", "three", "four", "five")
    run(endpoint.url)
    assert run.problems == ["the endpoint answered 503"] * 3
    assert run.result.stopped is not None
    assert "GitLab pauses a hook after 4" in run.result.stopped
    assert "--keep-going" in run.result.stopped


def test_one_can_go_on_though_the_endpoint_fails(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, run: Run
) -> None:
    endpoint.broken = 503
    open_issues(sandbox, "one", "two", "three", "four", "five")
    run(endpoint.url, keep_going=True)
    assert len(run.problems) == 5
    assert run.result.stopped is None


def test_what_gitlab_cannot_deliver_is_told_in_its_words(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, run: Run
) -> None:
    endpoint.broken = "drop"
    open_issues(sandbox, "one")
    run(endpoint.url)
    (problem,) = run.problems
    assert problem is not None
    assert problem.startswith("GitLab could not send it: ")


def test_a_hook_that_has_another_url_now_is_explained_and_costs_one_try(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, clock: Clock, run: Run
) -> None:
    endpoint.broken = 500
    open_issues(sandbox, "one", "two", "three", "four", "five", "six", "seven")
    endpoint.broken = None
    hook.url = endpoint.url.removesuffix("webhook")
    run(hook.url)
    assert len(run.problems) == 7
    for problem in run.problems:
        assert problem is not None
        assert "the hook has another now" in problem
        assert endpoint.url.removesuffix("/webhook") in problem
    assert clock.waits == []
    hook.url = endpoint.url
    Run(sandbox.url, clock)(hook.url)
    assert len(endpoint.titles) == 7


def test_hooks_of_a_group_are_found_in_the_group(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, clock: Clock
) -> None:
    async def with_group(scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path", b"").replace(b"/groups/demo/", b"/projects/demo%2Fplayground/")
        await sandbox.app({**scope, "raw_path": raw}, receive, send)

    endpoint.broken = 500
    open_issues(sandbox, "one")
    endpoint.broken = None
    with around(sandbox, with_group) as url:
        Run(url, clock)(endpoint.url, place=Place("demo", is_group=True))
    assert endpoint.titles == ["one"]


def test_the_limit_of_all_requests_is_waited_out_while_the_log_is_read(
    endpoint: Endpoint, clock: Clock
) -> None:
    # The list of hooks and two pages of three fit into what is left of the minute.
    clock.advance(seconds=20)
    with Sandbox(now=clock.now, rate_limit=3, disable_failing_hooks=False) as tight:
        tight.add_hook(endpoint.url, token=SECRET, triggers=["issues_events"])
        endpoint.broken = 500
        with serve_sandbox(tight) as url:
            open_issues(tight, *[f"issue {number}" for number in range(50)])
            endpoint.broken = None

            async def read() -> Log:
                throttle = Throttle(PER_MINUTE, clock=clock.seconds, sleep=clock.sleep)
                async with httpx.AsyncClient(trust_env=False) as client:
                    gl = GitLabAPI(client, "test", access_token=ALICE_TOKEN, url=url)
                    hooks = await find_hooks(gl, PROJECT, endpoint=endpoint.url)
                    return await read_log(gl, PROJECT, hooks, throttle)

            log = asyncio.run(read())
    assert len(log.deliveries) == 50
    assert clock.waits == [40.0]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((422, '{"message": "Hook disabled"}'), "press Test at the hook"),
        ((422, '{"message": "Silent mode enabled"}'), "silent mode"),
        ((404, '{"message": "404 Not found"}'), "does not have it in the hook's log any more"),
        ((500, "oops"), "it may have sent it or not"),
        ((201, '{"response_status": "internal error"}'), "the endpoint answered internal error"),
        ((201, ""), "the endpoint answered nothing"),
    ],
)
def test_what_gitlab_answers_instead_is_explained(
    sandbox: Sandbox,
    endpoint: Endpoint,
    hook: Hook,
    clock: Clock,
    answer: tuple[int, str],
    told: str,
) -> None:
    endpoint.broken = 500
    open_issues(sandbox, "one")
    with around(sandbox, answering(sandbox, "/resend", *answer)) as url:
        run = Run(url, clock)(endpoint.url)
    (problem,) = run.problems
    assert problem is not None
    assert told in problem


def test_a_gitlab_that_cannot_send_again_is_told_with_its_version(
    sandbox: Sandbox, endpoint: Endpoint, hook: Hook, clock: Clock
) -> None:
    endpoint.broken = 500
    open_issues(sandbox, "one")
    old = answering(sandbox, "/version", 200, '{"version": "17.3.2-ee"}')
    for missing in ("/resend", "/events"):
        older = answering(old, missing, 404, '{"error": "404 Not Found"}')
        refusal = pytest.raises(Failure, match=r"This GitLab is 17\.3\.2-ee")
        with around(sandbox, older) as url, refusal:
            Run(url, clock)(endpoint.url)


def answering(inner: ASGIApp | Sandbox, ending: str, status: int, body: str) -> ASGIApp:
    """An app that answers paths of that ending by itself."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith(ending):
            wrapped = inner.app if isinstance(inner, Sandbox) else inner
            return await wrapped(scope, receive, send)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        return await send({"type": "http.response.body", "body": body.encode()})

    return app
