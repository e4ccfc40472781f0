"""`gidgetlambda hook resend`, with the sandbox and an endpoint that fails for a while."""

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
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typer.testing import Result

from infra.cli.hook.hooks import MINUTE
from infra.sandbox import ALICE_TOKEN, BOB_TOKEN, BOT_TOKEN, Sandbox
from infra.sandbox.seed import EXPIRED_TOKEN, ROOT_TOKEN
from infra.sandbox.server import serve
from infra.sandbox.state import Hook
from tests.conftest import Switch

PROJECT_ROOT = Path(__file__).parents[4]
PROJECT = "demo/playground"
SITE = "http://bot.example.com"
URL = f"{SITE}/webhook"
OTHER_URL = "https://abc.execute-api.eu-west-1.amazonaws.com/webhook"

Run = Callable[..., Result]
Miss = Callable[..., None]


class SteppedClock:
    """The time for GitLab and for the command; it passes only when one of them waits.

    Attributes:
        moment: The time.
        waits: The lengths of the command's waits, in seconds.
    """

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.moment += timedelta(seconds=seconds)


class FailingEndpoint(httpx.AsyncBaseTransport):
    """The bot's endpoint, to which the sandbox delivers.

    Attributes:
        status: The status of its answers, `None` if there is no connection.
        titles: The titles of the issues in the deliveries that arrived.
    """

    def __init__(self) -> None:
        self.status: int | None = 200
        self.titles: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.status is None:
            raise httpx.ConnectError("no connection")
        if self.status == 200:
            self.titles.append(json.loads(request.content)["object_attributes"]["title"])
        return httpx.Response(self.status)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SteppedClock:
    clock = SteppedClock()
    monkeypatch.setattr("infra.cli.hook.hooks.sleep", clock.sleep)
    return clock


@pytest.fixture
def endpoint() -> FailingEndpoint:
    return FailingEndpoint()


@pytest.fixture
def rate_limit() -> int:
    return 1_000_000


@pytest.fixture
def sandbox(clock: SteppedClock, endpoint: FailingEndpoint, rate_limit: int) -> Iterator[Sandbox]:
    with (
        Sandbox(
            now=lambda: clock.moment,
            disable_failing_hooks=False,
            webhook_transport=endpoint,
            rate_limit=rate_limit,
        ) as instance,
        serve(instance),
    ):
        yield instance


@pytest.fixture
def hook(sandbox: Sandbox) -> Hook:
    return sandbox.add_hook(URL, token="a-secret", triggers=["issues_events"])


@pytest.fixture
def miss(sandbox: Sandbox, endpoint: FailingEndpoint, hook: Hook) -> Miss:
    """Open issues while the endpoint answers a status, 500 by default."""

    def miss(*titles: str, status: int | None = 500) -> None:
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


@pytest.mark.parametrize("status", [401, 503, None])
def test_sends_missed_deliveries_again_once_and_oldest_first(
    run: Run, miss: Miss, endpoint: FailingEndpoint, hook: Hook, status: int | None
) -> None:
    miss("arrives", status=200)
    miss("first", "second", status=status)
    miss("arrives as well", status=200)
    endpoint.titles.clear()
    *lines, conclusion = run(PROJECT, "--url", URL).stdout.splitlines()
    assert endpoint.titles == ["first", "second"]
    assert conclusion == "2 of 2 deliveries arrived."
    for line, event in zip(lines, hook.events[1:3], strict=True):
        assert re.match(r"✓ \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  Issue Hook  |✓ unknown time", line)
        assert event.delivery_id in line
        assert line.endswith(f"({event.response_status})")
    again = run(PROJECT, "--url", URL)
    assert again.stdout == f"Nothing to send again in the 6 log entries of hook {hook.id}.\n"


