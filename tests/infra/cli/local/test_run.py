"""`run` as a person uses it: start, look, save handlers, stop; with the real bot."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from infra.sandbox import ALICE_TOKEN, BOT, BOT_TOKEN, Sandbox

WAIT_SECONDS = 60.0
SETTINGS = ("GL_ACCESS_TOKEN", "GL_URL", "GL_SECRET", "GL_SIGNING_TOKEN", "GL_SECRET_PREVIOUS")


class Command:
    """A command under way, whose output is gathered as it comes."""

    def __init__(self, folder: Path, arguments: list[str], settings: dict[str, str]) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.cli", *arguments],
            cwd=folder,
            env=environment | settings | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._grown:
                self.output += line
                self._grown.notify_all()

    def wait_for(self, text: str, *, times: int = 1) -> str:
        """Wait until `text` was printed so many times; gives all output so far."""
        with self._grown:
            printed = self._grown.wait_for(lambda: self.output.count(text) >= times, WAIT_SECONDS)
            assert printed, f"{text!r} was not printed {times} times:\n{self.output}"
            return self.output

    def end(self, number: signal.Signals) -> int:
        """Send a signal; gives the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(WAIT_SECONDS)
        self._reader.join(WAIT_SECONDS)
        return code

    def address(self, of: str) -> str:
        found = re.search(rf"^{of}\s+(http://\S+)$", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]


Start = Callable[..., Command]


@pytest.fixture
def start(checkout: Path) -> Iterator[Start]:
    commands: list[Command] = []

    def start(*arguments: str, **settings: str) -> Command:
        command = Command(checkout, list(arguments), settings)
        commands.append(command)
        return command

    yield start
    for command in commands:
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()
        command._reader.join(WAIT_SECONDS)
        assert command.process.stdout
        command.process.stdout.close()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def refuses(url: str) -> bool:
    """Whether nothing listens there any more."""
    parts = httpx.URL(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.host, parts.port)) != 0


