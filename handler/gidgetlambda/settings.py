"""Settings: read from the environment, by this module only.

Each function reads its own settings and reports everything that is wrong with them at once. A
settings library would cost more than the whole framework at each cold start, so these are frozen
dataclasses of the standard library. Secrets are never part of a repr or an error.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from .delivery import Credentials, signing_key
from .errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .proxies import Proxies

T = TypeVar("T")

DEFAULT_URL = "https://gitlab.com"
SECRETS = (
    *("GL_SECRET", "GL_SECRET_PREVIOUS", "GL_SIGNING_TOKEN", "GL_ACCESS_TOKEN"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),  # every function has these
)
HEADER_VALUE = re.compile(r"[^\x00-\x1f\x7f]+")
TOKEN = re.compile(r"[\x21-\x7e]+")
# A file in a folder of certificates: the hash of its subject, and a number.
# https://docs.openssl.org/3.0/man1/openssl-rehash/
HASHED_NAME = re.compile(r"[0-9a-f]{8}\.\d+")
# The package has such a folder, because the loading of certifi's file takes 25 ms.
CA_FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "ca")  # noqa: PTH118, PTH120
BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class ReceiveSettings:
    """The settings of the function that receives deliveries.

    Attributes:
        queue_url: The queue that tasks are sent to; `None` for inline mode.
    """

    credentials: Credentials = field(repr=False)
    queue_url: str | None = None

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] = os.environ, *, secret: str | None = None
    ) -> ReceiveSettings:
        """Read `GL_SECRET`, `GL_SECRET_PREVIOUS`, `GL_SIGNING_TOKEN` and `QUEUE_URL`.

        Args:
            environ: The environment.
            secret: Overrides `GL_SECRET`.

        Raises:
            SettingsError: Settings are missing or malformed.
        """
        env = _Reader(environ)
        tokens = (
            env.read("GL_SECRET", _header_value, override=secret),
            env.read("GL_SECRET_PREVIOUS", _header_value),
        )
        keys = env.read("GL_SIGNING_TOKEN", _signing_keys) or ()
        if not (secret or env.text("GL_SECRET") or env.text("GL_SIGNING_TOKEN")):
            env.problem("set GL_SIGNING_TOKEN or GL_SECRET to the webhook's token in GitLab")
        queue_url = env.read("QUEUE_URL", _queue_url)
        env.require_no_problem()
        return cls(Credentials(tuple(token for token in tokens if token), keys), queue_url)


@dataclass(frozen=True)
class ConnectionSettings:
    """The settings of connections to other hosts.

    Attributes:
        ssl_context: The certificate authorities that a host's certificate is checked against.
    """

    ssl_context: ssl.SSLContext = field(repr=False)
    proxies: Proxies

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> ConnectionSettings:
        """Read the variables that HTTP libraries read, for connections to the queue.

        They are `SSL_CERT_FILE`, `SSL_CERT_DIR`, `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and
        `NO_PROXY`; those of proxies also in lower case.

        https://www.python-httpx.org/environment_variables/

        Args:
            environ: The environment.

        Raises:
            SettingsError: Settings are malformed.
        """
        env = _Reader(environ)
        connections = _connections(env)
        env.require_no_problem()
        return connections


@dataclass(frozen=True)
class WorkSettings:
    """The settings of the function that runs handlers.

    Attributes:
        ignore_self: Whether the bot's own events are ignored; `None` ignores them for bot accounts.
        connections: Those to GitLab.
        dry_run: Whether writes are logged and not sent.
    """

    access_token: str = field(repr=False)
    url: str
    ignore_self: bool | None
    connections: ConnectionSettings
    dry_run: bool = False

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] = os.environ,
        *,
        access_token: str | None = None,
        url: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> WorkSettings:
        """Read `GL_ACCESS_TOKEN`, `GL_URL`, `GL_IGNORE_SELF`, `GL_CA_FILE` and `GL_DRY_RUN`.

        The variables of `ConnectionSettings` are read, too.

        Args:
            environ: The environment.
            access_token: Overrides `GL_ACCESS_TOKEN`.
            url: Overrides `GL_URL`.
            ssl_context: Overrides the public certificate authorities and `GL_CA_FILE`.

        Raises:
            SettingsError: Settings are missing or malformed.
        """
        env = _Reader(environ)
        token = env.read("GL_ACCESS_TOKEN", _token, override=access_token)
        if not (access_token or env.text("GL_ACCESS_TOKEN")):
            env.problem("set GL_ACCESS_TOKEN to a GitLab access token with the scope api")
        base_url = env.read("GL_URL", _url, override=url) or DEFAULT_URL
        ignore_self = env.read("GL_IGNORE_SELF", _boolean)
        dry_run = env.read("GL_DRY_RUN", _boolean) or False
        connections = _connections(env, ssl_context, own_ca="GL_CA_FILE")
        env.require_no_problem()
        return cls(token or "", base_url, ignore_self, connections, dry_run)


@dataclass(frozen=True)
class QueueSettings:
    """The queues of the function that runs queued tasks."""

    queue_url: str
    parked_queue_url: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> QueueSettings:
        """Read `QUEUE_URL` and `PARKED_QUEUE_URL`.

        Args:
            environ: The environment.

        Raises:
            SettingsError: Settings are missing or malformed.
        """
        env = _Reader(environ)
        for name in ("QUEUE_URL", "PARKED_QUEUE_URL"):
            if not env.text(name):
                env.problem(f"set {name} to the URL of the stack's queue")
        urls = [env.read(name, _queue_url) or "" for name in ("QUEUE_URL", "PARKED_QUEUE_URL")]
        env.require_no_problem()
        return cls(*urls)


@dataclass(frozen=True)
class AwsSettings:
    """The access to AWS.

    Attributes:
        endpoint: The URL of SQS if it differs from the host of the queue's URL.
    """

    region: str
    endpoint: str | None
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)


def aws(environ: Mapping[str, str] = os.environ) -> AwsSettings:
    """Read the access to AWS. Call it for each request: Lambda rotates the credentials.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html

    Args:
        environ: The environment.
    """
    return AwsSettings(
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "",
        endpoint=environ.get("AWS_ENDPOINT_URL_SQS") or environ.get("AWS_ENDPOINT_URL") or None,
        access_key_id=environ.get("AWS_ACCESS_KEY_ID", ""),
        secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY", ""),
        session_token=environ.get("AWS_SESSION_TOKEN") or None,
    )


def is_queued(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether `QUEUE_URL` is set, valid or not: the mode is queued and not inline."""
    return bool(environ.get("QUEUE_URL", "").strip())


def gitlab_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return `GL_URL`, or https://gitlab.com if it is unset."""
    return environ.get("GL_URL", "").strip() or DEFAULT_URL


def text(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return a variable without space at its ends; `None` if it is unset or empty."""
    return environ.get(name, "").strip() or None


def secrets(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return every secret in the environment, valid or not, for the redactor."""
    values = [environ.get(name, "").strip() for name in SECRETS]
    # Of several signing tokens, each is a secret. The words of a passphrase are not.
    return [*values, *environ.get("GL_SIGNING_TOKEN", "").split()]


def log_level(environ: Mapping[str, str] = os.environ) -> int:
    """Return `LOG_LEVEL` as a number of `logging`; INFO if it is unset or names no level."""
    name = environ.get("LOG_LEVEL", "").strip().upper()
    return logging.getLevelNamesMapping().get(name, logging.INFO)


def metrics_namespace(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the namespace of the metrics in CloudWatch; `None` if it is unset."""
    return environ.get("METRICS_NAMESPACE", "").strip() or None


class _Reader:
    """Reads settings and collects what is wrong with them.

    An error never quotes the value: it may be a secret.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def text(self, name: str) -> str:
        """Return a setting without surrounding white space; empty if it is unset."""
        return self._environ.get(name, "").strip()

    def read(
        self, name: str, parse: Callable[[str], T], *, override: str | None = None
    ) -> T | None:
        """Return a setting's value; `None` if it is unset or malformed."""
        text = override or self.text(name)
        if not text:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self.problem(f"{name} {error}")
            return None

    def proxy_name(self, name: str) -> str | None:
        """Return the name under which a variable of proxies is set; lower case goes first."""
        return next((one for one in (name.lower(), name) if self.text(one)), None)

    def read_proxy(self, name: str, parse: Callable[[str], T | None]) -> T | None:
        """Return the value of a variable of proxies; `None` if it is unset or malformed."""
        found = self.proxy_name(name)
        return None if found is None else self.read(found, parse)

    def problem(self, problem: str) -> None:
        self._problems.append(problem)

    def require_no_problem(self) -> None:
        if self._problems:
            raise SettingsError(self._problems)


def _header_value(text: str) -> str:
    if not HEADER_VALUE.fullmatch(text):
        raise ValueError("contains a control character, which no header can carry")
    return text


def _token(text: str) -> str:
    if not TOKEN.fullmatch(text):
        raise ValueError("contains a space or a non-ASCII character, which no token has")
    return text


def _signing_keys(text: str) -> tuple[bytes, ...]:
    return tuple(signing_key(token) for token in text.split())


def _boolean(text: str) -> bool:
    try:
        return BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError("must be true or false, or unset for the default") from None


def _queue_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.path.endswith(".fifo"):
        raise ValueError("must be the URL of a FIFO queue, which ends in .fifo")
    return text


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # its message quotes the URL
        valid = False
    if not valid or not text.isprintable() or " " in text:
        raise ValueError("must be a URL like https://gitlab.example.com or https://example.com/git")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a base URL without a user, a query or a fragment")
    return text.rstrip("/")


def _connections(
    env: _Reader, ssl_context: ssl.SSLContext | None = None, *, own_ca: str | None = None
) -> ConnectionSettings:
    """Read the settings of connections.

    Args:
        env: The environment.
        ssl_context: Overrides the certificate authorities.
        own_ca: The name of the setting that adds authorities to them.
    """
    proxies = _proxies(env)
    context = ssl_context
    if context is None:
        context = _public_authorities(env)
        if own_ca is not None:
            env.read(own_ca, partial(_add_authorities, context))
    return ConnectionSettings(context, proxies)


def _proxies(env: _Reader) -> Proxies:
    # Imported here: a cold start does not pay for it.
    from .proxies import Proxies, parse_exclusions, parse_proxy

    every = env.read_proxy("ALL_PROXY", parse_proxy)
    # A CGI server passes a request's header "Proxy" as HTTP_PROXY.
    name = "http_proxy" if env.text("REQUEST_METHOD") else "HTTP_PROXY"
    http = env.read_proxy(name, parse_proxy) or every
    https = env.read_proxy("HTTPS_PROXY", parse_proxy) or every
    excluded = env.read_proxy("NO_PROXY", parse_exclusions)
    if excluded is None and env.proxy_name("NO_PROXY"):  # "*"
        return Proxies()
    return Proxies(http, https, excluded or ())


def _public_authorities(env: _Reader) -> ssl.SSLContext:
    """Return a context with the authorities of the environment, of the package, or of certifi."""
    context = env.read("SSL_CERT_FILE", _context_of_file)
    context = context or env.read("SSL_CERT_DIR", _context_of_folder)
    if context is None and _has_hashed_names(CA_FOLDER):
        context = ssl.create_default_context(capath=CA_FOLDER)
    if context is None:
        import certifi

        context = ssl.create_default_context(cafile=certifi.where())
    return context


def _context_of_file(path: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise _not_certificates(path, error) from None


def _context_of_folder(path: str) -> ssl.SSLContext:
    if not any(map(_has_hashed_names, path.split(os.pathsep))):
        raise ValueError(f"{path!r} must be a folder with certificates, named by `openssl rehash`")
    return ssl.create_default_context(capath=path)


def _has_hashed_names(folder: str) -> bool:
    if not os.path.isdir(folder):  # noqa: PTH112
        return False
    return any(map(HASHED_NAME.fullmatch, os.listdir(folder)))  # noqa: PTH208


def _add_authorities(context: ssl.SSLContext, path: str) -> ssl.SSLContext:
    """Add the authorities of a PEM file.

    A relative path is relative to the working directory, which is the package's root in Lambda.
    """
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise _not_certificates(path, error) from None
    return context


def _not_certificates(path: str, error: Exception) -> ValueError:
    return ValueError(f"{path!r} must be a PEM file with certificates: {error}")
