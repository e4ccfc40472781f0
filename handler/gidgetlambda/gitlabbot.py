"""GitLabBot: a requester, its routers and its settings; `app` is made only when asked for.

gidgetlab's class of that name, without its aiohttp application. FastAPI is imported with `app`, so
that what only runs handlers does not pay for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from .errors import SettingsError
from .gitlab import GitLabAPI
from .logs import LineFormatter, Reporter, set_level
from .metrics import Metrics
from .redactor import Redactor
from .router import Router
from .settings import QueueSettings, ReceiveSettings, WorkSettings, log_level, secrets
from .tls import trust
from .worker import Worker

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from fastapi import FastAPI

    from .gitlab import Cache
    from .sqs import Queue

TIMEOUT = httpx.Timeout(7.0, connect=3.0)  # seconds, below what a handler may take


class GitLabBot:
    """A bot: who it is, which handlers it has, and how it is reached.

    requester: the bot's name.
    secret, access_token, url: instead of `GL_SECRET`, `GL_ACCESS_TOKEN` and `GL_URL`.
    cache: keeps GitLab's answers that can be asked for again by `ETag`; none where left out.
    ssl_context: for the connection to GitLab, instead of the public authorities and `GL_CA_FILE`.
    wait_consistency: wait a second before the handlers run.
    api_version: of GitLab's REST API.
    time_limit: for one handler that runs while GitLab waits, in seconds; GitLab waits 10.
    """

    def __init__(
        self,
        requester: str,
        *,
        secret: str | None = None,
        access_token: str | None = None,
        cache: Cache | None = None,
        ssl_context: ssl.SSLContext | None = None,
        wait_consistency: bool | None = False,
        url: str | None = None,
        api_version: str = "v4",
        time_limit: float = 8.0,
    ) -> None:
        self.requester = requester
        self.secret = secret
        self.access_token = access_token
        self.cache = cache
        self.ssl_context = ssl_context
        self.wait_consistency = bool(wait_consistency)
        self.url = url
        self.api_version = api_version
        self.time_limit = time_limit
        self._router: Router | None = None
        self._clients: dict[str, tuple[asyncio.AbstractEventLoop, httpx.AsyncClient]] = {}

    def __repr__(self) -> str:
        return f"<GitLabBot {self.requester!r}>"

    @property
    def router(self) -> Router:
        """The bot's router, made when it is first asked for."""
        if self._router is None:
            self._router = Router()
        return self._router

    def register_routers(self, *routers: Router) -> None:
        """Make the bot's router from these.

        Raises `TypeError` where the bot has one already.
        """
        if self._router is not None:
            raise TypeError(
                "the bot has a router already: call register_routers once, "
                "before anything is registered on bot.router"
            )
        self._router = Router(*routers)

    @cached_property
    def app(self) -> FastAPI:
        """The application that takes deliveries."""
        from .app import create_app

        set_level(log_level(os.environ))
        return create_app(self)

    @cached_property
    def receive_settings(self) -> ReceiveSettings:
        """What deliveries are checked against.

        Raises `SettingsError`, which names at once what is wrong with the settings for working too
        where there is no queue and this process runs the handlers.
        """
        try:
            return ReceiveSettings.from_env(self._environ)
        except SettingsError as error:
            problems = () if self._environ.get("QUEUE_URL") else self._work_problems
            raise SettingsError([*error.problems, *problems]) from None

    @cached_property
    def redactor(self) -> Redactor:
        """Takes this bot's secrets out of what is written."""
        return Redactor(secrets(self._environ))

    @cached_property
    def reporter(self) -> Reporter:
        """What tells of this bot's deliveries and tasks."""
        return Reporter(self.redactor, self.metrics)

    @cached_property
    def worker(self) -> Worker:
        """What runs the handlers. Raises `SettingsError`."""
        settings = WorkSettings.from_env(self._environ)
        ssl_context = self.ssl_context or trust(settings.ca_file)

        def gitlab() -> GitLabAPI:
            return GitLabAPI(
                self._shared_client("gitlab", verify=ssl_context, timeout=TIMEOUT),
                self.requester,
                access_token=settings.access_token,
                url=settings.url,
                api_version=self.api_version,
                cache=self.cache,
            )

        return Worker(
            gitlab,
            ignore_self=settings.ignore_self,
            time_limit=self.time_limit,
            wait_consistency=self.wait_consistency,
            redactor=self.redactor,
            reporter=self.reporter,
        )

    def queue(self, url: str) -> Queue:
        """A queue by its URL."""
        # Signing is imported here: a bot without a queue does not pay for it.
        from .sqs import Queue

        return Queue(self._shared_client("sqs"), url)

    @cached_property
    def queue_settings(self) -> QueueSettings:
        """Where this bot's queues are. Raises `SettingsError`."""
        return QueueSettings.from_env(self._environ)

    @cached_property
    def metrics(self) -> Metrics:
        """Where this bot's numbers go."""
        return Metrics(self._environ.get("METRICS_NAMESPACE") or None)

    def run(self, *, host: str = "0.0.0.0", port: int = 8080, **kwargs: Any) -> None:  # noqa: S104
        """Serve on one's own machine until interrupted.

        host, port: where to listen; gidgetlab's defaults.
        kwargs: further settings of `uvicorn.run`.

        Raises `ModuleNotFoundError` where uvicorn is not installed: it does not ship to Lambda.
        """
        try:
            import uvicorn
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "bot.run() serves by uvicorn: python -m pip install uvicorn"
            ) from error
        if not logging.getLogger().handlers:
            terminal = logging.StreamHandler()
            terminal.setFormatter(LineFormatter())
            logging.getLogger().addHandler(terminal)
        uvicorn.run(self.app, host=host, port=port, **kwargs)

    async def aclose(self) -> None:
        """Close the connections to GitLab and to the queues."""
        while self._clients:
            _, (_, client) = self._clients.popitem()
            await client.aclose()

    @property
    def _work_problems(self) -> tuple[str, ...]:
        try:
            WorkSettings.from_env(self._environ)
        except SettingsError as error:
            return error.problems
        return ()

    @property
    def _environ(self) -> Mapping[str, str]:
        given = {
            "GL_SECRET": self.secret,
            "GL_ACCESS_TOKEN": self.access_token,
            "GL_URL": self.url,
        }
        return {**os.environ, **{name: value for name, value in given.items() if value}}

    def _shared_client(self, purpose: str, **options: Any) -> httpx.AsyncClient:
        """The one client of this process for a purpose.

        Connections belong to the event loop that they began in.
        """
        loop = asyncio.get_running_loop()
        known = self._clients.get(purpose)
        if known is None or known[0] is not loop:
            known = self._clients[purpose] = loop, httpx.AsyncClient(**options)
        return known[1]
