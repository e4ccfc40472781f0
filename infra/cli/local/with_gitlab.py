"""`run` with the owner's GitLab: the bot runs here, and its owner adds the webhook there."""

import asyncio
import contextlib
import os
import secrets
import socket
from urllib.parse import urlsplit

from ..console import Failure, Printer
from ..gitlab import CHECK_URL, connected, explained
from ..webhook_form import print_form
from .reload import BotReload, listen


def run(printer: Printer, *, port: int, host: str) -> None:
    """Run the bot until the command is stopped."""
    username, gitlab_url = asyncio.run(_username()), os.environ["GL_URL"].strip()
    with listen(printer, host, port) as listener:
        address = f"{_address(host, gitlab_url)}:{listener.getsockname()[1]}"
        form = {"URL": f"http://{address}/webhook", **_secrets()}

        def explain(event_types: list[str]) -> None:
            print_form(printer, form, event_types)
            printer.say(
                "\nGitLab must be able to reach this machine at that URL. If it cannot, start a\n"
                "tunnel or a reverse proxy, and enter its URL with /webhook at the end.\n\n"
                "Ready. Each delivery appears here; Ctrl-C stops."
            )

        printer.say(f"The bot acts as @{username} at {gitlab_url}.")
        BotReload(printer, listener).run_until_stopped(explain)


async def _username() -> str:
    """Return the username of the access token's account."""
    async with connected() as gl:
        with explained("read the token's account", {403: "The token needs the scope api."}):
            user = await gl.getitem("/user")
    if not isinstance(user, dict) or "username" not in user:
        raise Failure(f"GitLab did not answer with the token's account. {CHECK_URL}")
    return str(user["username"])


def _secrets() -> dict[str, str]:
    """Return the form's fields for secrets; if the environment has no secret, set a new one."""
    names = {"Signing token": "GL_SIGNING_TOKEN", "Secret token": "GL_SECRET"}
    given = {field: name for field, name in names.items() if os.environ.get(name)}
    if given:
        return {field: f"the value of {name}" for field, name in given.items()}
    os.environ["GL_SECRET"] = secrets.token_urlsafe(32)
    return {"Secret token": os.environ["GL_SECRET"]}


def _address(host: str, gitlab_url: str) -> str:
    """Return the address by which other machines are likely to reach this one."""
    if host not in ("0.0.0.0", "::"):
        return host
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket sends nothing; it only chooses the network interface.
        parts = urlsplit(gitlab_url)
        probe.connect((parts.hostname, parts.port or 443))
        return str(probe.getsockname()[0])
    return socket.gethostname()
