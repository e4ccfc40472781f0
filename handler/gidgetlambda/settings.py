"""The environment → settings, which are never printed.

A settings library would cost more than the whole framework at each cold start, so this is the
standard library's dataclasses. Each function reads its own part and learns of everything that is
wrong with it at once.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from .delivery import Credentials, signing_key
from .errors import SettingsError
from .gitlab import DEFAULT_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

SECRETS = (
    *("GL_SECRET", "GL_SECRET_PREVIOUS", "GL_SIGNING_TOKEN", "GL_ACCESS_TOKEN"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),  # which every function has
)
HEADER_VALUE = re.compile(r"[^\x00-\x1f\x7f]+")
TOKEN = re.compile(r"[\x21-\x7e]+")
BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class ReceiveSettings:
    """What the function that receives deliveries needs.

    queue_url: where tasks are sent to; `None` runs the handlers while GitLab waits.
    """

    credentials: Credentials = field(repr=False)
    queue_url: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> ReceiveSettings:
        """Read `GL_SECRET`, `GL_SECRET_PREVIOUS`, `GL_SIGNING_TOKEN` and `QUEUE_URL`.

        Raises `SettingsError`, which names everything that is missing or malformed.
        """
        env = _Reader(environ)
        tokens = [
            token
            for name in ("GL_SECRET", "GL_SECRET_PREVIOUS")
            if (token := env.read(name, _header_value)) is not None
        ]
        keys = env.read("GL_SIGNING_TOKEN", _signing_keys) or ()
        if not env.text("GL_SECRET") and not env.text("GL_SIGNING_TOKEN"):
            env.problem("set GL_SIGNING_TOKEN or GL_SECRET to what the webhook in GitLab has")
        queue_url = env.read("QUEUE_URL", _queue_url)
        env.require_sound()
        return cls(Credentials(tuple(tokens), keys), queue_url)


@dataclass(frozen=True)
class WorkSettings:
    """What the function that runs handlers needs.

    ignore_self: whether the bot's own events are ignored; `None` does so for bot accounts only.
    ca_file: a PEM file with authorities that `url` is trusted by, besides the public ones.
    """

    access_token: str = field(repr=False)
    url: str = DEFAULT_URL
    ignore_self: bool | None = None
    ca_file: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> WorkSettings:
        """Read `GL_ACCESS_TOKEN`, `GL_URL`, `GL_IGNORE_SELF` and `GL_CA_FILE`.

        Raises `SettingsError`, which names everything that is missing or malformed.
        """
        env = _Reader(environ)
        if not env.text("GL_ACCESS_TOKEN"):
            env.problem("set GL_ACCESS_TOKEN to a GitLab access token with the scope api")
        token = env.read("GL_ACCESS_TOKEN", _token)
        url = env.read("GL_URL", _url)
        ignore_self = env.read("GL_IGNORE_SELF", _boolean)
        ca_file = env.text("GL_CA_FILE") or None
        env.require_sound()
        return cls(token or "", url or DEFAULT_URL, ignore_self, ca_file)


@dataclass(frozen=True)
class QueueSettings:
    """Where the function that works on queued tasks finds its queues."""

    queue_url: str
    parked_queue_url: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> QueueSettings:
        """Read `QUEUE_URL` and `PARKED_QUEUE_URL`.

        Raises `SettingsError`, which names everything that is missing or malformed.
        """
        env = _Reader(environ)
        for name in ("QUEUE_URL", "PARKED_QUEUE_URL"):
            if not env.text(name):
                env.problem(f"set {name} to the URL of the stack's queue")
        urls = [env.read(name, _queue_url) or "" for name in ("QUEUE_URL", "PARKED_QUEUE_URL")]
        env.require_sound()
        return cls(*urls)


def secrets(environ: Mapping[str, str]) -> list[str]:
    """Every secret in the environment, sound or not, for taking them out of what is written."""
    values = [environ.get(name, "").strip() for name in SECRETS]
    # Words of a passphrase are no secrets; of several signing tokens, each is one.
    return [*values, *environ.get("GL_SIGNING_TOKEN", "").split()]


def log_level(environ: Mapping[str, str]) -> int:
    """`LOG_LEVEL` as a number of `logging`, INFO where it is unset or no level's name."""
    name = environ.get("LOG_LEVEL", "").strip().upper()
    return logging.getLevelNamesMapping().get(name, logging.INFO)


class _Reader:
    """Reads an environment and gathers what is wrong with it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def text(self, name: str) -> str:
        """A setting without the blanks around it; empty where it is unset."""
        return self._environ.get(name, "").strip()

    def read(self, name: str, parse: Callable[[str], T]) -> T | None:
        """A setting's value, `None` where it is unset or malformed."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self.problem(f"{name} {error}")
            return None

    def problem(self, problem: str) -> None:
        self._problems.append(problem)

    def require_sound(self) -> None:
        if self._problems:
            raise SettingsError(self._problems)


# What these raise never quotes the value: it may be a secret.


def _header_value(text: str) -> str:
    if not HEADER_VALUE.fullmatch(text):
        raise ValueError("has a control character in it, which no header can carry")
    return text


def _token(text: str) -> str:
    if not TOKEN.fullmatch(text):
        raise ValueError("has a blank or a character beyond ASCII in it, which no token has")
    return text


def _signing_keys(text: str) -> tuple[bytes, ...]:
    return tuple(signing_key(token) for token in text.split())


def _boolean(text: str) -> bool:
    try:
        return BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError("must be true or false, or unset to decide by the account") from None


def _queue_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.path.endswith(".fifo"):
        raise ValueError("must be the URL of a FIFO queue, which ends in .fifo")
    return text


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # its text quotes the URL
        sound = False
    if not sound or not text.isprintable() or " " in text:
        raise ValueError("must be a URL like https://gitlab.example.com or https://example.com/git")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain base URL, without a user, a query or a fragment")
    return text.rstrip("/")
