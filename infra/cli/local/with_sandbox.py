"""`run` and `demo`: the bot and a sandbox GitLab on this machine.

With a GitLab in the environment, `run` is `with_gitlab`'s.
"""

import base64
import contextlib
import json
import os
import secrets
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...sandbox import ALICE_TOKEN, BOT, BOT_TOKEN, Sandbox
from ...sandbox.server import serve
from ...sandbox.state import HookEvent, Issue, Note
from ..console import Printer
from . import with_gitlab
from .process import BotProcess, listen
from .supervise import stay, until_stopped, wait_until_up

_HOST = "127.0.0.1"
_ANSWER_SECONDS = 15.0
_TITLE = "The kettle does not boil"
_DESCRIPTION = "I filled it and switched it on, and nothing happens."


@dataclass(frozen=True)
class Stage:
    """A sandbox with a hook to the bot, and the bot's process, not yet started."""

    sandbox: Sandbox
    bot: BotProcess
    bot_url: str
    printer: Printer
    stop: threading.Event


def run(*, port: int, host: str | None) -> int:
    """Stay until stopped; gives the exit code."""
    printer = Printer()
    if os.environ.get("GL_ACCESS_TOKEN") and os.environ.get("GL_URL"):
        return with_gitlab.run(printer, port=port, host=host or "0.0.0.0")
    for name in ("GL_ACCESS_TOKEN", "GL_URL"):
        if os.environ.get(name):
            printer.say(f"{name} is set, but a GitLab needs GL_ACCESS_TOKEN and GL_URL both:")
            printer.say("this is the sandbox.")
    try:
        with until_stopped() as stop, _stage(printer, stop, host=host or _HOST, port=port) as stage:
            stay(stage.bot, stop, printer, when_up=lambda: _show(stage))
    except OSError as error:
        printer.problem(f"Cannot start: {error}")
        return 1
    return 0


def demo(*, timeout: float) -> int:
    """Open one issue; gives 0 if the bot answered it within `timeout` seconds, else 1."""
    printer = Printer()
    try:
        with until_stopped() as stop, _stage(printer, stop, host=_HOST, port=0) as stage, stage.bot:
            if not wait_until_up(stage.bot, stop):
                printer.problem("The bot did not start: what is said above tells why.")
                return 1
            return 0 if _greet(stage, timeout) else 1
    except OSError as error:
        printer.problem(f"Cannot start: {error}")
        return 1


@contextlib.contextmanager
def _stage(printer: Printer, stop: threading.Event, *, host: str, port: int) -> Iterator[Stage]:
    # A hook that GitLab pauses after some failures would only puzzle whoever just saved a mistake.
    sandbox = Sandbox(disable_failing_hooks=False)
    secret, signing_token = secrets.token_urlsafe(32), _new_signing_token()
    with listen(printer, host, port) as listener, contextlib.ExitStack() as stack:
        bot_url = f"http://{_HOST if host == '0.0.0.0' else host}:{listener.getsockname()[1]}"
        gitlab_url = _serve_next_free(stack, sandbox, port + 1 if port else 0)
        sandbox.add_hook(f"{bot_url}/webhook", token=secret, signing_token=signing_token)
        environment = {
            **os.environ,
            "GL_URL": gitlab_url,
            "GL_ACCESS_TOKEN": BOT_TOKEN,
            "GL_SECRET": secret,
            "GL_SIGNING_TOKEN": signing_token,
            "LOG_LEVEL": "DEBUG",
            # A proxy could not reach the sandbox.
            "NO_PROXY": _HOST,
            "no_proxy": _HOST,
        }
        environment.pop("GL_SECRET_PREVIOUS", None)
        printer.line(("Sandbox GitLab  ", "bold"), (gitlab_url, ""))
        printer.line(("The bot         ", "bold"), (bot_url, ""))
        yield Stage(sandbox, BotProcess(listener, environment), bot_url, printer, stop)


def _serve_next_free(stack: contextlib.ExitStack, sandbox: Sandbox, port: int) -> str:
    for candidate in range(port, port + 100 if port else 1):
        with contextlib.suppress(OSError):
            return stack.enter_context(serve(sandbox, port=candidate))
    raise OSError(f"no port from {port} on is free for the sandbox GitLab")


