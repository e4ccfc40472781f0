"""`gidgetlambda run`, as a person uses it: start it, change the bot, stop it."""

import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from infra.sandbox import ALICE_TOKEN, BOT, BOT_TOKEN, Sandbox
from tests.infra.cli.local.conftest import WAIT_SECONDS, BackgroundCommand, Start

LAST_LINE = "/merge_requests/1/merge\n"
SLOW_IMPORT = 'import time\n\nprint("importing")\ntime.sleep({seconds})\n'
BLOCKING_HANDLER = """
@bot.router.register("Issue Hook")
async def block(event, gl):
    import time

    print("blocked")
    time.sleep(600)
"""


@pytest.fixture
def port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


@pytest.fixture
def bot_file(checkout: Path) -> Path:
    return checkout / "handler" / "bot.py"


@pytest.fixture
def command(start: Start, port: str) -> BackgroundCommand:
    """Start `run` with the sandbox, and wait until it has printed everything."""
    command = start("run", "--port", port)
    command.wait_for(LAST_LINE)
    return command


def wait_until_closed(url: str) -> None:
    """Wait until nothing listens at the URL."""
    parts, deadline = httpx.URL(url), time.monotonic() + WAIT_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((parts.host, parts.port or 80)):
                return
        assert time.monotonic() < deadline, f"something listens at {url}"
        time.sleep(0.05)


