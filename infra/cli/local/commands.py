"""The commands `gidgetlambda run` and `gidgetlambda demo`: the bot and a sandbox GitLab."""

import base64
import contextlib
import os
import re
import secrets
import signal
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from ...sandbox import ALICE_TOKEN, BOT, BOT_TOKEN, Sandbox
from ...sandbox.server import serve
from ..console import Failure, Printer
from . import with_gitlab
from .reload import BotReload, listen, next_free

_HOST = "127.0.0.1"
_ANSWER_SECONDS = 15.0
_TITLE = "The kettle does not boil"
_DESCRIPTION = "I filled it and switched it on, and nothing happens."
_FOREIGN_SETTINGS = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)
_HTML_COMMENT = re.compile(r"<!--.*?(-->|\Z)", re.DOTALL)

app = typer.Typer(add_completion=False)


@app.command()
def run(
    port: Annotated[
        int,
        typer.Option(min=1, max=65535, help="The bot's port; if it is taken, the next free one."),
    ] = 8080,
    host: Annotated[
        str | None,
        typer.Option(
            help="The address to listen on. Default: 127.0.0.1, or 0.0.0.0 with your own GitLab."
        ),
    ] = None,
) -> None:
    """Start the bot and a sandbox GitLab, and keep them running until Ctrl-C.

    If GL_ACCESS_TOKEN and GL_URL are set, the bot works with that GitLab
    instead, and the command prints the values for its webhook form.
    """
    printer = Printer()
    given = [name for name in ("GL_ACCESS_TOKEN", "GL_URL") if os.environ.get(name)]
    if len(given) == 2:
        with_gitlab.run(printer, port=port, host=host or "0.0.0.0")
        return
    if given:
        printer.say(f"Only {given[0]} is set, so this is the sandbox. Your own GitLab needs both")
        printer.say("GL_ACCESS_TOKEN and GL_URL.")
    with _sandbox_and_bot(printer, host or _HOST, port) as (sandbox, bot):

        def greet(event_types: list[str]) -> None:
            _greet(printer, sandbox, bot, _ANSWER_SECONDS)
            if not bot.should_exit.is_set():
                _print_suggestions(printer, sandbox.url)

        bot.run_until_stopped(greet)


@app.command()
def demo(
    timeout: Annotated[
        float, typer.Option(min=1, help="How long to wait for the bot's answer, in seconds.")
    ] = 30,
) -> None:
    """Open an issue in a sandbox GitLab, and succeed if the bot comments on it or labels it."""
    printer = Printer()
    with _sandbox_and_bot(printer, _HOST, 0) as (sandbox, bot), bot:
        while not bot.should_exit.wait(0.1):
            if bot.loaded.poll():
                raise typer.Exit(0 if _greet(printer, sandbox, bot, timeout) else 1)
            if not bot.process.is_alive():
                printer.problem("The bot did not start: fix the error above.")
                break
    raise typer.Exit(1)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8081,
    host: Annotated[
        str,
        typer.Option(help="The address to listen on. On Linux, containers reach 172.17.0.1."),
    ] = _HOST,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where its webhooks go, with GL_SECRET as their token."),
    ] = None,
) -> None:
    """Start a sandbox GitLab alone, for a bot that runs elsewhere: in `sam local`, for example."""
    printer = Printer()
    secret = os.environ.get("GL_SECRET", "")
    if webhook and not secret:
        raise Failure("Set GL_SECRET to the bot's secret: the webhooks need it.")
    instance = Sandbox(disable_failing_hooks=False)
    try:
        with serve(instance, host=host, port=port) as url:
            if webhook:
                instance.add_hook(webhook, token=secret)
            printer.line(("Sandbox GitLab  ", "bold"), (url, ""))
            printer.say(f"  In a container  http://host.docker.internal:{port}")
            printer.say(f"  Access token    {BOT_TOKEN}")
            _print_requests(printer, url)
            signal.pause()
    except OSError as error:
        raise Failure(f"Cannot listen on {host}:{port}: {error}") from None


