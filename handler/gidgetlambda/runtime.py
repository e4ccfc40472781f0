"""Runtime: the resources of one process that runs a bot.

They are created when they are first needed. A malformed setting therefore never fails an import,
and the function that receives deliveries never opens a connection to GitLab.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import settings
from .errors import SettingsError
from .failures import FailureHooks
from .gitlab import GitLabAPI
from .logs import Reporter
from .metrics import Metrics
from .redactor import Redactor
from .settings import ConnectionSettings, QueueSettings, ReceiveSettings, WorkSettings
from .worker import Worker

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    import httpx

    from .gitlab import Cache
    from .router import Router
    from .sqs import Queue


@dataclass(frozen=True)
class Options:
    """The options of a bot; see `GitLabBot`."""

    secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    cache: Cache | None = field(default=None, repr=False)
    ssl_context: ssl.SSLContext | None = None
    wait_consistency: bool = False
    url: str | None = None
    api_version: str = "v4"
    time_limit: float = 8.0
    request_timeout: float | None = None
    response_limit: int = 20_000_000


class Runtime:
    """The resources of one process.

    Args:
        requester: The bot's name.
        router: The bot's handlers.
        options: The bot's options.
    """

    def __init__(self, requester: str, router: Router, options: Options) -> None:
        self.requester = requester
        self.router = router
        self.failures = FailureHooks()
        self._options = options
        self._transports: dict[str, tuple[asyncio.AbstractEventLoop, httpx.AsyncBaseTransport]] = {}

    @cached_property
    def receive_settings(self) -> ReceiveSettings:
        """The settings for receiving deliveries.

        Raises:
            SettingsError: Settings are missing or malformed. In inline mode, the error also names
                the problems of the settings for working.
        """
        try:
            return ReceiveSettings.from_env(secret=self._options.secret)
        except SettingsError as error:
            problems = () if settings.is_queued() else self._work_problems()
            raise SettingsError([*error.problems, *problems]) from None

    @cached_property
    def work_settings(self) -> WorkSettings:
        """The settings for running handlers. Raises `SettingsError`."""
        return WorkSettings.from_env(
            access_token=self._options.access_token,
            url=self._options.url,
            ssl_context=self._options.ssl_context,
        )

    @cached_property
    def queue_settings(self) -> QueueSettings:
        """The settings for running queued tasks. Raises `SettingsError`."""
        return QueueSettings.from_env()

    @property
    def secret(self) -> str | None:
        """The webhook's secret token, as the option or the environment has it."""
        return self._options.secret or settings.text("GL_SECRET")

    @property
    def access_token(self) -> str | None:
        """The access token, as the option or the environment has it."""
        return self._options.access_token or settings.text("GL_ACCESS_TOKEN")

    @cached_property
    def redactor(self) -> Redactor:
        """Removes this bot's secrets from texts."""
        given = (self._options.secret, self._options.access_token)
        return Redactor([*settings.secrets(), *(secret for secret in given if secret)])

    @cached_property
    def metrics(self) -> Metrics:
        """Writes this bot's metrics."""
        return Metrics(settings.metrics_namespace())

    @cached_property
    def reporter(self) -> Reporter:
        """Logs and counts this bot's deliveries and tasks."""
        return Reporter(self.redactor, self.metrics)

    @cached_property
    def worker(self) -> Worker:
        """Runs the handlers. Raises `SettingsError`."""
        return Worker(
            self._gitlab,
            ignore_self=self.work_settings.ignore_self,
            time_limit=self._options.time_limit,
            request_timeout=self._options.request_timeout,
            wait_consistency=self._options.wait_consistency,
            redactor=self.redactor,
            reporter=self.reporter,
            failures=self.failures,
            dry_run=self.work_settings.dry_run,
        )

    @cached_property
    def queue_connections(self) -> ConnectionSettings:
        """The settings of connections to the queues. Raises `SettingsError`."""
        return ConnectionSettings.from_env()

    def queue(self, url: str) -> Queue:
        """Return the queue with a URL. Raises `SettingsError`."""
        # Imported here: a bot without a queue does not pay for it.
        from .sqs import Queue, endpoint

        def connect() -> httpx.AsyncBaseTransport:
            return transport_to(endpoint(url, settings.aws()), self.queue_connections)

        return Queue(self._shared("sqs", connect), url)

    async def aclose(self) -> None:
        """Close the connections to GitLab and to the queues."""
        while self._transports:
            _, (_, transport) = self._transports.popitem()
            await transport.aclose()

    def _gitlab(self) -> GitLabAPI:
        given = self.work_settings

        def connect() -> httpx.AsyncBaseTransport:
            return transport_to(given.url, given.connections)

        return GitLabAPI(
            self._shared("gitlab", connect),
            self.requester,
            access_token=given.access_token,
            url=given.url,
            api_version=self._options.api_version,
            cache=self._options.cache,
            response_limit=self._options.response_limit,
        )

    def _work_problems(self) -> tuple[str, ...]:
        try:
            _ = self.work_settings
        except SettingsError as error:
            return error.problems
        return ()

    def _shared(
        self, purpose: str, connect: Callable[[], httpx.AsyncBaseTransport]
    ) -> httpx.AsyncBaseTransport:
        """Return this process's transport for a purpose; connections belong to one event loop."""
        loop = asyncio.get_running_loop()
        known = self._transports.get(purpose)
        if known is None or known[0] is not loop:
            known = self._transports[purpose] = loop, connect()
        return known[1]


def transport_to(url: str, connections: ConnectionSettings) -> httpx.AsyncBaseTransport:
    """Return a transport to one server, and to where it redirects.

    Args:
        url: The server's URL; its host may have any address.
        connections: The settings of the connections.
    """
    # Imported here: the receiving function does not pay for it at each cold start.
    from .transport import Transport

    trusted = {urlsplit(url).hostname or ""}
    return Transport(connections.ssl_context, connections.proxies, trusted)