def test_stops_before_gitlab_pauses_the_hook(
    run: Run, clock: SteppedClock, miss: Miss, endpoint: FailingEndpoint
) -> None:
    miss("one", "two", "three", "four", "five")
    endpoint.status = 503
    result = run(PROJECT, "--url", URL, code=1)
    assert result.stdout.count("the endpoint answered 503") == 3
    assert "0 of 5 deliveries arrived, 3 failed, 2 not tried." in result.stdout
    assert "GitLab pauses a hook after 4" in result.stderr
    dry = run(PROJECT, "--url", URL, "--dry-run").stdout
    assert "(503, tried 2 times)" in dry
    assert clock.waits == []
    result = run(PROJECT, "--url", URL, "--keep-going", code=1)
    assert "0 of 5 deliveries arrived, 5 failed." in result.stdout


@pytest.mark.parametrize(
    ("statuses", "titles"),
    [
        ("5xx", ["broken"]),
        ("429", ["limited"]),
        ("error", ["silent"]),
        ("5xx,429,error", ["broken", "limited", "silent"]),
        ("404", []),
    ],
)
def test_resends_only_the_named_failures(
    run: Run, miss: Miss, endpoint: FailingEndpoint, statuses: str, titles: list[str]
) -> None:
    for status, title in ((503, "broken"), (401, "refused"), (429, "limited"), (None, "silent")):
        miss(title, status=status)
    endpoint.titles.clear()
    run(PROJECT, "--url", URL, "--failed-with", statuses)
    assert endpoint.titles == titles


def test_stops_at_the_first_failure_of_the_named_ones(
    run: Run, miss: Miss, endpoint: FailingEndpoint
) -> None:
    miss("one", "two")
    endpoint.status = 500
    result = run(PROJECT, "--url", URL, "--failed-with", "5xx", code=1)
    assert "0 of 2 deliveries arrived, 1 failed, 1 not tried." in result.stdout
    assert "Stopped after the first failure" in result.stderr


def test_prints_json_for_programs(
    run: Run, miss: Miss, endpoint: FailingEndpoint, hook: Hook
) -> None:
    miss("one", "two")
    keys = [event.delivery_id for event in hook.events]

    def result(*options: str, code: int = 0) -> Any:
        return json.loads(run(PROJECT, "--url", URL, "--json", *options, code=code).stdout)

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
    assert (arrived["failed"], arrived["error"]) == ([], None)
    stopped = run("demo/other", "--url", OTHER_URL, "--json", code=1).stdout
    assert "the project demo/other does not exist" in json.loads(stopped)["error"]


def test_skips_old_and_truncated_deliveries(
    run: Run, sandbox: Sandbox, miss: Miss, endpoint: FailingEndpoint, hook: Hook
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


def test_reports_missing_hooks_without_secrets(run: Run, sandbox: Sandbox) -> None:
    other = sandbox.add_hook("https://alice:word@other.example.com/secret?key=1")
    listed = f"Its hooks: {other.id} (https://other.example.com)."
    result = run(PROJECT, "--url", OTHER_URL, code=1)
    assert f"No hook of the project {PROJECT} sends to {OTHER_URL}. {listed}" in result.stderr
    result = run(PROJECT, "--hook-id", "4711", code=1)
    assert f"There is no hook 4711 at the project {PROJECT}. {listed}" in result.stderr


@pytest.mark.parametrize(
    ("token", "arguments", "message"),
    [
        ("not-a-token", [PROJECT], "GitLab answered 401 (Unauthorized). Create a token"),
        (EXPIRED_TOKEN, [PROJECT], "Create a token with the scope api"),
        (BOT_TOKEN, [PROJECT], "hooks are for its Maintainers"),
        (BOB_TOKEN, [PROJECT], "hooks are for its Maintainers"),
        (ALICE_TOKEN, ["demo/other"], "the project demo/other does not exist, or GL_ACCESS_TOKEN"),
        (
            ROOT_TOKEN,
            ["demo", "--group"],
            "are for Owners, and those of groups need GitLab Premium",
        ),
    ],
)
def test_explains_missing_access(run: Run, token: str, arguments: list[str], message: str) -> None:
    result = run(*arguments, "--url", OTHER_URL, code=1, token=token)
    assert message in result.stderr


def test_explains_an_unreachable_gitlab(run: Run, sandbox: Sandbox) -> None:
    sandbox.url = "http://127.0.0.1:9"
    result = run(PROJECT, "--url", OTHER_URL, code=1)
    assert "GitLab cannot be reached at GL_URL" in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://proxy.example.com"),
        ("HTTPS_PROXY", "http://["),
        ("SSL_CERT_FILE", "/nowhere"),
    ],
)
def test_names_a_malformed_setting_of_connections(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    result = run(PROJECT, "--url", OTHER_URL, code=1)
    assert result.stderr.startswith(f"Could not connect to GitLab: {name} ")


def test_offers_to_name_the_hook_without_aws(run: Run) -> None:
    result = run(PROJECT, code=1)
    assert "no AWS region is set" in result.stderr
    assert "Or name the hook with --url or --hook-id, without AWS." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([PROJECT, "--since", "soon"], "not a duration"),
        ([PROJECT, "--failed-with", "6xx"], "not a list such as 5xx,429,error"),
        ([PROJECT, "--url", OTHER_URL, "--hook-id", "1"], "name one of"),
        ([PROJECT, "--url", OTHER_URL, "--stack", "bot"], "name one of"),
    ],
)
def test_explains_a_wrong_command_line(run: Run, arguments: list[str], message: str) -> None:
    assert message in run(*arguments, code=2).stderr


