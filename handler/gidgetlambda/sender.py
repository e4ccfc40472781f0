"""Sender: requests to GitLab with redirects, repetitions and the scope of the token.

The access token is sent to the configured instance only. An answer is read up to a limit.

https://docs.gitlab.com/api/rest/
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import math
import re
import time
import unicodedata
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote

import httpx

from .addresses import is_permitted, is_private, literal
from .decoding import Decoder, Exceeded
from .errors import AddressRefused, GitLabBroken, RedirectionException, ResponseTooLarge, RunEnded
from .response import retry_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

CONNECT_TIMEOUT = 3.0  # seconds
DEFAULT_TIMEOUT = httpx.Timeout(5.0)
PATIENCE = 5.0  # seconds after the first request within which it can be repeated
FIRST_PAUSE = 0.5  # seconds; doubled each time
CLOSED_PAUSE = 0.05  # seconds
REDIRECTS = 5
RESPONSE_LIMIT = 20_000_000  # bytes
READS = frozenset({"GET", "HEAD"})
REDIRECTED = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({502, 503, 504})
# A proxy gave up, and GitLab may still act on the request. 520 and 524 are Cloudflare's.
GAVE_UP = frozenset({502, 504, 520, 524})
POSTPONED = frozenset({408, 425, 429})
# Acting on one of these twice has the effect of acting once.
IDEMPOTENT = frozenset({"PUT", "DELETE"})
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# The name of the limit in httpx, and the missing thing.
TIMED_STEPS: dict[type[Exception], tuple[str, str]] = {
    TimeoutError: ("read", "answer"),
    httpx.ConnectTimeout: ("connect", "connection"),
    httpx.PoolTimeout: ("pool", "connection"),
    httpx.ReadTimeout: ("read", "answer"),
    httpx.WriteTimeout: ("write", "answer"),
}
HOST = re.compile(rb"(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[1-5]?\d{1,4}|:6[0-5]\d{3})?")
# Some servers take a backslash for a slash, and remove what follows a semicolon.
UP = re.compile(r"(?:^|[/\\])\s*\.\s*\.")
DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class CompleteResponse:
    """GitLab's answer, with its whole body.

    Attributes:
        status_code: The HTTP status.
        headers: The headers.
        content: The decoded body.
        url: The URL that answered.
        peer: The address that answered, if it is known.
    """

    def __init__(
        self,
        status_code: int,
        headers: httpx.Headers,
        content: bytes,
        url: httpx.URL,
        peer: str | None = None,
    ) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content
        self.url = url
        self.peer = peer


# Each run of a handler has a sender of its own, for the same instance.
_parse_once = functools.lru_cache(maxsize=8)(httpx.URL)


class Sender:
    """Sends requests to one GitLab.

    Args:
        client: The connections; its owner closes it. A transport is asked directly, which takes
            half the time of a client.
        base_url: The instance's URL, sub-path included.
        access_token: Sent as a bearer token.
        sleep: Waits for a number of seconds.
        clock: Returns a time in seconds.
        response_limit: The bytes that an answer may have, decoded.

    Attributes:
        request_timeout: The time that one request may take, in seconds. `None` leaves the time
            limits of the client, or httpx's, which hold for each step of a request.
        deadline: The time of `clock` at which every request ends.
        report_unsent: Reports a write by its method, URL and body. If it is set, no write is sent,
            and the answer to one is its own data.
        closed: Whether each further request raises `RunEnded` instead of being sent.
    """

    def __init__(
        self,
        client: httpx.AsyncClient | httpx.AsyncBaseTransport,
        base_url: str,
        access_token: str | None,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
        response_limit: int = RESPONSE_LIMIT,
    ) -> None:
        self._client = client
        self._instance = _parse_once(base_url)
        self._access_token = access_token
        self._response_limit = response_limit
        self._sleep = sleep
        self._clock = clock
        self._unanswered: Counter[tuple[str, str, bytes]] = Counter()
        self.closed = False
        self.request_timeout: float | None = None
        self.deadline: float | None = None
        self.report_unsent: Callable[[str, str, str], None] | None = None

    @property
    def unanswered_writes(self) -> int:
        """The number of writes whose answer never came.

        When GitLab judges a PUT or DELETE, the earlier ones with the same content are settled.
        """
        return self._unanswered.total()

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        writes: bool | None = None,
    ) -> CompleteResponse:
        """Send a request, and repeat it within 5 s after a passing failure.

        A write is repeated only if GitLab certainly did not act on it. The last answer counts: a
        404 to a repeated DELETE is a success.

        Args:
            method: The method in capitals.
            url: The absolute URL.
            headers: The headers, without the token.
            body: The body; empty for none.
            writes: Whether GitLab changes something; by default, the method decides.

        Raises:
            AddressRefused: GitLab redirects to an address that it may not choose.
            GitLabBroken: The answer cannot be decoded.
            RedirectionException: GitLab redirects to something other than a page of HTTPS.
            ResponseTooLarge: The answer exceeds the limit.
            httpx.RequestError: No answer came.
        """
        writes = method not in READS if writes is None else writes
        if writes and self.report_unsent is not None:
            shown = str(without_secrets(httpx.URL(url)))
            self.report_unsent(method, shown, body.decode("utf-8", "replace"))
            return _unsent_answer(method, url, body)
        give_up = min(self._clock() + PATIENCE, self.deadline or math.inf)
        for attempt in itertools.count():
            pause = FIRST_PAUSE * 2**attempt
            try:
                response = await self._follow(method, url, headers, body, writes=writes)
            except httpx.TransportError as error:
                if not _may_repeat(error, writes=writes) or self._clock() + pause > give_up:
                    raise
            else:
                requested = _requested_pause(response, pause, writes=writes)
                # Not less than `pause`: "Retry-After: 0" could repeat it forever.
                if requested is None or self._clock() + max(requested, pause) > give_up:
                    return _last_answer(method, response, repeated=attempt > 0)
                pause = max(requested, pause)
            await self._sleep(pause)
        raise AssertionError("unreachable")

    def describe(self, method: str, url: str, response: CompleteResponse) -> str:
        """Describe an answered request and its redirection, for an error message."""
        request = f"{method} {without_secrets(httpx.URL(url))}"
        if response.url != httpx.URL(url):
            request += f", redirected to {without_secrets(response.url)}"
        return request if self._is_instance(response.url) else f"{request}, where no token is sent"

    async def _follow(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, writes: bool
    ) -> CompleteResponse:
        """Send a request; follow the redirects of a GET or HEAD."""
        target = httpx.URL(url)
        response = await self._send_once(method, target, headers, body, writes=writes)
        for _ in range(REDIRECTS):
            location = response.headers.get("location")
            followed = method in READS and response.status_code in REDIRECTED
            if not followed or not location:
                break
            target = self._redirected(target, location, response)
            response = await self._send_once(method, target, headers, body, writes=writes)
        return response

    def _redirected(self, url: httpx.URL, location: str, response: CompleteResponse) -> httpx.URL:
        """Return the URL that GitLab redirects to.

        Raises:
            AddressRefused: It names an address that GitLab may not choose.
            RedirectionException: It is not a URL, or not one of HTTPS.
        """
        shown = without_secrets(url)
        try:
            target = url.join(location)
            if self._is_instance(target):
                return target
        except (httpx.InvalidURL, ValueError):
            target = None
        if target is None or target.scheme != "https" or not HOST.fullmatch(target.netloc):
            raise RedirectionException(
                response.status_code,
                f"{shown} redirects to something other than a page of HTTPS, which is not followed",
            )
        address = literal(target.host)
        if address is not None and not is_permitted(address, private=self._is_private(response)):
            raise AddressRefused(f"{shown} redirects to {target.host}, which GitLab may not choose")
        return target

    def _is_private(self, response: CompleteResponse) -> bool:
        """Return whether GitLab has a private address, as the connection of its answer shows."""
        own = literal(response.peer.partition("%")[0] if response.peer else self._instance.host)
        return own is not None and is_private(own)

    async def _send_once(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        body: bytes,
        *,
        writes: bool,
    ) -> CompleteResponse:
        if self.closed:
            # A handler that repeats its requests regardless must not occupy the event loop.
            await asyncio.sleep(CLOSED_PAUSE)
            raise RunEnded(f"{method} {without_secrets(url)} is not sent: the run has ended")
        sent = dict(headers)
        if self._access_token is not None and self._is_instance(url):
            sent["authorization"] = f"Bearer {self._access_token}"
        # Not only ASCII: the requester may have any name.
        encoded = httpx.Headers(sent, encoding="utf-8")
        limit = self._time_limit()
        request = self._request(method, url, encoded, body, limit)
        if not writes:
            return await self._answer(request, limit)
        write = (method, str(url), body)
        self._unanswered[write] += 1
        try:
            response = await self._answer(request, limit)
        except NEVER_SENT:
            self._unanswered[write] -= 1
            raise
        if response.status_code not in GAVE_UP:
            self._unanswered[write] -= 1
            if method in IDEMPOTENT and _is_decision(response):
                del self._unanswered[write]  # earlier ones are settled too
        return response

    def _request(
        self, method: str, url: httpx.URL, headers: httpx.Headers, body: bytes, limit: float | None
    ) -> httpx.Request:
        timeout = None
        if limit is not None:
            timeout = httpx.Timeout(limit, connect=min(limit, CONNECT_TIMEOUT))
        if isinstance(self._client, httpx.AsyncClient):
            timeout = timeout or self._client.timeout
            return self._client.build_request(
                method, url, headers=headers, content=body or None, timeout=timeout
            )
        extensions = {"timeout": (timeout or DEFAULT_TIMEOUT).as_dict()}
        return httpx.Request(
            method, url, headers=headers, content=body or None, extensions=extensions
        )

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        """Return an answer whose body is not read yet."""
        if isinstance(self._client, httpx.AsyncClient):
            return await self._client.send(request, stream=True, follow_redirects=False)
        return await self._client.handle_async_request(request)

    async def _answer(self, request: httpx.Request, limit: float | None) -> CompleteResponse:
        """Return the answer to a request; name the request in the error if none comes."""
        try:
            # httpx limits each step, and a slow answer has many.
            async with asyncio.timeout(limit):
                response = await self._exchange(request)
                try:
                    return await self._read(request, response)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise httpx.ReadTimeout(_failure(request, error), request=request) from error
        except httpx.TransportError as error:
            raise type(error)(_failure(request, error), request=request) from error

    async def _read(self, request: httpx.Request, response: httpx.Response) -> CompleteResponse:
        """Read the body of an answer, and decode it."""
        headers = response.headers
        try:
            decoder = Decoder(headers.get("content-encoding", ""), self._response_limit)
            async for part in cast("httpx.AsyncByteStream", response.stream):
                decoder.feed(part)
            body = decoder.result()
        except Exceeded:
            raise ResponseTooLarge(_shown(request), self._response_limit) from None
        except ValueError as error:
            raise GitLabBroken(response.status_code, f"{_shown(request)}: {error}") from None
        stream = response.extensions.get("network_stream")
        address = stream.get_extra_info("server_addr") if stream is not None else None
        peer = str(address[0]) if address else None
        return CompleteResponse(response.status_code, headers, body, request.url, peer)

    def _time_limit(self) -> float | None:
        """Return the time that a request may take now, in seconds."""
        left = None if self.deadline is None else max(self.deadline - self._clock(), 0.0)
        return min((one for one in (self.request_timeout, left) if one is not None), default=None)

    def _is_instance(self, url: httpx.URL) -> bool:
        """Return whether a URL belongs to the configured instance: its host and its sub-path."""
        own = self._instance
        if (url.scheme, url.host, url.port) != (own.scheme, own.host, own.port) or url.userinfo:
            return False
        base = own.path.rstrip("/")
        return not base or (url.path.startswith(f"{base}/") and not _leaves(url.raw_path))


def _leaves(raw_path: bytes) -> bool:
    """Return whether a server may take a path for one in a parent folder.

    A segment begins with two dots, however often they are encoded and with what they are mixed.
    """
    path = raw_path.partition(b"?")[0].decode("ascii")
    while (decoded := unquote(path)) != path:
        path = decoded
    # "\ufffd" stands for bytes that are not UTF-8, such as those of an overlong dot.
    return "\ufffd" in path or UP.search(unicodedata.normalize("NFKC", path)) is not None


def without_secrets(url: httpx.URL) -> httpx.URL:
    """Return a URL without the parts that may contain a secret."""
    return url.copy_with(userinfo=b"", query=None, fragment=None)


def _shown(request: httpx.Request) -> str:
    return f"{request.method} {without_secrets(request.url)}"


def _failure(request: httpx.Request, error: Exception) -> str:
    """Describe a request without an answer, and the reason."""
    if (step := TIMED_STEPS.get(type(error))) is not None:
        name, missing = step
        seconds = round(request.extensions["timeout"][name], 1)
        reason = f"no {missing} within {seconds:g} s"
    else:
        reason = str(error) or "the connection broke"
    return f"{_shown(request)}: {reason}"


def _may_repeat(error: httpx.TransportError, *, writes: bool) -> bool:
    """Return whether a request without an answer can be sent again without acting twice."""
    return isinstance(error, NEVER_SENT) or (not writes and isinstance(error, DROPPED))


def _requested_pause(response: CompleteResponse, pause: float, *, writes: bool) -> float | None:
    """Return the number of seconds until the request is repeated; `None` if it is not."""
    limited = response.status_code == HTTPStatus.TOO_MANY_REQUESTS
    passing = response.status_code in PASSING and not writes
    if not (limited or passing or _is_resource_lock(response)):
        return None
    requested = retry_after(response.headers, now=time.time())
    return pause if requested is None and not limited else requested


def _is_decision(response: CompleteResponse) -> bool:
    """Return whether GitLab judged the request, rather than put it off."""
    postponed = response.status_code in POSTPONED or _is_resource_lock(response)
    return response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR and not postponed


def _is_resource_lock(response: CompleteResponse) -> bool:
    """Return whether GitLab rolled back, because another request changed the same thing."""
    return response.status_code == HTTPStatus.CONFLICT and b"Resource lock" in response.content


def _unsent_answer(method: str, url: str, body: bytes) -> CompleteResponse:
    """Return the answer to a write that was not sent: its own data, if that is a JSON object."""
    if method == "DELETE":
        return CompleteResponse(HTTPStatus.NO_CONTENT, httpx.Headers(), b"", httpx.URL(url))
    is_object = isinstance(json.loads(body or b"null"), dict)
    headers = httpx.Headers({"content-type": "application/json"})
    return CompleteResponse(HTTPStatus.OK, headers, body if is_object else b"{}", httpx.URL(url))


def _last_answer(method: str, response: CompleteResponse, *, repeated: bool) -> CompleteResponse:
    gone = response.status_code == HTTPStatus.NOT_FOUND
    if method == "DELETE" and repeated and gone:
        return CompleteResponse(HTTPStatus.NO_CONTENT, httpx.Headers(), b"", response.url)
    return response
