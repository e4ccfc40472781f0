"""`run` against a GitLab of one's own: the bot here, its webhook entered there by hand."""

import asyncio
import contextlib
import os
import secrets
import socket
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
from gidgetlambda.errors import HTTPException

from ..console import Printer
from ..failure import Failure
from ..gitlab import connected
from .process import BotProcess, listen
from .supervise import stay, until_stopped


def run(printer: Printer, *, port: int, host: str) -> int:
    """Stay until stopped; gives the exit code."""
    try:
        username = asyncio.run(_whoami())
    except Failure as error:
        printer.problem(error)
        return 1
    environment = {**os.environ, "LOG_LEVEL": "DEBUG"}
    secret = "the value of GL_SECRET" if os.environ.get("GL_SECRET") else None
    if not secret and not os.environ.get("GL_SIGNING_TOKEN"):
        secret = environment["GL_SECRET"] = secrets.token_urlsafe(32)
    try:
        with until_stopped() as stop, listen(printer, host, port) as listener:
            printer.say(f"The bot acts as @{username} at {os.environ['GL_URL'].strip()}.")
            _tell_form(printer, _address(host), listener.getsockname()[1], secret)
            bot = BotProcess(listener, environment, tell_triggers=True)
            stay(bot, stop, printer, when_up=lambda: _tell_ready(printer))
    except OSError as error:
        printer.problem(f"Cannot start: {error}")
        return 1
    return 0


def _tell_form(printer: Printer, address: str, port: int, secret: str | None) -> None:
    printer.title("In GitLab, under Settings > Webhooks of the project, add a webhook:")
    printer.say(f"  URL            http://{address}:{port}/webhook")
    if secret:
        printer.say(f"  Secret token   {secret}")
    if os.environ.get("GL_SIGNING_TOKEN"):
        printer.say("  Signing token  the value of GL_SIGNING_TOKEN")
    printer.say("  Trigger        as the bot tells below")
    printer.say()
    printer.say("GitLab must be able to reach this machine at that URL. If it cannot, a tunnel or")
    printer.say("a reverse proxy to it can; enter its URL instead, with /webhook at the end.")
    printer.say()


def _tell_ready(printer: Printer) -> None:
    printer.say()
    printer.say("Ready. What happens to each delivery is told here; Ctrl-C stops.")


async def _whoami() -> str:
    """The name of the token's user. Raises `Failure`, which never holds the token."""
    async with connected() as gl:
        url = gl.api_url
        try:
            return str((await gl.getitem("/user"))["username"])
        except httpx.TransportError as error:
            raise Failure(
                f"GitLab cannot be reached at {url} ({type(error).__name__}: {error}). Check "
                "GL_URL; where a certificate is the trouble, name its authority's PEM file in "
                "GL_CA_FILE."
            ) from None
        except HTTPException as error:
            if error.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise Failure(
                    f"GitLab refused GL_ACCESS_TOKEN ({int(error.status_code)}): {error}. Make "
                    "one with the scope api and set it anew."
                ) from None
            raise Failure(_no_gitlab(url, f"{int(error.status_code)}: {error}")) from None
        except (TypeError, KeyError):
            raise Failure(_no_gitlab(url, "something else than a user")) from None


def _no_gitlab(url: str, answer: str) -> str:
    return (
        f"{url} does not answer like a GitLab, but with {answer[:200]}. GL_URL is its base URL, "
        "with the sub-path if it has one and without /api/v4."
    )


def _address(host: str) -> str:
    """The address at which other machines may find this one."""
    if host not in ("0.0.0.0", "::"):
        return host
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket sends nothing; it only picks the interface.
        parts = urlsplit(os.environ["GL_URL"].strip())
        probe.connect((parts.hostname, parts.port or 443))
        return str(probe.getsockname()[0])
    return socket.gethostname()