def open_issue(command: BackgroundCommand) -> str:
    """Open an issue in the sandbox, and return the first note's text."""
    issues = f"{command.url('Sandbox GitLab')}/api/v4/projects/demo%2Fplayground/issues"
    with httpx.Client(headers={"PRIVATE-TOKEN": ALICE_TOKEN}, trust_env=False) as client:
        iid = client.post(issues, json={"title": "And now?"}).json()["iid"]
        command.wait_for(f"▸ Issue Hook demo/playground#{iid} by @alice: done")
        return str(client.get(f"{issues}/{iid}/notes").json()[0]["body"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_prints_the_answer_and_runs_until_it_is_stopped(
    command: BackgroundCommand, number: signal.Signals
) -> None:
    assert f"@{BOT} answers:" in command.output
    assert "Thanks for the report @alice!" in command.output
    assert "<!--" not in command.output
    cause = command.output.index("▸ Issue Hook demo/playground#1 by @alice: done, answered 200")
    consequence = command.output.index(f"▸ Note Hook demo/playground#1 by @{BOT}: ignored")
    assert cause < consequence
    assert command.stop(number) == 0
    assert command.output.endswith("\nStopped.\n")
    assert "Traceback" not in command.output
    wait_until_closed(command.url("The bot"))
    wait_until_closed(command.url("Sandbox GitLab"))


def test_ctrl_c_while_the_bot_is_imported_prints_no_traceback(
    start: Start, port: str, bot_file: Path
) -> None:
    bot_file.write_text(SLOW_IMPORT.format(seconds=600))
    command = start("run", "--port", port)
    command.wait_for("importing")
    assert command.stop() == 0
    assert "Traceback" not in command.output


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_leaves_nothing_behind_even_if_a_handler_blocks(
    start: Start, port: str, checkout: Path, bot_file: Path, number: signal.Signals
) -> None:
    bot_file.write_text(bot_file.read_text() + BLOCKING_HANDLER)
    process = checkout / "infra" / "cli" / "local" / "bot_process.py"
    process.write_text(process.read_text().replace("STOP_SECONDS = 10.0", "STOP_SECONDS = 0.5"))
    command = start("run", "--port", port)
    command.wait_for("blocked")
    command.stop(number)
    wait_until_closed(command.url("The bot"))


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_prints_commands_that_work(command: BackgroundCommand) -> None:
    lines = [line.strip() for line in command.output.splitlines() if line.startswith("  curl ")]
    assert len(lines) == 4
    for line in lines:
        subprocess.run([*shlex.split(line), "--fail-with-body", "--silent"], check=True)
    command.wait_for("▸ Issue Hook demo/playground#2 by @alice: done")
    command.wait_for("▸ Note Hook demo/playground#1 by @alice: ignored")
    command.wait_for("▸ Merge Request Hook demo/playground!1 by @alice: done")


def test_deliveries_wait_while_the_bot_restarts_after_a_save(
    command: BackgroundCommand, bot_file: Path
) -> None:
    bot_file.write_text(SLOW_IMPORT.format(seconds=1) + bot_file.read_text())
    command.wait_for("importing")
    assert "Thanks for the report" in open_issue(command)
    assert "Saved: handler/bot.py. The bot restarts." in command.output


def test_a_syntax_error_does_not_stop_the_running_bot(
    command: BackgroundCommand, bot_file: Path
) -> None:
    good = bot_file.read_text()
    bot_file.write_text("def (:\n")
    command.wait_for("The bot runs without this change: fix the error above and save the file.")
    assert 'File "handler/bot.py", line 1\n    def (:' in command.output
    assert "Thanks for the report" in open_issue(command)
    bot_file.write_text(good)
    command.wait_for("The bot's handlers:", times=2)


def test_a_bot_that_cannot_be_imported_starts_after_the_next_save(
    start: Start, port: str, bot_file: Path
) -> None:
    good = bot_file.read_text()
    bot_file.write_text("import added_later\n" + good)
    command = start("run", "--port", port)
    command.wait_for("The bot is not running: fix the error above and save the file.")
    error = "ModuleNotFoundError: No module named 'added_later'"
    frame = f'File "{bot_file}", line 1, in <module>\n    import added_later\n{error}'
    assert frame in command.output
    bot_file.with_name("added_later.py").touch()
    command.wait_for(f"@{BOT} answers:")


def test_reports_a_taken_port_and_uses_the_next_one(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        command = start("run", "--port", str(taken))
        command.wait_for(f"@{BOT} answers:")
    assert f"Port {taken} is taken, so the bot listens on" in command.output


def test_works_with_the_owners_gitlab(start: Start, port: str, sandbox: Sandbox) -> None:
    command = start(
        *("run", "--port", port, "--host", "127.0.0.1"),
        GL_URL=sandbox.url,
        GL_ACCESS_TOKEN=BOT_TOKEN,
    )
    command.wait_for("Ready.")
    assert f"The bot acts as @{BOT} at {sandbox.url}." in command.output
    assert re.search("Trigger .*Issues events.*Merge request events", command.output)
    secret = re.search(r"Secret token\s+(\S+)", command.output)
    assert secret
    sandbox.add_hook(command.url("URL"), token=secret[1])
    issue = sandbox.open_issue("Here as well")
    sandbox.wait_for(lambda: issue.notes, timeout=WAIT_SECONDS, what="the bot's comment")
    assert issue.notes[0].author.username == BOT
    assert command.stop() == 0
    assert BOT_TOKEN not in command.output


def test_does_not_print_given_secrets(start: Start, port: str, sandbox: Sandbox) -> None:
    settings = {"GL_URL": sandbox.url, "GL_ACCESS_TOKEN": BOT_TOKEN, "GL_SECRET": "given-secret"}
    command = start("run", "--port", port, **settings)
    command.wait_for("Ready.")
    assert "Secret token   the value of GL_SECRET" in command.output
    assert "given-secret" not in command.output


@pytest.mark.parametrize(
    ("url", "token", "message"),
    [
        ("{sandbox}", "wrong-token", "GitLab answered 401"),
        ("{sandbox}/elsewhere", BOT_TOKEN, "Set GL_URL to GitLab's base URL"),
        ("gitlab.example.com", BOT_TOKEN, "GL_URL must be a URL like"),
    ],
)
def test_reports_an_unusable_gitlab(
    start: Start, sandbox: Sandbox, url: str, token: str, message: str
) -> None:
    command = start("run", GL_URL=url.format(sandbox=sandbox.url), GL_ACCESS_TOKEN=token)
    assert command.process.wait(WAIT_SECONDS) == 1
    assert message in command.output
    assert token not in command.output
