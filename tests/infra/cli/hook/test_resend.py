"""`gidgetlambda hook resend`, with the sandbox and an endpoint that was away."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from gidgetlambda import GitLabAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from typer.testing import Result

from infra.cli.hook.hooks import MINUTE, Hooks
from infra.cli.hook.resend import resend_missed
from infra.cli.report import Report
from infra.sandbox import ALICE_TOKEN, BOB_TOKEN, BOT_TOKEN, Sandbox
from infra.sandbox.seed import EXPIRED_TOKEN, ROOT_TOKEN
from infra.sandbox.server import serve as serve_sandbox
from infra.sandbox.state import Hook
from infra.testing.breakage import drop
from infra.testing.server import serve

PROJECT_ROOT = Path(__file__).parents[4]
PROJECT = "demo/playground"
OTHER_URL = "https://abc.execute-api.eu-west-1.amazonaws.com/webhook"

Run = Callable[..., Result]
Miss = Callable[..., None]


class Clock:
    """The time for GitLab and for the command; it passes only when a test or a wait says so."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def advance(self, **length: float) -> None:
        self.moment += timedelta(**length)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.advance(seconds=seconds)


class Endpoint:
    """The bot's endpoint, which can be away.

    Attributes:
        status: of its answers; "drop" closes the connection instead.
        titles: of the issues in the deliveries that arrived.
    """

    def __init__(self) -> None:
        self.status: int | str = 200
        self.titles: list[str] = []
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if isinstance(self.status, int):
            data = await Request(scope, receive).json()
            self.titles += [data["object_attributes"]["title"]] * (self.status == 200)
            await Response(status_code=self.status)(scope, receive, send)
        else:
            await drop(receive, send)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    instance = Sandbox(now=clock.now, disable_failing_hooks=False)
    with serve_sandbox(instance):
        yield instance


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    app = Endpoint()
    with serve(app) as url:
        app.url = f"{url}/webhook"
        yield app


@pytest.fixture
def hook(sandbox: Sandbox, endpoint: Endpoint) -> Hook:
    return sandbox.add_hook(endpoint.url, token="a-secret", triggers=["issues_events"])


@pytest.fixture
def miss(sandbox: Sandbox, endpoint: Endpoint, hook: Hook) -> Miss:
    """Open issues while the endpoint answers a status, 500 by default."""

    def miss(*titles: str, status: int | str = 500) -> None:
        endpoint.status = status
        for title in titles:
            sandbox.open_issue(title)
            sandbox.settle()
        endpoint.status = 200

    return miss


