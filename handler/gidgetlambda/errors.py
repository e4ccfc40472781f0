"""Errors: every exception that this package raises, as one tree.

    GitLabException                  what a handler can catch
    ├── ValidationFailure            a delivery is not authenticated
    ├── MalformedDelivery            a delivery cannot be read
    ├── HTTPException                GitLab's answer is not a success
    │   ├── RedirectionException     3xx that is not followed
    │   ├── BadRequest               4xx
    │   │   ├── RateLimitExceeded    429, or 403 with nothing remaining
    │   │   └── InvalidField         422
    │   └── GitLabBroken             5xx, or a passing failure with another status
    ├── GraphQLException             GraphQL answered without data
    │   ├── BadGraphQLRequest        4xx
    │   │   └── GraphQLAuthorizationFailure    401
    │   ├── QueryError               the query failed
    │   └── GraphQLResponseTypeError the answer is not JSON
    ├── ResponseTooLarge             GitLab's answer exceeds the limit
    ├── AddressRefused               GitLab redirects to an address that only this machine reaches
    └── SettingsError                settings are missing or malformed

    TryAgain                         a handler asks to be retried later
    NoTarget                         an event has nothing to comment on or to react to
    OutOfTime                        a handler exceeded its time limit
    NotRun                           a handler could not be run
    RunEnded                         a handler sent a request after its run
    TaskTooLarge                     a task does not fit on the queue
    MalformedTask                    a message on the queue is not a task
    UnknownHandler                   a task names a handler that this version does not have
    QueueUnavailable                 the queue does not accept messages

`TryAgain` and `NoTarget` are control flow, and the exceptions below them are internal. They do not
derive from `GitLabException`, so that a handler's `except GitLabException` does not swallow them.
The names down to `GraphQLResponseTypeError`, except `MalformedDelivery`, and their arguments are
gidgetlab's. Exceptions of httpx (`httpx.RequestError`: no connection, a timeout, a garbled answer)
keep their class; their text names the request.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .rate_limit import RateLimit


class GitLabException(Exception):  # noqa: N818 - gidgetlab's name
    """The base of the exceptions that concern GitLab and this bot's settings."""


class ValidationFailure(GitLabException):
    """A delivery is not authenticated.

    https://docs.gitlab.com/user/project/integrations/webhooks/#validate-payloads-by-using-a-secret-token
    """


class MalformedDelivery(GitLabException):
    """A delivery cannot be read.

    Attributes:
        status_code: The status of the answer: 400, 408, 413 or 415.
    """

    def __init__(self, status_code: HTTPStatus, message: str) -> None:
        self.status_code = status_code
        super().__init__(message)


class HTTPException(GitLabException):
    """GitLab's answer is not a success.

    Attributes:
        status_code: An `http.HTTPStatus`, or a plain `int` if HTTP does not define the status.
        request: The request that was answered ("POST https://…/notes", without the query) and
            its redirections, once they are known.
    """

    request: str | None = None

    def __init__(self, status_code: HTTPStatus | int, *args: Any) -> None:
        self.status_code = known_status(status_code)
        super().__init__(*(args or (phrase(self.status_code),)))


class RedirectionException(HTTPException):
    """A 3xx answer that is not followed: not to a GET or HEAD, or one redirection too many."""


class BadRequest(HTTPException):
    """A 4xx answer."""


class RateLimitExceeded(BadRequest):
    """GitLab accepts no more requests for now: 429, or 403 with nothing remaining.

    https://docs.gitlab.com/security/rate_limits/

    Attributes:
        rate_limit: The rate limit. If GitLab does not state it, nothing of 0 remains, until the
            time after which it accepts requests again.
        retry_after: The number of seconds that GitLab asks to wait, if it says so.
    """

    def __init__(
        self,
        rate_limit: RateLimit,
        *args: Any,
        status_code: HTTPStatus | int = HTTPStatus.FORBIDDEN,
        retry_after: float | None = None,
    ) -> None:
        self.rate_limit = rate_limit
        self.retry_after = retry_after
        super().__init__(status_code, *(args or ("rate limit exceeded",)))


class InvalidField(BadRequest):
    """A 422 answer.

    Attributes:
        errors: GitLab's description of the invalid fields.
    """

    def __init__(self, errors: Any, *args: Any) -> None:
        self.errors = errors
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, *args)


