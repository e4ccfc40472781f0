"""`run` against a GitLab of one's own: the bot here, its webhook entered there by hand."""

import contextlib
import os
import secrets
import socket
import ssl
from urllib.parse import urlsplit

import httpx

from .console import Printer
from .process import BotProcess, listen
from .supervise import until_stopped, watch


class GitLabError(Exception):
    """GitLab cannot be worked with as the environment says; the message tells the remedy."""


def run(printer: Printer, *, port: int, host: str) -> int:
    """Stay until stopped; gives the exit code."""
    try:
        username = _whoami(os.environ["GL_URL"].strip(), os.environ["GL_ACCESS_TOKEN"].strip())
    except GitLabError as error:
        printer.problem(error)
        return 1
    environment = {**os.environ, "LOG_LEVEL": "DEBUG"}
    secret = "the value of GL_SECRET" if os.environ.get("GL_SECRET") else None
    if not secret and not os.environ.get("GL_SIGNING_TOKEN"):
        secret = environment["GL_SECRET"] = secrets.token_urlsafe(32)
    try:
        with until_stopped() as stop, listen(host, port) as listener:
            got = listener.getsockname()[1]
            if got != port:
                printer.say(f"Port {port} is taken, so the bot listens on {got}.", style="yellow")
            printer.say(f"The bot acts as @{username} at {os.environ['GL_URL'].strip()}.")
            _tell_form(printer, _address(host), got, secret)
            with BotProcess(listener, environment, tell_triggers=True) as bot:
                watch(bot, stop, printer, when_up=lambda: _tell_ready(printer))
            printer.say()
            printer.say("Stopped.")
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


def _whoami(url: str, token: str) -> str:
    """The token's user. Raises GitLabError, which never holds the token."""
    _require_plain(url)
    try:
        with httpx.Client(verify=_tls(), timeout=10.0) as client:
            answer = client.get(
                f"{url.rstrip('/')}/api/v4/user", headers={"Authorization": f"Bearer {token}"}
            )
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise GitLabError(
            f"GitLab at {url} cannot be reached ({type(error).__name__}: {error}). Check GL_URL; "
            "where a certificate is the trouble, name its authority's PEM file in GL_CA_FILE."
        ) from None
    if answer.status_code in (401, 403):
        raise GitLabError(
            f"GitLab at {url} refused GL_ACCESS_TOKEN ({answer.status_code}). Make one with the "
            "scope `api` and set it anew."
        )
    try:
        return str(answer.raise_for_status().json()["username"])
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
        raise GitLabError(
            f"{url} does not answer like a GitLab ({answer.status_code} on /api/v4/user). GL_URL "
            "is its base URL, with the sub-path if it has one and without /api/v4."
        ) from None


def _require_plain(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise GitLabError(
            "GL_URL must be GitLab's base URL, as https://gitlab.example.com, without a user or "
            "password in it."
        )


def _tls() -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    ca_file = os.environ.get("GL_CA_FILE", "").strip()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise GitLabError(
                f"GL_CA_FILE {ca_file!r} is no PEM file with certificates: {error}"
            ) from None
    return context


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