@pytest.fixture
def run(invoke: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `gidgetlambda hook resend …` as a maintainer."""

    def run(*arguments: str, code: int = 0, token: str = ALICE_TOKEN) -> Result:
        monkeypatch.setenv("GL_ACCESS_TOKEN", token)
        monkeypatch.setenv("GL_URL", sandbox.url)
        result = invoke("hook", "resend", *arguments)
        assert result.exit_code == code, result.output
        assert token not in result.output
        return result

    return run


def resend(sandbox: Sandbox, clock: Clock, endpoint_url: str, *, keep_going: bool = False) -> None:
    """Do what the command does, by the test's clock."""

    async def resend() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            gl = GitLabAPI(client, "test", access_token=ALICE_TOKEN, url=sandbox.url)
            hooks = Hooks(gl, PROJECT, clock=lambda: clock.moment.timestamp(), sleep=clock.sleep)
            found = await hooks.find([], endpoint_url)
            report = Report("deliveries", "arrived", as_json=False)
            await resend_missed(hooks, found, report, keep_going=keep_going)

    asyncio.run(resend())


@pytest.mark.parametrize("status", [401, 503, "drop"])
def test_missed_deliveries_are_sent_again_once_and_oldest_first(
    run: Run, miss: Miss, endpoint: Endpoint, hook: Hook, status: int | str
) -> None:
    miss("arrives", status=200)
    miss("first", "second", status=status)
    miss("arrives as well", status=200)
    endpoint.titles.clear()
    *lines, conclusion = run(PROJECT, "--url", endpoint.url).stdout.splitlines()
    assert endpoint.titles == ["first", "second"]
    assert conclusion == "2 of 2 deliveries arrived."
    for line, event in zip(lines, hook.events[1:3], strict=True):
        assert re.match(r"✓ \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  Issue Hook  |✓ unknown time", line)
        assert event.delivery_id in line
        assert line.endswith(f"({event.response_status})")
    again = run(PROJECT, "--url", endpoint.url)
    assert again.stdout == f"Nothing to send again in the 6 log entries of hook {hook.id}.\n"


def test_a_broken_endpoint_ends_the_run_before_gitlab_pauses_the_hook(
    run: Run, clock: Clock, miss: Miss, endpoint: Endpoint
) -> None:
    miss("one", "two", "three", "four", "five")
    endpoint.status = 503
    result = run(PROJECT, "--url", endpoint.url, code=1)
    assert result.stdout.count("the endpoint answered 503") == 3
    assert "0 of 5 deliveries arrived, 3 failed, 2 not tried." in result.stdout
    assert "GitLab pauses a hook after 4" in result.stderr
    dry = run(PROJECT, "--url", endpoint.url, "--dry-run").stdout
    assert "(503, tried 2 times)" in dry
    clock.advance(minutes=1)
    result = run(PROJECT, "--url", endpoint.url, "--keep-going", code=1)
    assert "0 of 5 deliveries arrived, 5 failed." in result.stdout


def test_results_for_programs(run: Run, miss: Miss, endpoint: Endpoint, hook: Hook) -> None:
    miss("one", "two")
    keys = [event.delivery_id for event in hook.events]

    def result(*options: str, code: int = 0) -> Any:
        return json.loads(run(PROJECT, "--url", endpoint.url, "--json", *options, code=code).stdout)

    planned = result("--dry-run")
    assert [one["delivery"] for one in planned["deliveries"]] == keys
    assert planned["deliveries"][0]["status"] == "500"
    assert planned["arrived"] == planned["failed"] == []
    endpoint.status = 500
    failed = result(code=1)["failed"]
    assert [one["delivery"] for one in failed] == keys
    assert failed[0]["problem"] == "the endpoint answered 500"
    endpoint.status = 200
    arrived = result()
    assert [one["delivery"] for one in arrived["arrived"]] == keys
    assert (arrived["hooks"], arrived["entries"]) == ([hook.id], 4)
    assert (arrived["failed"], arrived["stopped"]) == ([], None)
    stopped = run("demo/other", "--url", OTHER_URL, "--json", code=1).stdout
    assert "the project demo/other does not exist" in json.loads(stopped)["stopped"]


def test_old_and_truncated_deliveries_are_left_out(
    run: Run, sandbox: Sandbox, miss: Miss, endpoint: Endpoint, hook: Hook
) -> None:
    miss("old", "truncated", "new")
    for event, days in zip(hook.events, (3, 0, 0), strict=True):
        event.headers["webhook-timestamp"] = str(int(time.time()) - days * 86400)
    hook.events[1].data = {"oversize": True}
    command = [str(sandbox.project.id), "--hook-id", str(hook.id), "--since", "2d"]
    dry = run(*command, "--dry-run").stdout.splitlines()
    assert [line[0] for line in dry[:2]] == ["✗", "·"]
    assert dry[2] == f"Deliveries of hook {hook.id} to send again: 1."
    assert len(hook.events) == 3
    result = run(*command)
    assert "it was too large" in result.stdout
    assert "1 of 1 deliveries arrived." in result.stdout
    assert endpoint.titles == ["new"]


def test_hooks_that_do_not_exist_are_reported_without_secrets(run: Run, sandbox: Sandbox) -> None:
    other = sandbox.add_hook("https://alice:word@other.example.com/secret?key=1")
    listed = f"Its hooks: {other.id} (https://other.example.com)."
    result = run(PROJECT, "--url", OTHER_URL, code=1)
    assert f"No hook of the project {PROJECT} sends to {OTHER_URL}. {listed}" in result.stderr
    result = run(PROJECT, "--hook-id", "4711", code=1)
    assert f"There is no hook 4711 at the project {PROJECT}. {listed}" in result.stderr


@pytest.mark.parametrize(
    ("token", "arguments", "message"),
    [
        ("not-a-token", [PROJECT], "GitLab refused GL_ACCESS_TOKEN"),
        (EXPIRED_TOKEN, [PROJECT], "GitLab refused GL_ACCESS_TOKEN"),
        (BOT_TOKEN, [PROJECT], "Hooks are for its Maintainers"),
        (BOB_TOKEN, [PROJECT], "Hooks are for its Maintainers"),
        (ALICE_TOKEN, ["demo/other"], "the project demo/other does not exist, or GL_ACCESS_TOKEN"),
        (
            ROOT_TOKEN,
            ["demo", "--group"],
            "are for Owners, and those of groups need GitLab Premium",
        ),
    ],
)
def test_missing_access_is_explained(
    run: Run, token: str, arguments: list[str], message: str
) -> None:
    result = run(*arguments, "--url", OTHER_URL, code=1, token=token)
    assert message in result.stderr


def test_an_unreachable_gitlab_is_explained(run: Run, sandbox: Sandbox) -> None:
    sandbox.url = "http://127.0.0.1:9"
    result = run(PROJECT, "--url", OTHER_URL, code=1)
    assert "GitLab cannot be reached at GL_URL" in result.stderr


def test_missing_settings_are_explained(invoke: Run) -> None:
    result = invoke("hook", "resend", PROJECT, "--url", OTHER_URL)
    assert result.exit_code == 1
    assert "set GL_ACCESS_TOKEN" in result.stderr


def test_without_aws_the_hook_must_be_named(run: Run) -> None:
    result = run(PROJECT, code=1)
    assert "no AWS region is set" in result.stderr
    assert "Or name the hook with --url or --hook-id, without AWS." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        ([PROJECT, "--since", "soon"], "not a duration"),
        ([PROJECT, "--url", OTHER_URL, "--hook-id", "1"], "name one of"),
        ([PROJECT, "--url", OTHER_URL, "--stack", "bot"], "name one of"),
        ([PROJECT, "--hook-id", "one"], "--hook-id"),
    ],
)
def test_a_wrong_command_line_is_explained(run: Run, arguments: list[str], message: str) -> None:
    assert message in run(*arguments, code=2).stderr