class GitLabBroken(HTTPException):
    """GitLab cannot serve the request for now; a retry can succeed.

    The answer is a 5xx, 408, 409 "Resource lock" or 425, a refusal because of the maintenance mode,
    HTML instead of JSON, or a body that cannot be read.

    Args:
        status_code: The status of the answer.
        args: The message.
        down: Overrides the attribute.

    Attributes:
        down: Whether GitLab as a whole is down; 502, 503 and 504 imply it.
    """

    def __init__(self, status_code: HTTPStatus | int, *args: Any, down: bool | None = None) -> None:
        self.down = status_code in (502, 503, 504) if down is None else down
        super().__init__(status_code, *args)


class GraphQLException(GitLabException):
    """The base of the GraphQL exceptions.

    Attributes:
        response: GraphQL's answer.
    """

    def __init__(self, message: str, response: Any) -> None:
        self.response = response
        super().__init__(message)


class BadGraphQLRequest(GraphQLException):
    """A 4xx answer to a GraphQL query."""

    def __init__(self, status_code: HTTPStatus | int, response: Any) -> None:
        self.status_code = known_status(status_code)
        super().__init__(graphql_message(response) or str(response), response)


class GraphQLAuthorizationFailure(BadGraphQLRequest):
    """A 401 answer to a GraphQL query: the access token is wrong or has expired."""

    def __init__(self, response: Any) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, response)


class QueryError(GraphQLException):
    """GraphQL accepted the query and reported errors."""

    def __init__(self, response: Any) -> None:
        super().__init__(graphql_message(response) or str(response), response)


class GraphQLResponseTypeError(GraphQLException):
    """GraphQL answered with a content type other than JSON."""

    def __init__(self, content_type: str | None, response: Any) -> None:
        super().__init__(
            f"expected JSON from GraphQL, got the content type {content_type!r}", response
        )


class ResponseTooLarge(GitLabException):
    """GitLab's answer exceeds the limit of its size.

    Args:
        request: The request that was answered.
        limit: The limit in bytes.
    """

    def __init__(self, request: str, limit: int) -> None:
        super().__init__(
            f"{request}: the answer exceeds {limit:,} bytes; request less, or raise the "
            "response_limit of GitLabBot"
        )


class AddressRefused(GitLabException):
    """GitLab redirects to an address that GitLab may not choose: it is not on the internet."""


class SettingsError(GitLabException):
    """Settings are missing or malformed.

    Attributes:
        problems: One text per setting, with the remedy.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class TryAgain(Exception):  # noqa: N818 - it is control flow, not an error
    """A handler raises this to be retried later with the same event.

    A retry needs the queue: in inline mode, the handler has failed.

    Args:
        after: The delay in seconds, at most 12 hours. The task is parked after 900 tries or 13
            days.
        because: The reason, for the log.
    """

    def __init__(self, after: float = 60.0, because: str = "the handler asked for it") -> None:
        self.after = float(after)
        super().__init__(because)


class NoTarget(Exception):  # noqa: N818 - it is control flow, not an error
    """The event has nothing that can be commented on or reacted to: its run ends as `ignored`."""


class OutOfTime(Exception):  # noqa: N818
    """A handler exceeded its time limit."""


class NotRun(Exception):  # noqa: N818
    """A handler could not be run; it needs the owner's action."""


class RunEnded(Exception):  # noqa: N818
    """A handler sent a request after its run; the request is not sent."""


class TaskTooLarge(Exception):  # noqa: N818
    """A task does not fit on the queue, even deflated."""


class MalformedTask(Exception):  # noqa: N818
    """A message on the queue is not a task, or is a task of a later version."""


class UnknownHandler(Exception):  # noqa: N818
    """A task names a handler that this version of the code does not have."""


class QueueUnavailable(Exception):  # noqa: N818
    """The queue did not accept a message within its time limit."""


def known_status(status_code: int) -> HTTPStatus | int:
    """Return the `HTTPStatus` of a number, or the number itself if HTTP does not define it."""
    try:
        return HTTPStatus(status_code)
    except ValueError:
        return status_code


def phrase(status_code: HTTPStatus | int) -> str:
    """Return HTTP's phrase for a status: "Not Found"."""
    if isinstance(status_code, HTTPStatus):
        return status_code.phrase
    return f"HTTP status {status_code}"


def graphql_message(response: Any) -> str | None:
    """Return the message of the first error in a GraphQL answer, if there is one."""
    try:
        message = response["errors"][0]["message"]
    except (TypeError, KeyError, IndexError):
        return None
    return str(message)