def test_ctrl_c_ends_a_run_that_the_next_one_continues(
    run: Run,
    sandbox: Sandbox,
    clock: SteppedClock,
    miss: Miss,
    endpoint: FailingEndpoint,
    hook: Hook,
) -> None:
    miss(*[f"issue {number}" for number in range(7)])
    command = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "hook", "resend", PROJECT, "--url", URL],
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
    run(PROJECT, "--url", URL)
    assert endpoint.titles == ["issue 5", "issue 6"]


def test_sends_five_deliveries_a_minute(
    run: Run, clock: SteppedClock, miss: Miss, endpoint: FailingEndpoint
) -> None:
    titles = [f"issue {number}" for number in range(12)]
    miss(*titles)
    run(PROJECT, "--url", URL)
    assert endpoint.titles == titles
    assert clock.waits == [MINUTE, MINUTE]


@pytest.mark.parametrize("rate_limit", [3])
def test_reads_a_long_log_completely_despite_the_rate_limit(
    run: Run, clock: SteppedClock, miss: Miss, endpoint: FailingEndpoint
) -> None:
    miss("issue 0")
    miss(*[f"issue {number}" for number in range(1, 46)], status=200)
    endpoint.titles.clear()
    clock.moment += timedelta(seconds=20)
    # The list of hooks and two of three pages fit into the rest of the minute.
    run(PROJECT, "--url", URL)
    assert endpoint.titles == ["issue 0"]
    assert clock.waits[0] == 40.0


def test_tries_only_once_if_the_hook_has_another_url(
    run: Run, clock: SteppedClock, miss: Miss, endpoint: FailingEndpoint, hook: Hook
) -> None:
    miss(*[f"issue {number}" for number in range(7)])
    hook.url = SITE
    refused = run(PROJECT, "--url", SITE, code=1)
    assert refused.stdout.count(f"only to its original URL ({SITE})") == 7
    assert clock.waits == []
    hook.url = URL
    run(PROJECT, "--url", URL)
    assert len(endpoint.titles) == 7


def test_finds_the_hooks_of_a_group(
    run: Run, sandbox: Sandbox, switch: Switch, miss: Miss, endpoint: FailingEndpoint
) -> None:
    async def with_group(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].replace(b"/groups/demo/", b"/projects/demo%2Fplayground/")
        await sandbox.app({**scope, "raw_path": path}, receive, send)

    miss("one")
    switch.app, sandbox.url = with_group, switch.url
    run("demo", "--group", "--url", URL)
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
def test_explains_other_answers_of_gitlab(
    run: Run, sandbox: Sandbox, switch: Switch, miss: Miss, status: int, body: str, message: str
) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        response = Response(body, status, media_type="application/json")
        is_resend = scope["path"].endswith("/resend")
        await (response if is_resend else sandbox.app)(scope, receive, send)

    miss("one")
    switch.app, sandbox.url = answer, switch.url
    assert message in run(PROJECT, "--url", URL, code=1).stdout
