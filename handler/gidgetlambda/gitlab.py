"""GitLabAPI: GitLab's REST and GraphQL APIs over httpx.

`sender` sends the requests, `response` interprets the answers, and `notes` posts comments once.

https://docs.gitlab.com/api/rest/ and https://docs.gitlab.com/api/graphql/
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, unquote, unquote_plus, urlencode, urljoin

import httpx

from . import notes, quoting, settings
from .errors import BadRequest, GitLabException, HTTPException, NoTarget, RateLimitExceeded
from .rate_limit import RateLimit
from .response import create_headers, decipher_graphql_response, decipher_response
from .sender import RESPONSE_LIMIT, CompleteResponse, Sender, without_secrets

if TYPE_CHECKING:
    from .account import Account
    from .event import Event
    from .notes import Origin

# URL → the headers that ask GitLab to confirm an answer, its headers and its body
Cache: TypeAlias = MutableMapping[str, tuple[dict[str, str], dict[str, str], bytes]]
CACHED_ANSWERS = 500
CACHED_BYTES = 100_000  # of one answer

# In GraphQL: strings and comments, which may contain any word.
GRAPHQL_TEXT = re.compile(r'"""(?:\\"""|[\s\S])*?"""|"(?:\\.|[^"\\\n])*"|#[^\r\n]*')

NO_DATA = b""  # None is a value of JSON, so it cannot stand for "no body"

# GitLab stores an emoji under its first name.
EMOJI_ALIASES = {"+1": "thumbsup", "-1": "thumbsdown"}