def save(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_the_answer_and_stays_until_it_is_stopped(
    start: Start, port: int, number: signal.Signals
) -> None:
    command = start("run", "--port", str(port))
    command.wait_for("Merge it")
    assert f"@{BOT} answers:" in command.output
    assert "Thanks for the report @alice!" in command.output
    assert "<!--" not in command.output
    assert re.search(r"▸ Issue Hook from demo/playground: done, answered 200", command.output)
    assert re.search(r"✓ gidgetlambda\.plugins\.welcome:\w+ done", command.output)
    assert re.search(r"· gidgetlambda\.plugins\.thanks:\w+ did not run: .+", command.output)
    assert command.end(number) == 0
    assert "Stopped." in command.output
    assert "Traceback" not in command.output
    assert refuses(command.address("The bot"))
    assert refuses(command.address("Sandbox GitLab"))


def test_it_leaves_nothing_behind_even_when_killed(start: Start, port: int) -> None:
    command = start("run", "--port", str(port))
    command.wait_for("Merge it")
    command.end(signal.SIGKILL)
    # The output ends only when the bot's process, which shares it, is gone as well.
    assert not command._reader.is_alive()
    assert refuses(command.address("The bot"))


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_printed_commands_do_what_they_say(start: Start, port: int) -> None:
    command = start("run", "--port", str(port))
    command.wait_for("Merge it")
    command.wait_for("/merge_requests/1/merge\n")
    lines = [line.strip() for line in command.output.splitlines() if "curl --request" in line]
    assert len(lines) == 4
    for line in lines:
        subprocess.run(
            [*shlex.split(line), "--fail-with-body", "--silent"], check=True, capture_output=True
        )
    command.wait_for("▸ Merge Request Hook from demo/playground: done")
    url = command.address("Sandbox GitLab")
    with httpx.Client(headers={"PRIVATE-TOKEN": ALICE_TOKEN}, trust_env=False) as client:
        api = f"{url}/api/v4/projects/demo%2Fplayground"
        assert client.get(f"{api}/issues/2/notes").json()[0]["author"]["username"] == BOT
        assert client.get(f"{api}/merge_requests/1/notes").json()[0]["author"]["username"] == BOT


def test_saved_handlers_take_effect(start: Start, port: int, checkout: Path) -> None:
    command = start("run", "--port", str(port))
    command.wait_for("Merge it")
    plugin = checkout / "handler" / "gidgetlambda" / "plugins" / "welcome.py"
    save(plugin, plugin.read_text().replace("Thanks for the report", "Good morning"))
    command.wait_for("Saved: handler/gidgetlambda/plugins/welcome.py.")
    command.wait_for("The bot's handlers:", times=2)
    issues = f"{command.address('Sandbox GitLab')}/api/v4/projects/demo%2Fplayground/issues"
    with httpx.Client(headers={"PRIVATE-TOKEN": ALICE_TOKEN}, trust_env=False) as client:
        client.post(issues, json={"title": "And now?"})
        command.wait_for("▸ Issue Hook from demo/playground: done", times=2)
        assert "Good morning @alice!" in client.get(f"{issues}/2/notes").json()[0]["body"]


def test_a_syntax_error_is_told_and_the_bot_goes_on(
    start: Start, port: int, checkout: Path
) -> None:
    command = start("run", "--port", str(port))
    command.wait_for("Merge it")
    plugin = checkout / "handler" / "gidgetlambda" / "plugins" / "welcome.py"
    good = plugin.read_text()
    save(plugin, good + "\ndef (:\n")
    told = command.wait_for("The bot goes on as it was")
    assert "handler/gidgetlambda/plugins/welcome.py, line " in told
    assert httpx.get(f"{command.address('The bot')}/health", trust_env=False).is_success
    save(plugin, good + "\n# mended\n")
    command.wait_for("The bot's handlers:", times=2)
    assert command.end(signal.SIGINT) == 0


def test_a_handler_that_cannot_be_imported_is_told_and_mended(
    start: Start, port: int, checkout: Path
) -> None:
    plugin = checkout / "handler" / "gidgetlambda" / "plugins" / "welcome.py"
    good = plugin.read_text()
    save(plugin, good + "\nimport nothing_of_that_name\n")
    command = start("run", "--port", str(port))
    told = command.wait_for("The bot is not running")
    assert "No module named 'nothing_of_that_name'" in told
    save(plugin, good)
    command.wait_for("Merge it")
    assert f"@{BOT} answers:" in command.output
    assert command.end(signal.SIGINT) == 0


def test_a_taken_port_is_told_and_the_next_one_used(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        command = start("run", "--port", str(taken))
        command.wait_for("Merge it")
    assert f"Port {taken} is taken, so the bot listens on" in command.output


def test_a_bot_that_does_not_answer_is_told(start: Start, port: int, silent_checkout: Path) -> None:
    command = start("run", "--port", str(port))
    command.wait_for("Merge it")
    assert "The bot did not comment on the issue." in command.output
    assert '"status": "ignored"' in command.output


def test_it_works_against_a_gitlab_of_ones_own(start: Start, port: int, sandbox: Sandbox) -> None:
    command = start(
        "run",
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
        GL_URL=sandbox.url,
        GL_ACCESS_TOKEN=BOT_TOKEN,
    )
    command.wait_for("Ready.")
    assert f"The bot acts as @{BOT} at {sandbox.url}." in command.output
    assert "Issues events" in command.output
    assert BOT_TOKEN not in command.output
    url = re.search(r"URL\s+(http://\S+)", command.output)
    secret = re.search(r"Secret token\s+(\S+)", command.output)
    assert url
    assert secret
    sandbox.add_hook(url[1], token=secret[1])
    issue = sandbox.open_issue("Here as well")
    sandbox.wait_for(lambda: issue.notes, timeout=WAIT_SECONDS, what="the bot's comment")
    assert issue.notes[0].author.username == BOT
    assert command.end(signal.SIGTERM) == 0


def test_given_secrets_are_used_and_not_printed(start: Start, port: int, sandbox: Sandbox) -> None:
    command = start(
        "run",
        "--port",
        str(port),
        GL_URL=sandbox.url,
        GL_ACCESS_TOKEN=BOT_TOKEN,
        GL_SECRET="a-secret-of-ones-own",
    )
    command.wait_for("Ready.")
    assert "the value of GL_SECRET" in command.output
    assert "a-secret-of-ones-own" not in command.output


@pytest.mark.parametrize(
    ("url", "token", "told"),
    [
        ("http://127.0.0.1:9", BOT_TOKEN, "cannot be reached"),
        ("{sandbox}", "wrong-token", "refused GL_ACCESS_TOKEN (401)"),
        ("{sandbox}/elsewhere", BOT_TOKEN, "does not answer like a GitLab"),
        ("gitlab.example.com", BOT_TOKEN, "GL_URL must be a URL like"),
    ],
)
def test_a_gitlab_that_cannot_be_worked_with_is_told(
    start: Start, sandbox: Sandbox, url: str, token: str, told: str
) -> None:
    command = start("run", GL_URL=url.format(sandbox=sandbox.url), GL_ACCESS_TOKEN=token)
    assert command.process.wait(WAIT_SECONDS) == 1
    command.wait_for(told)
    assert token not in command.output
