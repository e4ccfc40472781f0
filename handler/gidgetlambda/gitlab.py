"""GitLabAPI: GitLab's REST and GraphQL APIs over httpx.

`transport` sends the requests, `response` interprets the answers, and `notes` posts comments once.

https://docs.gitlab.com/api/rest/ and https://docs.gitlab.com/api/graphql/
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Mapping, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit, urlunsplit

import httpx

from . import markers, notes, settings
from .errors import BadRequest, GitLabException, HTTPException, NoTarget
from .rate_limit import RateLimit
from .response import create_headers, decipher_graphql_response, decipher_response
from .transport import Transport, without_secrets

if TYPE_CHECKING:
    from .event import Event
    from .notes import Origin

# URL → ETag, Last-Modified, data, URL of the next page
Cache: TypeAlias = MutableMapping[str, tuple[str | None, str | None, Any, str | None]]

NO_DATA = b""  # None is a value of JSON, so it cannot stand for "no body"


class GitLabAPI:
    """GitLab's API, for one requester.

    A 429, 502, 503 or 504 is retried if that takes no more than 5 seconds in all; a POST or PATCH
    is repeated only if GitLab cannot have acted on it.

    Args:
        client: Sends the requests; its owner closes it.
        requester: The bot's name, sent as the user agent.
        access_token: A personal, project, group or OAuth token.
        url: The instance's base URL; `GL_URL` or https://gitlab.com by default.
        api_version: The version of the REST API.
        cache: Keeps the answers that GitLab can confirm by `ETag` or `Last-Modified`.

    Raises:
        HTTPException: GitLab's answer is not a success; the subclass depends on its status. This
            applies to each method that sends a request.
        httpx.RequestError: No answer came.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        requester: str,
        *,
        access_token: str | None = None,
        url: str | None = None,
        api_version: str = "v4",
        cache: Cache | None = None,
    ) -> None:
        self._client = client
        self.requester = requester
        self.access_token = access_token
        self._base_url = (url or settings.gitlab_url()).rstrip("/")
        self.api_url = f"{self._base_url}/api/{api_version}/"
        self.graphql_endpoint = f"{self._base_url}/api/graphql"
        self.rate_limit: RateLimit | None = None
        self._transport = Transport(client, self._base_url, access_token, self.sleep)
        self._cache = cache
        self._origin: Origin | None = None
        self._replies = itertools.count(1)

    def __repr__(self) -> str:
        return f"<GitLabAPI {self.requester!r} at {without_secrets(httpx.URL(self._base_url))}>"

    def act_for(self, origin: Origin) -> None:
        """Make further requests for a handler's run: its notes get markers and are posted once."""
        self._origin = origin

    def close(self) -> None:
        """End the handler's run: each further request raises `RunEnded` and is not sent."""
        self._transport.closed = True

    @property
    def unanswered_write(self) -> bool:
        """Whether GitLab may still act on a write of this API whose answer never came."""
        return self._transport.unanswered_writes > 0

    async def getitem(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """GET one thing.

        Args:
            url: Relative to the API ("/projects/1"), or absolute.
            params: The query; `None` values are left out.
        """
        data, _ = await self._request("GET", url, params)
        return data

    async def getiter(
        self, url: str, params: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Any, None]:
        """GET the items of a list, page by page, along GitLab's `Link` headers.

        https://docs.gitlab.com/api/rest/#pagination

        Raises:
            GitLabException: The answer is not a list.
        """
        more: str | None = url
        while more:
            page = more
            data, more = await self._request("GET", page, params)
            if data is None:
                return
            if not isinstance(data, list):
                raise GitLabException(f"{url} is not a list: request it with getitem")
            for item in data:
                yield item
            params = None  # the link contains them
            if more == page:
                raise GitLabException(
                    f"GitLab's link to the next page of {url} leads to the page itself"
                )

    async def head(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """HEAD: return the headers of the answer to a GET."""
        headers, _ = await self._request("HEAD", url, params)
        return headers

    async def post(self, url: str, params: Mapping[str, Any] | None = None, *, data: Any) -> Any:
        """POST `data` as JSON; `b""` sends no body."""
        answer, _ = await self._request("POST", url, params, data)
        return answer

    async def put(
        self, url: str, params: Mapping[str, Any] | None = None, *, data: Any = NO_DATA
    ) -> Any:
        """PUT `data` as JSON."""
        answer, _ = await self._request("PUT", url, params, data)
        return answer

    async def patch(self, url: str, params: Mapping[str, Any] | None = None, *, data: Any) -> Any:
        """PATCH with `data` as JSON."""
        answer, _ = await self._request("PATCH", url, params, data)
        return answer

    async def delete(
        self, url: str, params: Mapping[str, Any] | None = None, *, data: Any = NO_DATA
    ) -> None:
        """DELETE one thing."""
        await self._request("DELETE", url, params, data)

    async def graphql(self, query: str, **variables: Any) -> Any:
        """Send a GraphQL query; return its `data`.

        A note that a mutation creates has no marker: comment with `comment` or `reply`.

        Raises:
            GraphQLException: The answer has no data.
        """
        payload = {"query": query, "variables": variables} if variables else {"query": query}
        headers, body = self._encode(payload)
        response = await self._transport.send("POST", self.graphql_endpoint, headers, body)
        self.rate_limit = RateLimit.from_http(response.headers)
        try:
            return decipher_graphql_response(
                response.status_code, response.headers, response.content
            )
        except HTTPException as error:
            error.request = self._transport.describe("POST", self.graphql_endpoint, response)
            raise

    async def comment(
        self, target_path: str, body: str, *, key: str = "", update: bool = False
    ) -> Any:
        """Comment on a target at most once; return the note.

        In a handler's run, the note is found again by its marker, however often the task is
        retried, resent or replayed. In a script, each call posts a note, without a marker.

        Args:
            target_path: A path like `Event.target_path`: "/projects/1/issues/23".
            body: The text, in Markdown.
            key: Distinguishes several comments of one handler on one target.
            update: Keep one note of this handler on the target across deliveries, and edit it.

        Raises:
            GitLabException: `update` is used in a script.
        """
        path = target_path.rstrip("/")
        if self._origin is not None:
            run = notes.Notes(self, self._origin)
            return await run.comment(path, body, key=key, update=update)
        if update:
            raise GitLabException(
                "comment(update=True) needs a handler's run: omit `update` in a script"
            )
        return await notes.create(self, path, body)

    async def reply(self, event: Event, body: str, *, key: str = "") -> Any:
        """Comment at most once on the event's subject; return the note.

        Args:
            event: The event.
            body: The text, in Markdown.
            key: As for `comment`; by default, the number of this call in the handler's run.

        Raises:
            NoTarget: The event has no subject that can be commented on.
        """
        ordinal = f"reply {next(self._replies)}"
        if event.target_path is None:
            raise NoTarget(
                f"a {event.event!r} event has no subject that can be commented on: "
                "check event.target_path first, or name the target: gl.comment(path, …)"
            )
        return await self.comment(event.target_path, body, key=key or ordinal)

    async def react(self, event: Event, name: str) -> Any:
        """Award an emoji to the event's note, else to its subject.

        https://docs.gitlab.com/api/emoji_reactions/

        Args:
            event: The event.
            name: The name of the emoji without colons: "thumbsup".

        Returns:
            The award, or `None` if the emoji was there already.

        Raises:
            NoTarget: The event has no subject that an emoji can be awarded to.
        """
        if event.awardable_path is None:
            raise NoTarget(
                f"a {event.event!r} event has no subject that an emoji can be awarded to: "
                "check event.awardable_path first"
            )
        try:
            return await self.post(f"{event.awardable_path}/award_emoji", data={"name": name})
        except BadRequest as error:
            if "already been taken" in str(error):
                return None
            raise

    async def send(self, method: str, url: str, data: Any) -> Any:
        """Send a request without adding a marker; return the data of the answer.

        Args:
            method: The method in capitals.
            url: Relative to the API, or absolute.
            data: The body, sent as JSON; `b""` sends none.
        """
        answer, _ = await self._request(method, url, data=data, add_marker=False)
        return answer

    def format_url(self, url: str, params: Mapping[str, Any] | None = None) -> str:
        """Return the absolute form of a URL, with its query.

        Args:
            url: Relative to the API, or absolute.
            params: `None` values are left out; `True` and `False` are written as in JSON.
        """
        url = urljoin(self.api_url, url.lstrip("/"))
        if not params:
            return url
        parts = urlsplit(url)
        query: dict[str, Any] = dict(parse_qs(parts.query, keep_blank_values=True))
        query.update(
            {name: _query_value(value) for name, value in params.items() if value is not None}
        )
        return urlunsplit(parts._replace(query=urlencode(query, doseq=True)))

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        await asyncio.sleep(seconds)

    async def _request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Any = NO_DATA,
        *,
        add_marker: bool = True,
    ) -> tuple[Any, str | None]:
        """Send one request; return its data and the next page's URL."""
        url = self.format_url(url, params)
        if self._origin is not None and add_marker:
            url, data = markers.mark_request(method, url, data, self._origin.note_identity)
        headers, body = self._encode(data)
        cached = self._cached(method, url, headers) if body == NO_DATA else None
        if self.rate_limit is not None:
            self.rate_limit.remaining -= 1
        response = await self._transport.send(method, url, headers, body)
        if response.status_code == HTTPStatus.NOT_MODIFIED and cached is not None:
            return cached
        try:
            answer, self.rate_limit, more = decipher_response(
                response.status_code, response.headers, response.content, method=method
            )
        except HTTPException as error:
            error.request = self._transport.describe(method, url, response)
            raise
        self._remember(method, url, response.headers, answer, more)
        return answer, more

    def _encode(self, data: Any) -> tuple[dict[str, str], bytes]:
        """Return the headers, without the token, and the body of a request."""
        headers = create_headers(self.requester)
        if self._origin is not None and self._origin.event_uuid:
            headers["x-gitlab-event-uuid"] = self._origin.event_uuid
        if isinstance(data, bytes) and data == NO_DATA:
            return headers, NO_DATA
        headers["content-type"] = "application/json; charset=utf-8"
        return headers, json.dumps(data).encode()

    def _cached(
        self, method: str, url: str, headers: dict[str, str]
    ) -> tuple[Any, str | None] | None:
        """Return the cached answer to a request; add the headers that ask GitLab to confirm it."""
        known = self._cache.get(url) if self._cache is not None and method == "GET" else None
        if known is None:
            return None
        etag, last_modified, data, more = known
        if etag is not None:
            headers["if-none-match"] = etag
        if last_modified is not None:
            headers["if-modified-since"] = last_modified
        return data, more

    def _remember(
        self, method: str, url: str, headers: Mapping[str, str], data: Any, more: str | None
    ) -> None:
        etag, last_modified = headers.get("etag"), headers.get("last-modified")
        if self._cache is not None and method == "GET" and (etag or last_modified):
            self._cache[url] = etag, last_modified, data, more


def _query_value(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