def test_ctrl_c_concludes_a_run_that_the_next_one_continues(
    run: Run, sandbox: Sandbox, clock: Clock, miss: Miss, endpoint: Endpoint, hook: Hook
) -> None:
    miss(*[f"issue {number}" for number in range(7)])
    command = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "hook", "resend", PROJECT, "--url", endpoint.url],
        cwd=PROJECT_ROOT,
        env={**os.environ, "GL_URL": sandbox.url, "GL_ACCESS_TOKEN": ALICE_TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with command:
        sandbox.wait_for(lambda: len(hook.events) == 12, timeout=60, what="five resends")
        # The fifth answer has to reach the command before it waits for the sixth turn.
        assert command.stdout
        printed = [command.stdout.readline() for _ in range(5)]
        command.send_signal(signal.SIGINT)
        rest, errors = command.communicate(timeout=60)
    assert command.returncode == 130, errors
    assert all(line.startswith("✓ ") for line in printed)
    assert rest == "5 of 7 deliveries arrived, 2 not tried.\n"
    assert errors == "Stopped.\n"
    endpoint.titles.clear()
    clock.advance(minutes=1)
    run(PROJECT, "--url", endpoint.url)
    assert endpoint.titles == ["issue 5", "issue 6"]


def test_five_deliveries_a_minute_are_sent(
    sandbox: Sandbox, clock: Clock, miss: Miss, endpoint: Endpoint
) -> None:
    titles = [f"issue {number}" for number in range(12)]
    miss(*titles)
    resend(sandbox, clock, endpoint.url)
    assert endpoint.titles == titles
    assert clock.waits == [MINUTE, MINUTE]


def test_a_minute_that_somebody_else_used_up_is_waited_for(
    sandbox: Sandbox, clock: Clock, miss: Miss, endpoint: Endpoint
) -> None:
    miss("one", "two", "three")
    endpoint.status = 500
    resend(sandbox, clock, endpoint.url, keep_going=True)
    endpoint.status = 200
    resend(sandbox, clock, endpoint.url)
    assert endpoint.titles == ["one", "two", "three"]
    assert clock.waits == [MINUTE]


def test_a_long_log_is_read_completely_despite_the_rate_limit(
    clock: Clock, endpoint: Endpoint
) -> None:
    # The list of hooks and two pages of three fit into the rest of the minute.
    clock.advance(seconds=20)
    with Sandbox(now=clock.now, rate_limit=3, disable_failing_hooks=False) as tight:
        tight.add_hook(endpoint.url, token="a-secret", triggers=["issues_events"])
        with serve_sandbox(tight):
            for number in range(46):
                endpoint.status = 200 if number else 500
                tight.open_issue(f"issue {number}")
                tight.settle()
            endpoint.titles.clear()
            clock.waits.clear()
            resend(tight, clock, endpoint.url)
    assert endpoint.titles == ["issue 0"]
    assert clock.waits[0] == 40.0


def test_a_hook_with_another_url_now_is_explained_and_costs_one_request(
    sandbox: Sandbox,
    clock: Clock,
    miss: Miss,
    endpoint: Endpoint,
    hook: Hook,
    capsys: pytest.CaptureFixture[str],
) -> None:
    miss(*[f"issue {number}" for number in range(7)])
    hook.url = endpoint.url.removesuffix("webhook")
    resend(sandbox, clock, hook.url)
    former = endpoint.url.removesuffix("/webhook")
    assert capsys.readouterr().out.count(f"only to the URL that it was for ({former})") == 7
    assert clock.waits == []
    hook.url = endpoint.url
    resend(sandbox, clock, hook.url)
    assert len(endpoint.titles) == 7


def test_the_hooks_of_a_group_are_in_the_group(
    run: Run, sandbox: Sandbox, miss: Miss, endpoint: Endpoint
) -> None:
    async def with_group(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("raw_path", b"").replace(b"/groups/demo/", b"/projects/demo%2Fplayground/")
        await sandbox.app({**scope, "raw_path": path}, receive, send)

    miss("one")
    with around(sandbox, with_group):
        run("demo", "--group", "--url", endpoint.url)
    assert endpoint.titles == ["one"]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (422, '{"message": "Hook disabled"}', "press Test at the hook"),
        (422, '{"message": "Silent mode enabled"}', "silent mode"),
        (422, '{"message": "No route to host"}', "GitLab could not send it: "),
        (404, '{"message": "404 Not found"}', "no longer in GitLab's log, or this GitLab is older"),
        (500, "oops", "it may have sent it or not"),
        (201, '{"response_status": "internal error"}', "the endpoint answered internal error"),
        (201, "", "the endpoint answered nothing"),
    ],
)
def test_other_answers_of_gitlab_are_explained(
    run: Run, sandbox: Sandbox, miss: Miss, endpoint: Endpoint, status: int, body: str, message: str
) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_resend = scope["type"] == "http" and scope["path"].endswith("/resend")
        response = Response(body, status, media_type="application/json")
        await (response if is_resend else sandbox.app)(scope, receive, send)

    miss("one")
    with around(sandbox, answer):
        assert message in run(PROJECT, "--url", endpoint.url, code=1).stdout


@contextlib.contextmanager
def around(sandbox: Sandbox, app: ASGIApp) -> Iterator[None]:
    """Serve an app that wraps the sandbox's, at the sandbox's address."""
    with serve(app) as url:
        before, sandbox.url = sandbox.url, url
        yield
        sandbox.url = before
