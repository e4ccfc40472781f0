"""Response: turns an answer of GitLab into data, rate limit and next page, or into an exception.

This module performs no I/O; `gitlab` sends the requests. It reads the clock to compute
`RateLimitExceeded.retry_after`.

https://docs.gitlab.com/api/rest/ and https://docs.gitlab.com/api/rest/troubleshooting/
"""

from __future__ import annotations

import datetime
import email.utils
import json
import math
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from .errors import (
    BadGraphQLRequest,
    BadRequest,
    GitLabBroken,
    GraphQLAuthorizationFailure,
    GraphQLException,
    GraphQLResponseTypeError,
    HTTPException,
    InvalidField,
    QueryError,
    RateLimitExceeded,
    RedirectionException,
)
from .rate_limit import RateLimit
from .redactor import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

LINK_PARAMETER = re.compile(r';\s*([\w-]+)\s*=\s*(?:"([^"]*)"|([^",;\s]*))')
LINK_LIMIT = 16 * 1024  # characters
LONGEST = 366 * 24 * 3600.0  # seconds; later dates cannot be written everywhere
DATE_LIMIT = 100  # characters
LOCATION_LIMIT = 500  # characters
MESSAGE_LIMIT = 2000  # characters of an error's message
# Other codecs of Python are not character sets, or take a quadratic time.
CHARSETS = frozenset(
    {"utf-8", "utf8", "us-ascii", "iso-8859-1", "latin-1", "iso-8859-15", "windows-1252", "utf-16"}
)

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
HTML_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
HTML_PAGE = (
    "the answer is HTML and not JSON: a proxy answers in GitLab's place, or GL_URL is not the "
    "address of a GitLab"
)
# https://docs.gitlab.com/administration/maintenance_mode/
READ_ONLY = "you cannot perform write operations on a read-only instance"
# GitLab rolled the transaction back.
RESOURCE_LOCK = "resource lock"
PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


def create_headers(requester: str, *, access_token: str | None = None) -> dict[str, str]:
    """Return the headers of every request to GitLab, with names in lower case.

    https://docs.gitlab.com/api/rest/authentication/
    """
    headers = {
        "user-agent": requester,
        "accept": "application/json",
        "accept-encoding": "gzip",
    }
    if access_token is not None:
        headers["authorization"] = f"Bearer {access_token}"
    return headers


def decipher_response(
    status_code: int, headers: Mapping[str, str], body: bytes, method: str = ""
) -> tuple[Any, RateLimit | None, str | None]:
    """Decode a response.

    Args:
        status_code: The HTTP status.
        headers: With names in lower case, or a mapping that ignores case.
        body: The raw bytes.
        method: The method of the request; the data of a HEAD are the headers.

    Returns:
        The data, the rate limit, and the URL of the next page.

    Raises:
        HTTPException: The status is not 200, 201, 202 or 204; the subclass depends on the status
            and the body.
        GitLabBroken: The body is a page of HTML, or not the JSON that its content type announces.
    """
    rate_limit = RateLimit.from_http(headers)
    if failure := _passing_failure(status_code, headers, body, method):
        raise failure
    if status_code not in (200, 201, 202, 204):
        raise _exception(status_code, headers, body)
    data = headers if method == "HEAD" else decode_body(status_code, headers, body)
    return data, rate_limit, next_link(headers.get("link"))


def decipher_graphql_response(status_code: int, headers: Mapping[str, str], body: bytes) -> Any:
    """Return the data of a response to a GraphQL query.

    https://docs.gitlab.com/api/graphql/

    Args:
        status_code: The HTTP status.
        headers: With names in lower case, or a mapping that ignores case.
        body: The raw bytes.

    Raises:
        GraphQLException: The response is an error or has no data; the subclass depends on it.
        RateLimitExceeded: GitLab limits the rate of requests.
        GitLabBroken: GitLab cannot serve the query for now, or its JSON cannot be read.
    """
    if failure := _passing_failure(status_code, headers, body):
        raise failure
    content_type = headers.get("content-type")
    if not body:
        raise GraphQLException(f"GraphQL answered {status_code} without a body", None)
    response = decode_body(status_code, headers, body)
    if status_code == HTTPStatus.UNAUTHORIZED:
        raise GraphQLAuthorizationFailure(response)
    if status_code >= 400:
        raise BadGraphQLRequest(status_code, response)
    if not isinstance(response, dict):
        raise GraphQLResponseTypeError(content_type, response)
    if errors := response.get("errors"):
        raise _passing_refusal(status_code, _message(errors)) or QueryError(response)
    if status_code != HTTPStatus.OK or "data" not in response:
        raise GraphQLException(f"GraphQL answered {status_code} without data or errors", response)
    return response["data"]


def next_link(link: str | None) -> str | None:
    """Return the URL of the next page in a `Link` header, unchanged.

    https://docs.gitlab.com/api/rest/#pagination-link-header and RFC 8288
    """
    if not link or "next" not in link.lower():
        return None
    for part in link[:LINK_LIMIT].split("<")[1:]:
        url, _, parameters = part.partition(">")
        for name, quoted, plain in LINK_PARAMETER.findall(parameters):
            if name.lower() == "rel" and "next" in (quoted or plain).lower().split():
                return url
    return None


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Return the number of seconds that GitLab asks to wait, or `None`.

    This is `Retry-After`, in seconds or as a date, else the time until `RateLimit-Reset` if no
    requests remain.

    Args:
        headers: With names in lower case, or a mapping that ignores case.
        now: The current time in seconds since the epoch.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    if value:
        try:
            date = email.utils.parsedate_to_datetime(value[:DATE_LIMIT])
            return max(0.0, date.timestamp() - now)
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            return None
    rate_limit = RateLimit.from_http(headers)
    if rate_limit is not None and rate_limit.remaining <= 0:
        return max(0.0, rate_limit.reset_datetime.timestamp() - now)
    return None


