"""`hook resend` as a person uses it: against the sandbox, with a bot that was away."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from starlette.types import Receive, Scope, Send
from typer.testing import CliRunner

from infra.cli import app
from infra.sandbox import ALICE_TOKEN, BOB_TOKEN, BOT_TOKEN, Sandbox
from infra.sandbox.seed import EXPIRED_TOKEN, ROOT_TOKEN
from infra.sandbox.server import serve as serve_sandbox
from infra.sandbox.state import Hook
from infra.testing.server import serve

PROJECT_ROOT = Path(__file__).parents[4]
PROJECT = "demo/playground"
STACK_URL = "https://abc.execute-api.eu-west-1.amazonaws.com/webhook"


class Endpoint:
    """Answers with a status, 200 once it is mended."""

    def __init__(self) -> None:
        self.status = 200
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    instance = Sandbox(disable_failing_hooks=False)
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
    return sandbox.add_hook(endpoint.url, token="a-secret-of-the-hook", triggers=["issues_events"])


Run = Callable[..., Result]


@pytest.fixture
def run(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `hook resend …` as a maintainer."""
    for name in tuple(os.environ):
        if name.startswith(("AWS_", "GL_", "GIDGETLAMBDA_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, token: str = ALICE_TOKEN, url: str | None = None) -> Result:
        monkeypatch.setenv("GL_ACCESS_TOKEN", token)
        monkeypatch.setenv("GL_URL", url or sandbox.url)
        result = CliRunner().invoke(app, ["hook", "resend", *arguments])
        assert token not in result.output
        return result

    return run


def open_issues(sandbox: Sandbox, count: int) -> None:
    for number in range(count):
        sandbox.open_issue(f"Issue {number}")
        sandbox.settle()


def statuses(hook: Hook) -> list[str]:
    return [event.response_status for event in hook.events]


def test_what_the_bot_missed_is_sent_again(
    run: Run, sandbox: Sandbox, endpoint: Endpoint, hook: Hook
) -> None:
    endpoint.status = 503
    open_issues(sandbox, 2)
    endpoint.status = 200
    result = run(PROJECT, "--url", endpoint.url)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[-1] == "2 of 2 deliveries arrived."
    assert [line[0] for line in lines[:-1]] == ["✓", "✓"]
    for line, event in zip(lines[:-1], hook.events[:2], strict=True):
        assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC  Issue Hook  ", line)
        assert event.delivery_id in line
        assert line.endswith("(503)")
    assert statuses(hook) == ["503", "503", "200", "200"]
    again = run(PROJECT, "--url", endpoint.url)
    assert again.exit_code == 0
    assert again.stdout == f"Nothing to send again: 4 log entries of hook {hook.id} were read.\n"


def test_the_project_is_named_by_its_number_as_well(
    run: Run, sandbox: Sandbox, endpoint: Endpoint, hook: Hook
) -> None:
    endpoint.status = 500
    open_issues(sandbox, 1)
    endpoint.status = 200
    assert run(str(sandbox.project.id), "--hook-id", str(hook.id)).exit_code == 0
    assert statuses(hook) == ["500", "200"]


def test_a_dry_run_only_tells(run: Run, sandbox: Sandbox, endpoint: Endpoint, hook: Hook) -> None:
    endpoint.status = 500
    open_issues(sandbox, 2)
    result = run(PROJECT, "--url", endpoint.url, "--dry-run")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("· ") == 2
    assert result.stdout.splitlines()[-1] == f"2 deliveries of hook {hook.id} would be sent again."
    assert statuses(hook) == ["500", "500"]


def test_a_delivery_that_fails_again_is_a_failure(
    run: Run, sandbox: Sandbox, endpoint: Endpoint, hook: Hook
) -> None:
    endpoint.status = 500
    open_issues(sandbox, 5)
    result = run(PROJECT, "--url", endpoint.url)
    assert result.exit_code == 1
    assert "✗ " in result.stdout
    assert "the endpoint answered 500" in result.stdout
    assert "0 of 5 deliveries arrived, 3 failed, 2 not tried." in result.stdout
    assert "GitLab pauses a hook after 4" in result.stderr
    going_on = run(PROJECT, "--url", endpoint.url, "--keep-going", "--dry-run")
    assert "(500, tried 2 times)" in going_on.stdout


def test_programs_are_told_in_json(
    run: Run, sandbox: Sandbox, endpoint: Endpoint, hook: Hook
) -> None:
    endpoint.status = 500
    open_issues(sandbox, 2)
    keys = [event.delivery_id for event in hook.events]
    planned = json.loads(run(PROJECT, "--url", endpoint.url, "--dry-run", "--json").stdout)
    assert [one["delivery"] for one in planned["deliveries"]] == keys
    assert planned["deliveries"][0]["status"] == "500"
    assert planned["arrived"] == planned["failed"] == []
    failed = run(PROJECT, "--url", endpoint.url, "--json")
    assert failed.exit_code == 1
    assert [one["delivery"] for one in json.loads(failed.stdout)["failed"]] == keys
    endpoint.status = 200
    told = json.loads(run(PROJECT, "--url", endpoint.url, "--json").stdout)
    assert told["arrived"] == keys
    assert told["hooks"] == [hook.id]
    assert (told["entries"], told["failed"], told["stopped"]) == (4, [], None)


def test_programs_are_told_of_a_failure_as_well(run: Run, hook: Hook) -> None:
    result = run("demo/other", "--url", "https://bot.example.com", "--json")
    assert result.exit_code == 1
    assert "GitLab shows the project demo/other to nobody" in json.loads(result.stdout)["stopped"]


def test_only_what_is_young_enough_is_sent(
    run: Run, sandbox: Sandbox, endpoint: Endpoint, hook: Hook
) -> None:
    endpoint.status = 500
    open_issues(sandbox, 2)
    old, _ = hook.events
    old.headers["webhook-timestamp"] = str(int(time.time()) - 3 * 86400)
    result = run(PROJECT, "--url", endpoint.url, "--since", "2d", "--dry-run")
    assert "1 delivery of hook" in result.stdout


def test_what_gitlab_did_not_keep_is_told_and_not_sent(
    run: Run, sandbox: Sandbox, endpoint: Endpoint, hook: Hook
) -> None:
    endpoint.status = 500
    open_issues(sandbox, 1)
    hook.events[0].data = {"oversize": True}
    endpoint.status = 200
    result = run(PROJECT, "--url", endpoint.url)
    assert result.exit_code == 0, result.output
    assert "too large for GitLab's log" in result.stdout
    assert statuses(hook) == ["500"]


def test_without_a_hook_for_the_endpoint_those_that_there_are_are_told(
    run: Run, sandbox: Sandbox
) -> None:
    other = sandbox.add_hook("https://alice:word@other.example.com/secret?key=1")
    result = run(PROJECT, "--url", STACK_URL)
    assert result.exit_code == 1
    assert f"No hook of the project {PROJECT} sends to {STACK_URL}" in result.stderr
    assert f"{other.id} (https://other.example.com)" in result.stderr
    assert "--hook-id" in result.stderr
    for part in ("word", "secret", "key=1"):
        assert part not in result.output
    missing = run(PROJECT, "--hook-id", "4711")
    assert missing.exit_code == 1
    assert "There is no hook 4711" in missing.stderr


def test_without_aws_the_endpoint_has_to_be_named(run: Run) -> None:
    result = run(PROJECT)
    assert result.exit_code == 1
    assert "Could not find the webhook's URL: no AWS region is set" in result.stderr
    assert "--url or --hook-id, without AWS" in result.stderr


@pytest.mark.parametrize(
    ("token", "project", "told"),
    [
        ("not-a-token", PROJECT, "GitLab refused GL_ACCESS_TOKEN"),
        (EXPIRED_TOKEN, PROJECT, "GitLab refused GL_ACCESS_TOKEN"),
        (BOT_TOKEN, PROJECT, "Hooks are for its Maintainers"),
        (BOB_TOKEN, PROJECT, "Hooks are for its Maintainers"),
        (ALICE_TOKEN, "demo/other", "GitLab shows the project demo/other to nobody"),
    ],
)
def test_a_token_that_may_not_is_told(run: Run, token: str, project: str, told: str) -> None:
    result = run(project, "--url", STACK_URL, token=token)
    assert result.exit_code == 1
    assert told in result.stderr


def test_a_token_that_may_only_read_is_told(
    run: Run, sandbox: Sandbox, endpoint: Endpoint, hook: Hook
) -> None:
    endpoint.status = 500
    open_issues(sandbox, 1)
    sandbox.instance.add_token("sandbox-reader-token", sandbox.user("alice"), scopes=frozenset())
    result = run(PROJECT, "--url", endpoint.url, token="sandbox-reader-token")
    assert result.exit_code == 1
    assert "the token needs the scope api" in result.stderr


def test_hooks_of_a_group_are_for_its_owners(run: Run) -> None:
    result = run("demo", "--group", "--url", STACK_URL, token=ROOT_TOKEN)
    assert result.exit_code == 1
    assert "hooks are for Owners of it and need GitLab Premium" in result.stderr


def test_a_gitlab_that_cannot_be_reached_is_told(run: Run) -> None:
    result = run(PROJECT, "--url", STACK_URL, url="http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "GitLab cannot be reached at GL_URL" in result.stderr


def test_missing_settings_are_told(run: Run, sandbox: Sandbox) -> None:
    result = CliRunner().invoke(
        app, ["hook", "resend", PROJECT, "--url", STACK_URL], env={"GL_ACCESS_TOKEN": None}
    )
    assert result.exit_code == 1
    assert "set GL_ACCESS_TOKEN" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Missing argument"),
        ([PROJECT, "--since", "soon"], "no span of time"),
        ([PROJECT, "--url", STACK_URL, "--hook-id", "1"], "name one of"),
        ([PROJECT, "--url", STACK_URL, "--stack", "bot"], "name one of"),
        ([PROJECT, "--hook-id", "one"], "--hook-id"),
    ],
)
def test_what_is_typed_wrong_is_told(run: Run, arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_ctrl_c_while_waiting_tells_what_was_done(
    run: Run, sandbox: Sandbox, endpoint: Endpoint, hook: Hook
) -> None:
    endpoint.status = 500
    open_issues(sandbox, 7)
    endpoint.status = 200
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
        rest, told = command.communicate(timeout=60)
    assert command.returncode == 130, told
    assert all(line.startswith("✓ ") for line in printed)
    assert rest.splitlines()[-1] == "5 of 7 deliveries arrived, 2 not tried."
    assert told == "Stopped.\n"
    assert ALICE_TOKEN not in rest