def _new_signing_token() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _show(stage: Stage) -> None:
    _greet(stage, _ANSWER_SECONDS)
    if not stage.stop.is_set():
        _tell_more(stage)


def _greet(stage: Stage, timeout: float) -> bool:
    """Open an issue and show the bot's answer, or why there is none."""
    printer, sandbox = stage.printer, stage.sandbox
    printer.title("alice opens an issue:")
    printer.quote(_TITLE)
    printer.say()
    issue = sandbox.open_issue(_TITLE, description=_DESCRIPTION, by="alice")
    _wait(stage, lambda: _is_over(stage, issue), timeout)
    if stage.stop.is_set():
        return False
    answer = _answer(issue)
    if not answer:
        _explain_silence(stage, issue, timeout)
        return False
    printer.title(f"@{BOT} answers:")
    printer.quote(_visible(answer.body))
    printer.say(f"  {sandbox.url}/{issue.project.path_with_namespace}/-/issues/{issue.iid}")
    return True


def _wait(stage: Stage, check: Callable[[], object], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not stage.stop.is_set() and time.monotonic() < deadline:
        # In short waits, so that Ctrl-C is heard.
        with contextlib.suppress(TimeoutError):
            stage.sandbox.wait_for(check, timeout=0.2)
            return


def _is_over(stage: Stage, issue: Issue) -> bool:
    """Whether the bot answered and was done, or can no longer be expected to answer."""
    if stage.sandbox.webhooks.under_way:
        return False
    event = _delivery(stage, issue)
    return _answer(issue) is not None or (event is not None and not _is_queued(event))


def _answer(issue: Issue) -> Note | None:
    said = [note for note in issue.notes if note.author.username == BOT and not note.system]
    return said[-1] if said else None


def _delivery(stage: Stage, issue: Issue) -> HookEvent | None:
    for event in stage.sandbox.hook_events:
        attributes = event.data["object_attributes"]
        if isinstance(attributes, dict) and attributes["id"] == issue.id:
            return event
    return None


def _is_queued(event: HookEvent) -> bool:
    """Whether the bot only said that it will see to it."""
    try:
        return bool(json.loads(event.response_body)["status"] == "queued")
    except (ValueError, KeyError, TypeError):
        return False


def _visible(body: str) -> str:
    """A note as GitLab shows it: without the comments hidden in it."""
    shown, rest = "", body
    while "<!--" in rest:
        before, _, rest = rest.partition("<!--")
        shown += before
        rest = rest.partition("-->")[2]
    return (shown + rest).strip()


def _explain_silence(stage: Stage, issue: Issue, timeout: float) -> None:
    printer, event = stage.printer, _delivery(stage, issue)
    printer.say()
    if event is None:
        printer.problem(f"The bot gave no answer to the webhook within {timeout:g} s.")
        return
    printer.problem("The bot did not comment on the issue. What it answered to the webhook:")
    printer.quote(f"{event.response_status} {event.internal_error_message or event.response_body}")


def _tell_more(stage: Stage) -> None:
    printer = stage.printer
    api = f"{stage.sandbox.url}/api/v4/projects/demo%2Fplayground"
    printer.title("Try more:")
    printer.say(f"  Look at the sandbox   {stage.sandbox.url}/")
    printer.say("  Change the bot        edit handler/bot.py or a plugin and save")
    printer.say("  Stop                  Ctrl-C")
    for what, command in _commands(api):
        printer.say()
        printer.say(f"  {what}:", style="dim")
        printer.say(f"  {command}")


def _commands(api: str) -> list[tuple[str, str]]:
    return [
        ("Open an issue, as alice", _curl("POST", f"{api}/issues", title="It works, though")),
        ("Comment on it", _curl("POST", f"{api}/issues/1/notes", body="Any news?")),
        (
            "Open a merge request",
            _curl(
                "POST",
                f"{api}/merge_requests",
                source_branch="kettle",
                target_branch="main",
                title="Boil the water",
            ),
        ),
        ("Merge it", _curl("PUT", f"{api}/merge_requests/1/merge")),
    ]


def _curl(method: str, url: str, **data: str) -> str:
    words = ["curl", "--request", method, "--header", f"PRIVATE-TOKEN: {ALICE_TOKEN}"]
    for name, value in data.items():
        words += ["--data-urlencode", f"{name}={value}"]
    return shlex.join([*words, url])