@contextlib.contextmanager
def _sandbox_and_bot(printer: Printer, host: str, port: int) -> Iterator[tuple[Sandbox, BotReload]]:
    """Serve a sandbox with a webhook that leads to the bot, which is not started yet."""
    # Disabling the webhook after some failures would confuse a person who tries handlers.
    sandbox = Sandbox(disable_failing_hooks=False)
    signing_token = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen(printer, host, port))
        bot_url = f"http://{_HOST if host == '0.0.0.0' else host}:{listener.getsockname()[1]}"
        gitlab_url = next_free(
            port + 1 if port else 0,
            lambda candidate: stack.enter_context(serve(sandbox, port=candidate)),
        )
        sandbox.add_hook(f"{bot_url}/webhook", signing_token=signing_token)
        os.environ |= {
            "GL_URL": gitlab_url,
            "GL_ACCESS_TOKEN": BOT_TOKEN,
            "GL_SECRET": "",
            "GL_SECRET_PREVIOUS": "",
            "GL_SIGNING_TOKEN": signing_token,
        }
        for name in _FOREIGN_SETTINGS:  # a proxy cannot reach the sandbox
            os.environ.pop(name, None)
            os.environ.pop(name.lower(), None)
        printer.line(("Sandbox GitLab  ", "bold"), (gitlab_url, ""))
        printer.line(("The bot         ", "bold"), (bot_url, ""))
        yield sandbox, BotReload(printer, listener)


def _greet(printer: Printer, sandbox: Sandbox, bot: BotReload, timeout: float) -> bool:
    """Open an issue, print the bot's comment or labels, and return whether there are any."""
    printer.title("alice opens an issue:")
    printer.quote(_TITLE)
    printer.say()
    issue = sandbox.open_issue(_TITLE, description=_DESCRIPTION, by="alice")
    settled = _wait_until_settled(sandbox, bot, timeout)
    if bot.should_exit.is_set():
        return False
    answers = [note for note in issue.notes if note.author.username == BOT and not note.system]
    if answers:
        printer.title(f"@{BOT} answers:")
        printer.quote(_HTML_COMMENT.sub("", answers[-1].body).strip())
        printer.say(f"  {sandbox.url}/{issue.project.path_with_namespace}/-/issues/{issue.iid}")
        return True
    printer.say()
    if issue.labels:
        labels = ", ".join(label.name for label in issue.labels)
        printer.say(f"The bot did not comment on the issue. It set the labels: {labels}")
        return True
    if settled:
        printer.problem("The bot did not comment on the issue; the lines above show the reason.")
    else:
        printer.problem(f"The bot did not answer the webhook within {timeout:g} s.")
    return False


def _wait_until_settled(sandbox: Sandbox, bot: BotReload, timeout: float) -> bool:
    """Wait until the bot has answered every delivery; return `False` if it does not or stops."""
    deadline = time.monotonic() + timeout
    while not bot.should_exit.is_set() and time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            sandbox.settle(timeout=0.2)
            return True
    return False


def _print_suggestions(printer: Printer, gitlab_url: str) -> None:
    printer.title("Try more:")
    printer.say(f"""\
  Look at the sandbox   {gitlab_url}/
  Change the bot        edit handler/bot.py or a plugin and save it
  Stop                  Ctrl-C""")
    _print_requests(printer, gitlab_url)


def _print_requests(printer: Printer, gitlab_url: str) -> None:
    curl = f"curl --silent --output /dev/null --header 'PRIVATE-TOKEN: {ALICE_TOKEN}'"
    project = f"{gitlab_url}/api/v4/projects/demo%2Fplayground"
    printer.say(f"""
  Open an issue as alice:
  {curl} --data 'title=It+works' {project}/issues

  Comment on the first issue:
  {curl} --data 'body=Any+news?' {project}/issues/1/notes

  Open a merge request, if none is open:
  {curl} --data 'source_branch=kettle&target_branch=main&title=Boil' {project}/merge_requests

  Merge the first merge request:
  {curl} --request PUT {project}/merge_requests/1/merge
""")
