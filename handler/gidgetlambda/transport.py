"""Transport: requests to GitLab with redirects, repetitions and the scope of the token.

The access token is sent to the configured instance only.

https://docs.gitlab.com/api/rest/
"""

from __future__ import annotations

import asyncio
import itertools
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx

from .errors import RunEnded
from .response import retry_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

PATIENCE = 5.0  # seconds that one request may wait before it is repeated
FIRST_PAUSE = 0.5  # seconds; doubled each time
CLOSED_PAUSE = 0.05  # seconds
REDIRECTS = 5
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
REDIRECTED = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({502, 503, 504})
# The proxy gave up; GitLab may still act on the request.
GAVE_UP = frozenset({502, 504})
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Transport:
    """Sends requests to one GitLab.

    Args:
        client: The connections; its owner closes it.
        base_url: The instance's URL, sub-path included.
        access_token: Sent as a bearer token.
        sleep: Waits for a number of seconds.

    Attributes:
        unanswered_writes: The number of writes whose answer never came.
        closed: Whether each further request raises `RunEnded` instead of being sent.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        base_url: str,
        access_token: str | None,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._client = client
        self._instance = httpx.URL(base_url)
        self._access_token = access_token
        self._sleep = sleep
        self.unanswered_writes = 0
        self.closed = False

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        """Send a request, and repeat it after a passing failure, for at most 5 s in all.

        A POST or PATCH is repeated only if GitLab cannot have acted on it.

        Raises:
            httpx.RequestError: No answer came.
        """
        patience = PATIENCE
        for attempt in itertools.count():
            pause = FIRST_PAUSE * 2**attempt
            try:
                response = await self._follow(method, url, headers, body)
            except httpx.TransportError as error:
                if not _may_repeat(method, error) or pause > patience:
                    raise
            else:
                requested = _requested_pause(method, response, pause)
                # Not less than `pause`: "Retry-After: 0" could repeat it forever.
                if requested is None or max(requested, pause) > patience:
                    return response
                pause = max(requested, pause)
            patience -= pause
            await self._sleep(pause)
        raise AssertionError("unreachable")

    def describe(self, method: str, url: str, response: httpx.Response) -> str:
        """Describe an answered request and its redirection, for an error message."""
        request = f"{method} {without_secrets(httpx.URL(url))}"
        if response.url == httpx.URL(url):
            return request
        note = "" if self._is_instance(response.url) else ", where no token is sent"
        return f"{request}, redirected to {without_secrets(response.url)}{note}"

    async def _follow(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        """Send a request; follow the redirects of a GET or HEAD."""
        target = httpx.URL(url)
        response = await self._send_once(method, target, headers, body)
        for _ in range(REDIRECTS):
            location = response.headers.get("location")
            followed = method in ("GET", "HEAD") and response.status_code in REDIRECTED
            if not followed or not location:
                break
            target = target.join(location)
            response = await self._send_once(method, target, headers, body)
        return response

    async def _send_once(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        if self.closed:
            # A handler that repeats its requests regardless must not occupy the event loop.
            await asyncio.sleep(CLOSED_PAUSE)
            raise RunEnded(f"{method} {without_secrets(url)} is not sent: the run has ended")
        sent = dict(headers)
        if self._access_token is not None and self._is_instance(url):
            sent["authorization"] = f"Bearer {self._access_token}"
        writes = method not in ("GET", "HEAD")
        self.unanswered_writes += writes
        try:
            response = await self._client.request(
                method,
                url,
                # Not only ASCII: the requester may have any name.
                headers=httpx.Headers(sent, encoding="utf-8"),
                content=body or None,
                follow_redirects=False,
            )
        except NEVER_SENT:
            self.unanswered_writes -= writes
            raise
        if response.status_code not in GAVE_UP:
            self.unanswered_writes -= writes
        return response

    def _is_instance(self, url: httpx.URL) -> bool:
        """Return whether a URL belongs to the configured instance: its host and its sub-path."""
        own = self._instance
        if (url.scheme, url.host, url.port) != (own.scheme, own.host, own.port):
            return False
        base = own.path.rstrip("/")
        # `url.path` is decoded. Some servers take a backslash for a slash.
        climbs = ".." in url.path.replace("\\", "/").split("/")
        return not base or (url.path.startswith(f"{base}/") and not climbs)


def without_secrets(url: httpx.URL) -> httpx.URL:
    """Return a URL without the parts that may contain a secret."""
    return url.copy_with(userinfo=b"", query=None, fragment=None)


def _may_repeat(method: str, error: httpx.TransportError) -> bool:
    """Return whether a request that failed can be sent again without acting twice."""
    if isinstance(error, NEVER_SENT):
        return True
    return method in REPEATABLE and isinstance(error, DROPPED)


def _requested_pause(method: str, response: httpx.Response, pause: float) -> float | None:
    """Return the number of seconds until the request is repeated; `None` if it is not."""
    requested = retry_after(response.headers, now=time.time())
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return requested
    if response.status_code in PASSING and method in REPEATABLE:
        return pause if requested is None else requested
    return None
