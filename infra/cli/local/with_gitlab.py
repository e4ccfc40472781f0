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

_CHECK_URL = "Set GL_URL to GitLab's base URL, with its sub-path and without /api/v4."
_TRUST = "Check GL_URL; if the certificate is not trusted, set GL_CA_FILE to its authority's file."
_NEW_TOKEN = "Create a token with the scope api, and set GL_ACCESS_TOKEN to it."

# The triggers in GitLab's webhook form that are not named like their event type.
_TRIGGERS = {
    "*": "all",
    "Note Hook": "Comments",
    "Confidential Note Hook": "Confidential comments",
    "Issue Hook": "Issues events",
    "Confidential Issue Hook": "Confidential issues events",
    "Release Hook": "Releases events",
    "Resource Access Token Hook": "Project or group access token events",
}


def run(printer: Printer, *, port: int, host: str) -> None:
    """Run the bot until the command is stopped."""
    username, gitlab_url = asyncio.run(_whoami()), os.environ["GL_URL"].strip()
    with listen(printer, host, port) as listener:
        address = f"{_address(host, gitlab_url)}:{listener.getsockname()[1]}"
        form = {"URL": f"http://{address}/webhook", **_secrets()}

        def print_form(event_types: list[str]) -> None:
            triggers = dict.fromkeys(_trigger(event_type) for event_type in event_types)
            printer.title("In GitLab, under Settings > Webhooks of the project, add a webhook:")
            for field, value in {**form, "Trigger": ", ".join(triggers)}.items():
                printer.say(f"  {field:14} {value}")
            printer.say(
                "\nGitLab must be able to reach this machine at that URL. If it cannot, start a\n"
                "tunnel or a reverse proxy, and enter its URL with /webhook at the end.\n\n"
                "Ready. Each delivery appears here; Ctrl-C stops."
            )

        printer.say(f"The bot acts as @{username} at {gitlab_url}.")
        BotReload(printer, listener).run_until_stopped(print_form)


def _secrets() -> dict[str, str]:
    """The form's fields for secrets; if the environment has none, a new one is set there."""
    names = {"Signing token": "GL_SIGNING_TOKEN", "Secret token": "GL_SECRET"}
    given = {field: name for field, name in names.items() if os.environ.get(name)}
    if given:
        return {field: f"the value of {name}" for field, name in given.items()}
    os.environ["GL_SECRET"] = secrets.token_urlsafe(32)
    return {"Secret token": os.environ["GL_SECRET"]}


def _trigger(event_type: str) -> str:
    """The trigger's name in the form: "Merge request events" for "Merge Request Hook"."""
    name = event_type.removesuffix(" Hook").capitalize()
    return _TRIGGERS.get(event_type, f"{name} events")


async def _whoami() -> str:
    """The username of the access token's account.

    Raises:
        Failure: GitLab does not return one; the message never contains the token.
    """
    async with connected() as gl:
        try:
            return str((await gl.getitem("/user"))["username"])
        except httpx.TransportError as error:
            problem, remedy = f"cannot be reached ({type(error).__name__}: {error})", _TRUST
        except HTTPException as error:
            refused = error.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            problem = f"answers {int(error.status_code)}: {error}"[:200]
            remedy = _NEW_TOKEN if refused else _CHECK_URL
        except (TypeError, KeyError):
            problem, remedy = "does not answer with a user", _CHECK_URL
        raise Failure(f"GitLab at {gl.api_url} {problem}. {remedy}")


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
