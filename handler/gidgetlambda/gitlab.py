"""GitLabAPI: GitLab's REST and GraphQL over httpx.

What an answer means is told by `response`, how the bot's own notes are known by `marks`; here the
requests are sent. The access token goes to the configured instance only.

https://docs.gitlab.com/api/rest/ and https://docs.gitlab.com/api/graphql/
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit, urlunsplit

import httpx

from . import markers
from .errors import BadRequest, GitLabException, HTTPException, NoTarget
from .rate_limit import RateLimit
from .response import (
    create_headers,
    decipher_graphql_response,
    decipher_response,
    retry_after,
)

if TYPE_CHECKING:
    from .event import Event

# URL → ETag, Last-Modified, data, next page
Cache: TypeAlias = MutableMapping[str, tuple[str | None, str | None, Any, str | None]]

DEFAULT_URL = "https://gitlab.com"
PATIENCE = 5.0  # seconds that one call may wait before it is tried again
FIRST_PAUSE = 0.5  # seconds; doubled each time
REDIRECTS = 5
# How far back a comment is looked for: longer than GitLab resends (7 days) and than a task is kept,
# queued (14 days) and parked (14 more), even if it was replayed once and parked again.
MEMORY = timedelta(days=60)
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
FOLLOWED = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({502, 503, 504})
GAVE_UP = frozenset({502, 504})  # the proxy did, and GitLab may still be at it
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
NO_DATA = b""  # None is a value of JSON, so it cannot stand for "nothing"


@dataclass(frozen=True)
class Origin:
    """What requests are made for: one handler's run on one delivery.

    user_id: the number of the access token's own user.
    event_uuid: sent along, so that GitLab can cut chains of events; `None` sends none.
    """

    delivery_id: str
    handler: str
    user_id: int
    event_uuid: str | None = None

    @property
    def note_identity(self) -> str:
        """The mark of a note that is posted without `comment`."""
        return markers.identity("note", self.delivery_id, self.handler)

    def comment_identity(self, path: str, key: str, *, standing: bool) -> str:
        """The mark of a comment; a standing one outlives the delivery."""
        if standing:
            return markers.identity("standing", self.handler, path, key)
        return markers.identity("once", self.delivery_id, self.handler, path, key)


class GitLabAPI:
    """GitLab's API, for one requester.

    client: sends the requests; it is the caller's to close.
    requester: the bot's name, sent as the user agent.
    access_token: a personal, project, group or OAuth token.
    url: the instance's base URL; `GL_URL`, else https://gitlab.com, where it is left out.
    api_version: "v4".
    cache: keeps answers that GitLab lets be asked for again by `ETag` or `Last-Modified`.

    Every method that sends a request raises the `HTTPException` that an answer other than success
    stands for, and lets httpx's `RequestError` through. A 429, 502, 503 or 504 is waited out
    where that takes no more than 5 seconds in all; a POST or PATCH is sent again only where GitLab
    cannot have acted on it.
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
        base_url = (url or os.environ.get("GL_URL") or DEFAULT_URL).rstrip("/")
        self.api_url = f"{base_url}/api/{api_version}/"
        self.graphql_endpoint = f"{base_url}/api/graphql"
        self.rate_limit: RateLimit | None = None
        self._instance = httpx.URL(base_url)
        self._cache = cache
        self._origin: Origin | None = None
        self._replies = itertools.count(1)
        self._unanswered_writes = 0

    def __repr__(self) -> str:
        return f"<GitLabAPI {self.requester!r} at {_shown(self._instance)}>"

    def act_for(self, origin: Origin) -> None:
        """Make this the API of one handler's run: its notes are marked and posted once."""
        self._origin = origin

    @property
    def unanswered_write(self) -> bool:
        """Whether GitLab may still act on a request of this API whose answer never came."""
        return self._unanswered_writes > 0

    async def getitem(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """GET one thing.

        url: relative to the API ("/projects/1"), or absolute.
        params: the query; `None` values are left out.
        """
        data, _ = await self._request("GET", url, params)
        return data

    async def getiter(
        self, url: str, params: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Any, None]:
        """GET the items of a list, page after page, as GitLab's `Link` headers lead.

        Raises `GitLabException` where the answer is no list.
        https://docs.gitlab.com/api/rest/#pagination
        """
        more: str | None = url
        while more:
            page = more
            data, more = await self._request("GET", page, params)
            if data is None:
                return
            if not isinstance(data, list):
                raise GitLabException(f"{url} is no list: ask for it with getitem")
            for item in data:
                yield item
            params = None  # the link holds them already
            if more == page:
                raise GitLabException(f"the next page of {url} is the page itself")

    async def head(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """HEAD: the headers that a GET would be answered with."""
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
        """DELETE."""
        await self._request("DELETE", url, params, data)

    async def graphql(self, query: str, **variables: Any) -> Any:
        """Ask GraphQL; return its `data`.

        Raises a `GraphQLException` where it answers with something else.
        """
        if self._origin is not None:
            identity = self._origin.note_identity
            query, variables = markers.mark_graphql(query, variables, identity)
        payload = {"query": query, "variables": variables} if variables else {"query": query}
        headers, body = self._encode(payload)
        response = await self._exchange("POST", self.graphql_endpoint, headers, body)
        self.rate_limit = RateLimit.from_http(response.headers)
        try:
            return decipher_graphql_response(
                response.status_code, response.headers, response.content
            )
        except HTTPException as error:
            error.request = self._asked("POST", self.graphql_endpoint, response)
            raise

    async def comment(
        self, target_path: str, body: str, *, key: str = "", update: bool = False
    ) -> Any:
        """Comment on a target at most once; return the note.

        For an event, the note is found again by its mark however often the task is tried, resent
        or replayed. A script's comment bears no mark and is posted each time.

        target_path: as `Event.target_path`: "/projects/1/issues/23".
        body: Markdown.
        key: tells several comments of one handler on one target apart.
        update: keep one note of this handler on the target, and change it in place.

        Raises `GitLabException` for `update` in a script.
        """
        path = target_path.rstrip("/")
        if self._origin is None:
            if update:
                raise GitLabException("comment(update=True) works for an event, not in a script")
            return await self._create_note(path, body)
        identity = self._origin.comment_identity(path, key, standing=update)
        text = markers.mark(body, identity)
        since = None if update else datetime.now(UTC) - MEMORY
        found = await self._find_note(path, identity, self._origin.user_id, since)
        if found is None:
            return await self._create_note(path, text)
        note_path, note = found
        if update and note["body"] != text:
            note, _ = await self._request("PUT", note_path, data={"body": text}, marked=True)
        return note

    async def reply(self, event: Event, body: str, *, key: str = "") -> Any:
        """Comment, at most once, on what the event is about; return the note.

        key: as for `comment`; the number of this call within the handler where it is left out.

        Raises `NoTarget` where the event is about nothing that can be commented on.
        """
        ordinal = f"reply {next(self._replies)}"
        if event.target_path is None:
            raise NoTarget(
                f"a {event.event!r} event is about nothing that can be commented on; "
                "ask event.target_path before, or name the target: gl.comment(path, …)"
            )
        return await self.comment(event.target_path, body, key=key or ordinal)

    async def react(self, event: Event, name: str) -> Any:
        """Award an emoji to what the event is about: the note, if it is of one.

        name: without colons: "thumbsup".

        Returns the award, or `None` where the emoji was there already. Raises `NoTarget` where
        the event is about nothing that takes one.
        https://docs.gitlab.com/api/emoji_reactions/
        """
        if event.awardable_path is None:
            raise NoTarget(f"a {event.event!r} event is about nothing that takes an emoji")
        try:
            return await self.post(f"{event.awardable_path}/award_emoji", data={"name": name})
        except BadRequest as error:
            if "already been taken" in str(error):
                return None
            raise

    def format_url(self, url: str, params: Mapping[str, Any] | None = None) -> str:
        """The absolute URL for one that is relative to the API or absolute, with its query.

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
        """Wait, in seconds."""
        await asyncio.sleep(seconds)

    async def _request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Any = NO_DATA,
        *,
        marked: bool = False,
    ) -> tuple[Any, str | None]:
        """Send one request; return its data and the next page's URL."""
        url = self.format_url(url, params)
        if self._origin is not None and not marked:
            url, data = markers.mark_request(method, url, data, self._origin.note_identity)
        headers, body = self._encode(data)
        cached = self._cached(method, url, headers) if body == NO_DATA else None
        if self.rate_limit is not None:
            self.rate_limit.remaining -= 1
        response = await self._exchange(method, url, headers, body)
        if response.status_code == HTTPStatus.NOT_MODIFIED and cached is not None:
            return cached
        try:
            answer, self.rate_limit, more = decipher_response(
                response.status_code, response.headers, response.content, method=method
            )
        except HTTPException as error:
            error.request = self._asked(method, url, response)
            raise
        self._remember(method, url, response.headers, answer, more)
        return answer, more

    def _asked(self, method: str, url: str, response: httpx.Response) -> str:
        """What was asked, for an error to name: also where that was redirected to."""
        asked = f"{method} {_shown(httpx.URL(url))}"
        if response.url == httpx.URL(url):
            return asked
        tokenless = "" if self._is_instance(response.url) else ", where no token is sent"
        return f"{asked}, redirected to {_shown(response.url)}{tokenless}"

    def _encode(self, data: Any) -> tuple[dict[str, str], bytes]:
        """The headers, without the token, and the body that carry the data."""
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
        """What the cache holds for a request; asks GitLab whether it still holds."""
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

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        """Send a request, and again after what passes soon, as long as patience lasts."""
        patience = PATIENCE
        for attempt in itertools.count():
            pause = FIRST_PAUSE * 2**attempt
            try:
                response = await self._follow(method, url, headers, body)
            except httpx.TransportError as error:
                if not _may_repeat(method, error) or pause > patience:
                    raise
            else:
                asked = _asked_to_wait(method, response, pause)
                # Not sooner than that: "Retry-After: 0" could go on forever.
                if asked is None or max(asked, pause) > patience:
                    return response
                pause = max(asked, pause)
            patience -= pause
            await self.sleep(pause)
        raise AssertionError("unreachable")

    async def _follow(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        """Send a request, and a GET or HEAD on to where it is redirected."""
        target = httpx.URL(url)
        response = await self._send(method, target, headers, body)
        for _ in range(REDIRECTS):
            location = response.headers.get("location")
            followed = method in ("GET", "HEAD") and response.status_code in FOLLOWED
            if not followed or not location:
                break
            target = target.join(location)
            response = await self._send(method, target, headers, body)
        return response

    async def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        sent = dict(headers)
        if self.access_token is not None and self._is_instance(url):
            sent["authorization"] = f"Bearer {self.access_token}"
        writes = method not in ("GET", "HEAD")
        self._unanswered_writes += writes
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
            self._unanswered_writes -= writes
            raise
        if response.status_code not in GAVE_UP:
            self._unanswered_writes -= writes
        return response

    def _is_instance(self, url: httpx.URL) -> bool:
        """Whether a URL is of the configured instance, which may share its host by a sub-path."""
        own = self._instance
        if (url.scheme, url.host, url.port) != (own.scheme, own.host, own.port):
            return False
        base = own.path.rstrip("/")
        # `url.path` is decoded; some servers take a backslash for a slash.
        climbs = ".." in url.path.replace("\\", "/").split("/")
        return not base or (url.path.startswith(f"{base}/") and not climbs)

    async def _create_note(self, path: str, text: str) -> Any:
        if _is_commit(path):
            url, data = f"{path}/comments", {"note": text}
        else:
            url, data = f"{path}/notes", {"body": text}
        note, _ = await self._request("POST", url, data=data, marked=True)
        return note

    async def _find_note(
        self, path: str, identity: str, user_id: int, since: datetime | None
    ) -> tuple[str, dict[str, Any]] | None:
        """The user's own note with that mark on a target, and the note's path.

        since: what was written before is not looked at, where GitLab sorts notes by their time.
        """
        async for note_path, note in self._notes(path, since):
            own = (note.get("author") or {}).get("id") == user_id
            if own and markers.find(note.get("body")) == identity:
                return note_path, note
        return None

    async def _notes(
        self, path: str, since: datetime | None
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """The notes on a target, newest first where GitLab sorts them, each with its path."""
        if _is_commit(path):
            async for discussion in self.getiter(f"{path}/discussions", {"per_page": 100}):
                for note in discussion["notes"]:
                    yield f"{path}/discussions/{discussion['id']}/notes/{note['id']}", note
            return
        newest_first = {
            "per_page": 100,
            "order_by": "created_at",
            "sort": "desc",
            "activity_filter": "only_comments",
        }
        async for note in self.getiter(f"{path}/notes", newest_first):
            if since is not None and _written(note) < since:
                return
            yield f"{path}/notes/{note['id']}", note


def _shown(url: httpx.URL) -> httpx.URL:
    """A URL without the parts that may hold a secret."""
    return url.copy_with(userinfo=b"", query=None, fragment=None)


def _is_commit(path: str) -> bool:
    return "/repository/commits/" in path


def _written(note: Mapping[str, Any]) -> datetime:
    """When a note was written; now, where GitLab does not say."""
    try:
        written = datetime.fromisoformat(note["created_at"])
    except (KeyError, TypeError, ValueError):
        return datetime.now(UTC)
    return written if written.tzinfo else written.replace(tzinfo=UTC)


def _query_value(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _may_repeat(method: str, error: httpx.TransportError) -> bool:
    """Whether a request that failed on the way can be sent again without acting twice."""
    if isinstance(error, NEVER_SENT):
        return True
    return method in REPEATABLE and isinstance(error, DROPPED)


def _asked_to_wait(method: str, response: httpx.Response, pause: float) -> float | None:
    """For how many seconds to wait before the request is sent again, `None` for not at all."""
    asked = retry_after(response.headers, now=time.time())
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return asked
    if response.status_code in PASSING and method in REPEATABLE:
        return pause if asked is None else asked
    return None