class GitLabAPI:
    """GitLab's API, for one requester.

    A 429, 502, 503, 504 or 409 "Resource lock" is retried if that takes no more than 5 seconds in
    all; a write is repeated only if GitLab certainly did not act on it.

    Args:
        client: Sends the requests; its owner closes it. It is a client or a transport of httpx.
        requester: The bot's name, sent as the user agent.
        access_token: A personal, project, group or OAuth token.
        url: The instance's base URL; `GL_URL` or https://gitlab.com by default.
        api_version: The version of the REST API.
        cache: Keeps up to 500 answers that GitLab can confirm by `ETag` or `Last-Modified`, of up
            to 100,000 bytes each.
        response_limit: The bytes that an answer may have, decoded.

    Raises:
        TypeError: The client is of another library.
        HTTPException: GitLab's answer is not a success; the subclass depends on its status. This
            applies to each method that sends a request.
        ResponseTooLarge: The answer exceeds `response_limit`.
        AddressRefused: GitLab redirects to an address inside the network that this process runs in.
        httpx.RequestError: No answer came.
    """

    def __init__(
        self,
        client: httpx.AsyncClient | httpx.AsyncBaseTransport,
        requester: str,
        *,
        access_token: str | None = None,
        url: str | None = None,
        api_version: str = "v4",
        cache: Cache | None = None,
        response_limit: int = RESPONSE_LIMIT,
    ) -> None:
        if not isinstance(client, httpx.AsyncClient | httpx.AsyncBaseTransport):
            kind = f"{type(client).__module__}.{type(client).__qualname__}"
            raise TypeError(f"GitLabAPI cannot use {kind}: open an httpx.AsyncClient")
        self.requester = requester
        self.access_token = access_token
        self._base_url = (url or settings.gitlab_url()).rstrip("/")
        self.api_url = f"{self._base_url}/api/{api_version}/"
        self.graphql_endpoint = f"{self._base_url}/api/graphql"
        self.rate_limit: RateLimit | None = None
        self._sender = Sender(
            client, self._base_url, access_token, self.sleep, response_limit=response_limit
        )
        self._cache = cache
        self._origin: Origin | None = None
        self._me: Account | None = None
        self._run: notes.Notes | None = None

    def __repr__(self) -> str:
        return f"<GitLabAPI {self.requester!r} at {without_secrets(httpx.URL(self._base_url))}>"

    def act_for(self, origin: Origin, me: Account | None = None) -> None:
        """Make further requests for a handler's run: its notes get markers and are posted once."""
        self._origin = origin
        self._me = me
        self._run = notes.Notes(self, origin)

    def limit_time(self, request_timeout: float, time_left: float) -> None:
        """Limit the time of further requests.

        Args:
            request_timeout: The time that one request may take, in seconds.
            time_left: The time from now at which every request ends, in seconds.
        """
        self._sender.request_timeout = request_timeout
        self._sender.deadline = time.monotonic() + time_left

    def send_no_writes(self, report: Callable[[str, str, str], None]) -> None:
        """Report further writes by method, URL and body instead of sending them.

        A POST, PUT or PATCH returns the data that would be sent, a DELETE `None`, and a GraphQL
        mutation an empty dict. GraphQL queries are sent.
        """
        self._sender.report_unsent = report

    @property
    def me(self) -> Account:
        """The account of the access token: its `user_id`, `username` and `bot`.

        Raises:
            GitLabException: It is used in a script, where no account was requested.
        """
        if self._me is None:
            raise GitLabException("gl.me needs a handler's run: use getitem('/user') in a script")
        return self._me

    def close(self) -> None:
        """End the handler's run: each further request raises `RunEnded` and is not sent."""
        self._sender.closed = True

    @property
    def unanswered_write(self) -> bool:
        """Whether GitLab may still act on a write of this API whose answer never came."""
        return self._sender.unanswered_writes > 0

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
            GitLabException: The answer is not a list, or the pages lead in a circle.
        """
        more: str | None = self.format_url(url)
        pages: set[str] = set()
        while more:
            page = more
            if page in pages:
                raise GitLabException(f"GitLab's links to the next page of {url} lead in a circle")
            pages.add(page)
            data, more = await self._request("GET", page, params)
            if data is None:
                return
            if not isinstance(data, list):
                raise GitLabException(f"{url} is not a list: request it with getitem")
            for item in data:
                yield item
            params = None  # the link contains them
            more = self._next_page(page, more)

    async def head(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """HEAD: return the headers of the answer to a GET."""
        headers, _ = await self._request("HEAD", url, params)
        return headers

    async def post(self, url: str, params: Mapping[str, Any] | None = None, *, data: Any) -> Any:
        """POST `data` as JSON; `b""` sends no body."""
        return await self._write("POST", url, params, data)

    async def put(
        self, url: str, params: Mapping[str, Any] | None = None, *, data: Any = NO_DATA
    ) -> Any:
        """PUT `data` as JSON."""
        return await self._write("PUT", url, params, data)

    async def patch(self, url: str, params: Mapping[str, Any] | None = None, *, data: Any) -> Any:
        """PATCH with `data` as JSON."""
        return await self._write("PATCH", url, params, data)

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
        writes = _is_mutation(query)
        response = await self._sender.send(
            "POST", self.graphql_endpoint, headers, body, writes=writes
        )
        if writes and self._sender.report_unsent is not None:
            return {}
        self.rate_limit = RateLimit.from_http(response.headers)
        try:
            return decipher_graphql_response(
                response.status_code, response.headers, response.content
            )
        except HTTPException as error:
            error.request = self._sender.describe("POST", self.graphql_endpoint, response)
            raise

    async def comment(
        self,
        target_path: str,
        body: str,
        *,
        key: str | None = None,
        update: bool = False,
        internal: bool | None = None,
    ) -> Any:
        """Comment on a target at most once; return the note.

        In a handler's run, the note is found again by its marker, however often the task is
        retried, resent or replayed. In a script, each call posts a note, without a marker.

        Args:
            target_path: A path like `Event.target_path`: "/projects/1/issues/23".
            body: The text, in Markdown. More than a million characters are cut.
            key: Identifies the note among those of this handler on the target. By default, the text
                does: a text that can differ between tries (a time, a count) needs a key.
            update: Keep one note of this handler, target and key across deliveries, and edit it.
            internal: Whether only members of the project see the note.

        Raises:
            GitLabException: `update` is used in a script.
            TypeError: The target is not a path.
            ValueError: The run used the key before on this target, or the target accepts no
                internal notes.
        """
        if not isinstance(target_path, str):
            raise TypeError(
                f"the target of a comment is a path, not {target_path!r}: check event.target_path, "
                "which is None for an event without a target, or use gl.reply"
            )
        path = f"/{target_path.strip('/')}"
        if self._run is not None:
            return await self._run.comment(
                path, body, key=key, update=update, internal=bool(internal)
            )
        if update:
            raise GitLabException(
                "comment(update=True) needs a handler's run: omit `update` in a script"
            )
        url, data = notes.new_note(path, body, internal=bool(internal))
        return await self.post(url, data=data)

    async def reply(
        self,
        event: Event,
        body: str,
        *,
        key: str | None = None,
        internal: bool | None = None,
        thread: bool = False,
    ) -> Any:
        """Comment at most once on the event's subject; return the note.

        Args:
            event: The event.
            body: The text, in Markdown.
            key: As for `comment`.
            internal: Whether only members of the project see the note. By default, an answer to an
                internal note is internal.
            thread: Answer in the discussion of the event's note; without one, comment as usual.

        Raises:
            NoTarget: The event has no subject that can be commented on. The run ends as `ignored`.
            ValueError: As for `comment`, or the answer is internal in a public discussion.
        """
        path = event.target_path
        if path is None:
            raise NoTarget(
                f"a {event.event!r} event has no subject that can be commented on: "
                "to comment elsewhere, name the target: gl.comment(path, …)"
            )
        if thread and event.discussion_id is not None:
            if internal and not event.internal:
                raise ValueError("an answer in a public discussion cannot be internal")
            path = f"{path}/discussions/{event.discussion_id}"
            internal = False  # GitLab makes the answer as internal as the discussion
        return await self.comment(
            path, body, key=key, internal=event.internal if internal is None else internal
        )

    async def open_issue(
        self, project: int | str, title: str, description: str, *, key: str
    ) -> Any:
        """Open an issue at most once; return the issue.

        In a handler's run, the issue is found again by the marker in its description. In a script,
        each call opens an issue.

        https://docs.gitlab.com/api/issues/#create-an-issue

        Args:
            project: The project's ID or full path.
            title: The title.
            description: The text, in Markdown.
            key: Identifies the issue among those that this handler opens in the project for one
                delivery.

        Raises:
            ValueError: The run used the key before in this project.
        """
        path = f"/projects/{quote(unquote(str(project)), safe='')}/issues"
        data = {"title": title, "description": description}
        if self._run is not None:
            return await self._run.open_issue(path, data, key=key)
        return await self.post(path, data=data)

    async def add_labels(self, event: Event, *names: str) -> Any:
        """Add labels to the event's issue or merge request, and keep its other labels.

        Returns:
            The issue or merge request, `None` without a name.

        Raises:
            NoTarget: The event has no issue or merge request.
            ValueError: A name contains a comma.
        """
        return await self._change_labels("add_labels", event, names)

    async def remove_labels(self, event: Event, *names: str) -> Any:
        """Remove labels from the event's issue or merge request, and keep its other labels.

        Returns:
            The issue or merge request, `None` without a name.

        Raises:
            NoTarget: The event has no issue or merge request.
            ValueError: A name contains a comma.
        """
        return await self._change_labels("remove_labels", event, names)

    async def react(self, event: Event, name: str) -> Any:
        """Award an emoji to the event's note, else to its subject.

        https://docs.gitlab.com/api/emoji_reactions/

        Args:
            event: The event.
            name: The name of the emoji without colons: "thumbsup".

        Returns:
            The award, or `None` if the emoji was there already.

        Raises:
            NoTarget: The event has no subject that an emoji can be awarded to. The run ends as
                `ignored`.
        """
        if event.awardable_path is None:
            raise NoTarget(
                f"a {event.event!r} event has no subject that an emoji can be awarded to"
            )
        path = f"{event.awardable_path}/award_emoji"
        try:
            return await self.post(path, data={"name": name})
        except RateLimitExceeded:
            raise
        except BadRequest:
            # The message of a repeated award is in the language of the account.
            if await self._has_awarded(path, name):
                return None
            raise

    async def send(self, method: str, url: str, data: Any) -> Any:
        """Send a request with its texts as they are; return the data of the answer.

        Args:
            method: The method in capitals.
            url: Relative to the API, or absolute.
            data: The body, sent as JSON; `b""` sends none.
        """
        answer, _ = await self._request(method, url, data=data)
        return answer

    def format_url(self, url: str, params: Mapping[str, Any] | None = None) -> str:
        """Return the absolute form of a URL, with its query.

        Args:
            url: Relative to the API, or absolute.
            params: `None` values are left out; `True` and `False` are written as in JSON. A list is
                written as GitLab reads it: "iids[]=1&iids[]=2".
        """
        if "/." in url or ("://" in url and not url.startswith(self.api_url)):
            url = urljoin(self.api_url, url.lstrip("/"))
        elif "://" not in url:
            url = self.api_url + url.lstrip("/")
        added = [pair for name, value in (params or {}).items() for pair in _pairs(name, value)]
        if not added:
            return url
        path, _, query = url.partition("?")
        replaced = {name for name, _ in added}
        kept = [part for part in query.split("&") if part and _name(part) not in replaced]
        return f"{path}?{'&'.join([*kept, urlencode(added)])}"

    @staticmethod
    def quote(text: str) -> str:
        """Return Markdown that shows a text as it is, in a block quote with a code block.

        Use it to repeat a text that somebody else wrote. A quick action in it is not executed, and
        nobody is mentioned. It is a paragraph of its own: write it after and before an empty line.
        """
        return quoting.quote(text)

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        await asyncio.sleep(seconds)

    async def _write(
        self, method: str, url: str, params: Mapping[str, Any] | None, data: Any
    ) -> Any:
        """Send a request whose texts may need a marker, and must not contain another one."""
        url = self.format_url(url, params)
        if self._run is not None:
            return await self._run.write(method, url, data)
        return await self.send(method, *notes.rewritten(url, data, notes.strip))

    async def _change_labels(self, change: str, event: Event, names: tuple[str, ...]) -> Any:
        path = event.target_path
        if path is None or event.iid is None:
            raise NoTarget(f"a {event.event!r} event has no issue or merge request to label")
        if any("," in name for name in names):
            raise ValueError(f"the name of a label cannot contain a comma: {names}")
        return await self.put(path, data={change: ",".join(names)}) if names else None

    async def _has_awarded(self, path: str, name: str) -> bool:
        """Return whether the account has awarded an emoji; the path is that of the awards."""
        user_id = self._origin.user_id if self._origin else (await self.getitem("/user"))["id"]
        names = (name, EMOJI_ALIASES.get(name))
        async for award in self.getiter(path, {"per_page": 100}):
            user = award.get("user") if isinstance(award, dict) else None
            own = isinstance(user, dict) and user.get("id") == user_id
            if own and award.get("name") in names:
                return True
        return False

    async def _request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Any = NO_DATA,
    ) -> tuple[Any, str | None]:
        """Send one request; return its data and the next page's URL."""
        url = self.format_url(url, params)
        headers, body = self._encode(data)
        cached = self._cache.get(url) if self._cache and method == "GET" else None
        if cached is not None and body == NO_DATA:
            headers |= cached[0]
        if self.rate_limit is not None:
            self.rate_limit.remaining -= 1
        response = await self._sender.send(method, url, headers, body)
        found: Mapping[str, str] = response.headers
        status, content = response.status_code, response.content
        if status == HTTPStatus.NOT_MODIFIED and cached is not None:
            status, found, content = HTTPStatus.OK, *cached[1:]
        try:
            answer, self.rate_limit, more = decipher_response(status, found, content, method)
        except HTTPException as error:
            error.request = self._sender.describe(method, url, response)
            raise
        if self._cache is not None and method == "GET":
            self._remember(self._cache, url, response)
        return answer, more

    def _next_page(self, page: str, link: str | None) -> str | None:
        """Return the URL of the next page.

        GitLab writes its `external_url` into the link, which can differ from the address that the
        bot uses.
        """
        if link is None or not page.startswith(self.api_url):
            return link
        version = self.api_url.removeprefix(self._base_url)
        _, found, rest = link.partition(version)
        if not found:
            raise GitLabException(f"GitLab's link to the page after {page} is not one of its API")
        return self.api_url + rest

    def _encode(self, data: Any) -> tuple[dict[str, str], bytes]:
        """Return the headers, without the token, and the body of a request."""
        headers = create_headers(self.requester)
        if isinstance(data, bytes) and data == NO_DATA:
            return headers, NO_DATA
        headers["content-type"] = "application/json; charset=utf-8"
        return headers, json.dumps(data).encode()

    def _remember(self, cache: Cache, url: str, response: CompleteResponse) -> None:
        """Keep an answer that GitLab can confirm, and no more than `CACHED_ANSWERS`."""
        names = {"if-none-match": "etag", "if-modified-since": "last-modified"}
        headers = response.headers
        confirming = {name: headers[of] for name, of in names.items() if of in headers}
        fits = len(response.content) <= CACHED_BYTES
        if not confirming or not fits or response.status_code != HTTPStatus.OK:
            return
        kept = {name: headers[name] for name in ("content-type", "link") if name in headers}
        cache[url] = confirming, kept, response.content
        while len(cache) > CACHED_ANSWERS:
            del cache[next(iter(cache))]


def _pairs(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a query for a parameter.

    https://docs.gitlab.com/api/rest/#array
    """
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _pairs(f"{name}[{key}]", part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _pairs(name if name.endswith("[]") else f"{name}[]", part)
    elif value is not None:
        yield name, str(value).lower() if isinstance(value, bool) else value


def _name(part: str) -> str:
    """Return the name of a parameter in a query."""
    return unquote_plus(part.partition("=")[0])


def _is_mutation(query: str) -> bool:
    """Return whether a GraphQL document may change something."""
    return re.search(r"\bmutation\b", GRAPHQL_TEXT.sub("", query)) is not None
