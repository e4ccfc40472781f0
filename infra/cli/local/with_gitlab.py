"""`run` with the owner's GitLab: the bot runs here, and its owner registers the webhook there."""

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
from .reload import BotReload, listen


def run(printer: Printer, *, port: int, host: str) -> None:
    """Run the bot until the command is stopped.

    Raises:
        Failure: GitLab cannot be used, or no port is free.
    """
    username, gitlab_url = asyncio.run(_whoami()), os.environ["GL_URL"].strip()
    with listen(printer, host, port) as listener:
        printer.say(f"The bot acts as @{username} at {gitlab_url}.")
        printer.title("In GitLab, under Settings > Webhooks of the project, add a webhook:")
        address = f"{_address(host, gitlab_url)}:{listener.getsockname()[1]}"
        printer.say(f"  URL            http://{address}/webhook")
        for field, value in _secrets().items():
            printer.say(f"  {field:14} {value}")
        printer.say("  Trigger        as listed below")
        printer.say()
        printer.say("GitLab must be able to reach this machine at that URL. If it cannot, start a")
        printer.say("tunnel or a reverse proxy, and enter its URL with /webhook at the end.")
        printer.say()
        BotReload(printer, listener).run_until_stopped(
            lambda stop: printer.say("\nReady. Each delivery appears here; Ctrl-C stops.")
        )


def _secrets() -> dict[str, str]:
    """The form's fields for secrets; without any in the environment, a new one is set there."""
    names = {"Signing token": "GL_SIGNING_TOKEN", "Secret token": "GL_SECRET"}
    given = {field: name for field, name in names.items() if os.environ.get(name)}
    if given:
        return {field: f"the value of {name}" for field, name in given.items()}
    os.environ["GL_SECRET"] = secrets.token_urlsafe(32)
    return {"Secret token": os.environ["GL_SECRET"]}


async def _whoami() -> str:
    """The username of the access token's account.

    Raises:
        Failure: GitLab does not return one; the message never contains the token.
    """
    async with connected() as gl:
        try:
            return str((await gl.getitem("/user"))["username"])
        except httpx.TransportError as error:
            raise Failure(
                f"GitLab cannot be reached at {gl.api_url} ({type(error).__name__}: {error}). "
                "Check GL_URL. If its certificate is not trusted, name the PEM file of its "
                "authority in GL_CA_FILE."
            ) from None
        except HTTPException as error:
            answer = f"{int(error.status_code)}: {error}"
            if error.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise Failure(
                    f"GitLab refused GL_ACCESS_TOKEN with {answer}. Create a token with the scope "
                    "api and set GL_ACCESS_TOKEN to it."
                ) from None
        except (TypeError, KeyError):
            answer = "something other than a user"
        raise Failure(
            f"{gl.api_url} does not answer like a GitLab, but with {answer[:200]}. Set GL_URL to "
            "GitLab's base URL, with its sub-path if it has one and without /api/v4."
        )


def _address(host: str, gitlab_url: str) -> str:
    """The address by which other machines are likely to reach this one."""
    if host not in ("0.0.0.0", "::"):
        return host
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket sends nothing; it only chooses the network interface.
        parts = urlsplit(gitlab_url)
        probe.connect((parts.hostname, parts.port or 443))
        return str(probe.getsockname()[0])
    return socket.gethostname()