def decode_body(status_code: int, headers: Mapping[str, str], body: bytes) -> Any:
    """Decode a body according to its content type.

    Returns:
        The values of JSON, a `str` for text, the bytes of another type, or `None` without a body or
        a content type.

    Raises:
        GitLabBroken: The JSON cannot be read.
    """
    essence, _, parameters = headers.get("content-type", "").partition(";")
    essence = essence.strip().lower()
    if not body or not essence:
        return None
    if _is_json(essence):
        try:
            return json.loads(body, parse_constant=_refuse_number, parse_float=_finite)
        except (ValueError, RecursionError):
            raise GitLabBroken(
                status_code, "the body is not the JSON that Content-Type announces"
            ) from None
    if essence.startswith("text/") or "charset=" in parameters:
        return _text(parameters, body)
    return body


def _text(parameters: str, body: bytes) -> str:
    match = re.search(r'charset\s*=\s*"?([\w.:-]+)', parameters)
    charset = match[1].lower() if match else "utf-8"
    return body.decode(charset if charset in CHARSETS else "utf-8", "replace")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{shorten(text, 20)} is not a number of JSON")


def _passing_failure(
    status_code: int, headers: Mapping[str, str], body: bytes, method: str = ""
) -> HTTPException | None:
    """Return the exception for an answer that a later request may not get; `None` for another."""
    rate_limit = RateLimit.from_http(headers)
    exhausted = rate_limit is not None and rate_limit.remaining <= 0
    message = "" if status_code < 400 else _error(status_code, headers, body)[1]
    args = (message,) if message else ()
    if status_code == HTTPStatus.TOO_MANY_REQUESTS or (
        status_code == HTTPStatus.FORBIDDEN and exhausted
    ):
        now = datetime.datetime.now(datetime.UTC).timestamp()
        pause = retry_after(headers, now=now)
        unstated = RateLimit(limit=0, remaining=0, reset_epoch=now + min(pause or 0.0, LONGEST))
        return RateLimitExceeded(
            unstated if rate_limit is None else rate_limit,
            *args,
            status_code=status_code,
            retry_after=pause,
        )
    html = _is_html(status_code, headers, body, method)
    if status_code in PASSING or status_code >= 500:
        return GitLabBroken(status_code, *args, down=html or None)
    if html:
        return GitLabBroken(status_code, HTML_PAGE, down=True)
    return _passing_refusal(status_code, message)


def _passing_refusal(status_code: int, message: str) -> GitLabBroken | None:
    """Return the exception for a refusal that only GitLab's message shows to be passing."""
    text = message.lower()
    if READ_ONLY in text:
        return GitLabBroken(status_code, message, down=True)
    if status_code == HTTPStatus.CONFLICT and RESOURCE_LOCK in text:
        return GitLabBroken(status_code, message)
    return None


def _is_html(status_code: int, headers: Mapping[str, str], body: bytes, method: str) -> bool:
    """Return whether an answer is a page of HTML, and neither a redirection nor a file.

    GitLab sends raw files of HTML as text/plain, and HTML in artifacts as an attachment.
    """
    if 300 <= status_code < 400 or not (body or method == "HEAD"):
        return False
    essence = headers.get("content-type", "").partition(";")[0].strip().lower()
    if essence in HTML_TYPES:
        return "attachment" not in headers.get("content-disposition", "").lower()
    is_file = status_code < 400 and essence != "" and not _is_json(essence)
    return not is_file and HTML_START.match(body) is not None


def _is_json(essence: str) -> bool:
    return essence == "application/json" or essence.endswith("+json")


def _exception(status_code: int, headers: Mapping[str, str], body: bytes) -> HTTPException:
    data, message = _error(status_code, headers, body)
    args = (message,) if message else ()
    if status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
        return InvalidField(_field_errors(data), *args)
    if status_code >= 400:
        return BadRequest(status_code, *args)
    if status_code >= 300:
        location = headers.get("location")
        return RedirectionException(status_code, *(args or _moved(location)))
    return HTTPException(status_code, *args)


def _moved(location: str | None) -> tuple[str, ...]:
    """Describe a redirection without the parts of its URL that may contain a secret."""
    if not location:
        return ()
    try:
        parts = urlsplit(location)
        netloc = parts.netloc.rpartition("@")[2]
        url = parts._replace(netloc=netloc, query="", fragment="").geturl()
    except ValueError:
        return ()
    return (f"moved to {shorten(url, LOCATION_LIMIT)}",)


def _error(status_code: int, headers: Mapping[str, str], body: bytes) -> tuple[Any, str]:
    """Return an error's body, decoded and as one message."""
    try:
        data = decode_body(status_code, headers, body)
    except GitLabBroken:
        data = None
    if data is None or isinstance(data, bytes):
        data = body.decode("utf-8", "replace")
    return data, shorten(_message(data).strip(), MESSAGE_LIMIT)


def _message(data: Any) -> str:
    """Join GitLab's forms of an error: `message` as text, dict or list, `error`, plain text."""
    if isinstance(data, dict):
        parts = [data[key] for key in ("message", "error", "error_description") if data.get(key)]
        return ": ".join(_message(part) for part in parts) or (_fields(data) if data else "")
    if isinstance(data, list):
        return ", ".join(_message(part) for part in data)
    return str(data)


def _fields(data: dict[str, Any]) -> str:
    return "; ".join(f"{field} {_message(problems)}" for field, problems in data.items())


def _field_errors(data: Any) -> Any:
    if not isinstance(data, dict):
        return None
    return data.get("errors") or data.get("message") or data.get("error")
