"""GitLabBot: the author's interface to a bot, with its name, its router and its options.

gidgetlab's class of that name, without its aiohttp application. FastAPI is imported when `app` is
first used, so that the function that runs queued tasks does not pay for it.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import settings
from .errors import SettingsError
from .logs import LineFormatter, logger, set_level
from .router import Router
from .runtime import Options, Runtime
from .startup import is_serving_prevented

if TYPE_CHECKING:
    import ssl

    from fastapi import FastAPI

    from .failures import Hook
    from .gitlab import Cache

# Those of `aiohttp.web.run_app` that uvicorn has under another name, or not at all. Without its
# `ssl_context`, `sock` and `path`, the bot would listen in another way than it was asked to.
AIOHTTP_ARGUMENTS = {
    *("print", "handle_signals", "reuse_address", "reuse_port", "shutdown_timeout"),
    *("keepalive_timeout", "access_log_class", "access_log_format", "handler_cancellation"),
}


class GitLabBot:
    """A bot.

    Args:
        requester: The bot's name.
        secret: Overrides `GL_SECRET`.
        access_token: Overrides `GL_ACCESS_TOKEN`.
        cache: Keeps the answers of GitLab that it can confirm by `ETag`; none by default.
        ssl_context: Used for connections to GitLab instead of the public certificate authorities
            and `GL_CA_FILE`.
        wait_consistency: Whether to wait a second before the handlers run.
        url: Overrides `GL_URL`.
        api_version: The version of GitLab's REST API.
        time_limit: The time that a handler may take in inline mode, in seconds; GitLab waits 10.
        request_timeout: The time that one request to GitLab may take, in seconds; by default 5 in
            inline mode, and 25 for a queued task. No request outlasts the time of its handler.
        response_limit: The bytes that an answer of GitLab may have; `ResponseTooLarge` is raised
            for more.
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
        request_timeout: float | None = None,
        response_limit: int = 20_000_000,
    ) -> None:
        self.requester = requester
        self.router = Router()
        options = Options(
            secret=secret,
            access_token=access_token,
            cache=cache,
            ssl_context=ssl_context,
            wait_consistency=bool(wait_consistency),
            url=url,
            api_version=api_version,
            time_limit=time_limit,
            request_timeout=request_timeout,
            response_limit=response_limit,
        )
        self.runtime = Runtime(requester, self.router, options)

    def __repr__(self) -> str:
        return f"<GitLabBot {self.requester!r}>"

    def register_routers(self, *routers: Router) -> None:
        """Extend the bot's router by the routes of other routers; see `Router.include`."""
        self.router.include(*routers)

    def on_failure(self, hook: Hook) -> Hook:
        """Call `hook(event, handler_name, error)` once when a task is parked; a decorator.

        In inline mode, nothing is retried or parked, so it is called when a handler fails. The
        function has 3 seconds, or less if the handler used up its time. Its own exception is logged
        and changes nothing. If Lambda kills the function before SQS deletes the task, the task is
        parked again, and the call is repeated.

        Args:
            hook: An async function. The error is not redacted: it can contain a secret.

        Raises:
            TypeError: It is not async.
        """
        return self.runtime.failures.add(hook)

    @cached_property
    def app(self) -> FastAPI:
        """The application that receives deliveries."""
        from .app import create_app

        set_level(settings.log_level())
        return create_app(self.runtime)

    @property
    def secret(self) -> str | None:
        """The webhook's secret token: the argument, else `GL_SECRET`."""
        return self.runtime.secret

    @property
    def access_token(self) -> str | None:
        """The access token: the argument, else `GL_ACCESS_TOKEN`."""
        return self.runtime.access_token

    def run(self, *, host: str = "127.0.0.1", port: int = 8080, **kwargs: Any) -> None:
        """Serve the bot on this machine until it is interrupted.

        If another program imports the bot, such as an entry point of the Lambda functions or a
        test, this does nothing: that program serves it.

        Args:
            host: The address to listen on. "0.0.0.0" accepts connections from other machines, as a
                container needs.
            port: The port to listen on.
            kwargs: Further settings of `uvicorn.run`. Those of aiohttp's `run_app` are ignored.

        Raises:
            ModuleNotFoundError: Uvicorn is missing. The extra `server` installs it; the Lambda
                package does not contain it.
            TypeError: A setting is neither uvicorn's nor one of aiohttp's that can be ignored.
        """
        if is_serving_prevented():
            return
        try:
            import uvicorn
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "bot.run() needs uvicorn, which gidgetlambda's extra 'server' installs: "
                "python -m pip install 'uvicorn[standard]'"
            ) from error
        if not logging.getLogger().handlers:
            terminal = logging.StreamHandler()
            terminal.setFormatter(LineFormatter())
            logging.getLogger().addHandler(terminal)
        app = self.app
        self._warn_of_settings()
        if ignored := sorted(AIOHTTP_ARGUMENTS & kwargs.keys()):
            logger.warning("bot.run() ignores the arguments of aiohttp: %s", ", ".join(ignored))
            kwargs = {name: value for name, value in kwargs.items() if name not in ignored}
        uvicorn.run(app, host=host, port=port, **kwargs)

    async def aclose(self) -> None:
        """Close the bot's connections."""
        await self.runtime.aclose()

    def _warn_of_settings(self) -> None:
        try:
            _ = self.runtime.receive_settings
            if not settings.is_queued():
                _ = self.runtime.work_settings
        except SettingsError as error:
            logger.warning("the bot will refuse every delivery until this is fixed: %s", error)
