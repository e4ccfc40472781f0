"""Every exception that this package raises, as one tree.

    GitLabException
    ├── ValidationFailure            a delivery is not proven to come from GitLab
    ├── HTTPException                GitLab answered with something else than success
    │   ├── RedirectionException     3xx that is not followed
    │   ├── BadRequest               4xx
    │   │   ├── RateLimitExceeded    429, or 403 with nothing remaining
    │   │   └── InvalidField         422
    │   └── GitLabBroken             5xx, or success with a body that cannot be read
    ├── GraphQLException             GraphQL answered with something else than data
    │   ├── BadGraphQLRequest        4xx
    │   │   └── GraphQLAuthorizationFailure    401
    │   ├── QueryError               the query itself failed
    │   └── GraphQLResponseTypeError the answer is not JSON
    ├── MalformedDelivery            a delivery cannot be read
    ├── SettingsError                settings are missing or malformed
    ├── NoTarget                     there is nothing to comment on or react to
    ├── TryAgain                     a handler asks to be run again later
    ├── OutOfTime                    a handler took longer than its time limit
    ├── NotRun                       a handler could not be run at all
    ├── TaskTooLarge                 a task does not fit on the queue
    ├── MalformedTask                a message on the queue is no task
    ├── UnknownHandler               a task is for a handler that this version does not have
    └── QueueUnavailable             the queue does not take what it is sent

The names down to `GraphQLResponseTypeError` and their arguments are gidgetlab's. What httpx raises
(`httpx.RequestError`: no connection, no answer in time, a garbled one) passes through as it is.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .rate_limit import RateLimit


class GitLabException(Exception):  # noqa: N818 - gidgetlab's name
    """The base of every exception of this package."""


class ValidationFailure(GitLabException):
    """A delivery could not be proven to come from GitLab.

    https://docs.gitlab.com/user/project/integrations/webhooks/#validate-payloads-by-using-a-secret-token
    """


class HTTPException(GitLabException):
    """An HTTP answer other than success.

    `status_code` is an `http.HTTPStatus`, or a plain `int` where HTTP knows no such status.
    `request` names what was asked ("POST https://…/notes", without the query), once it is known,
    and where that was redirected to.
    """

    request: str | None = None

    def __init__(self, status_code: HTTPStatus | int, *args: Any) -> None:
        self.status_code = known_status(status_code)
        super().__init__(*(args or (phrase(self.status_code),)))


class RedirectionException(HTTPException):
    """A 3xx answer that is not followed: to another request than a GET or HEAD, or to too many."""


class BadRequest(HTTPException):
    """A 4xx answer."""


class RateLimitExceeded(BadRequest):
    """GitLab takes no more requests for now: 429, or 403 with nothing remaining.

    `retry_after` is the number of seconds that GitLab asks to wait, `None` where it names none.
    https://docs.gitlab.com/security/rate_limits/
    """

    def __init__(
        self,
        rate_limit: RateLimit | None,
        *args: Any,
        status_code: HTTPStatus | int = HTTPStatus.FORBIDDEN,
        retry_after: float | None = None,
    ) -> None:
        self.rate_limit = rate_limit
        self.retry_after = retry_after
        super().__init__(status_code, *(args or ("rate limit exceeded",)))


class InvalidField(BadRequest):
    """A 422 answer; `errors` holds what GitLab says of the fields."""

    def __init__(self, errors: Any, *args: Any) -> None:
        self.errors = errors
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, *args)


class GitLabBroken(HTTPException):
    """A 5xx answer, or a successful one whose body cannot be read."""


class GraphQLException(GitLabException):
    """The base of what GraphQL can answer besides data; `response` holds that answer."""

    def __init__(self, message: str, response: Any) -> None:
        self.response = response
        super().__init__(message)


class BadGraphQLRequest(GraphQLException):
    """A 4xx answer to a GraphQL query."""

    def __init__(self, status_code: HTTPStatus | int, response: Any) -> None:
        self.status_code = known_status(status_code)
        super().__init__(graphql_message(response) or str(response), response)


class GraphQLAuthorizationFailure(BadGraphQLRequest):
    """A 401 answer to a GraphQL query: the access token is wrong or expired."""

    def __init__(self, response: Any) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, response)


class QueryError(GraphQLException):
    """GraphQL took the query and reported errors."""

    def __init__(self, response: Any) -> None:
        super().__init__(graphql_message(response) or str(response), response)


class GraphQLResponseTypeError(GraphQLException):
    """GraphQL answered with another content type than JSON."""

    def __init__(self, content_type: str | None, response: Any) -> None:
        super().__init__(f"expected JSON from GraphQL, got the type {content_type!r}", response)


class MalformedDelivery(GitLabException):
    """A delivery that cannot be read: 400, 413 or 415."""

    def __init__(self, status_code: HTTPStatus, message: str) -> None:
        self.status_code = status_code
        super().__init__(message)


class SettingsError(GitLabException):
    """Settings are missing or malformed; `problems` names each of them and its remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class NoTarget(GitLabException):
    """The event is about nothing that can be commented on or reacted to."""


class TryAgain(GitLabException):
    """Raised by a handler that wants to be run again on the same event.

    That takes a queue: a handler that runs while GitLab waits has failed.

    after: in how many seconds; SQS lets a message wait for 12 hours at most, and hands it out
        about a hundred times: after 90 tries the task is parked.
    """

    def __init__(self, after: float = 60.0, because: str = "the handler asked for it") -> None:
        self.after = float(after)
        super().__init__(because)


class OutOfTime(GitLabException):
    """A handler took longer than its time limit."""


class NotRun(GitLabException):
    """A handler could not be run at all, for a cause that its owner can mend."""


class TaskTooLarge(GitLabException):
    """A task does not fit on the queue, even deflated."""


class MalformedTask(GitLabException):
    """A message on the queue is no task, or one of a later version."""


class UnknownHandler(GitLabException):
    """A task is for a handler that this version of the code does not have."""


class QueueUnavailable(GitLabException):
    """The queue did not take, within its time, what it was sent."""


def known_status(status_code: int) -> HTTPStatus | int:
    """The `HTTPStatus` of that number, or the number itself where HTTP knows none."""
    try:
        return HTTPStatus(status_code)
    except ValueError:
        return status_code


def phrase(status_code: HTTPStatus | int) -> str:
    """What HTTP calls that status: "Not Found"."""
    if isinstance(status_code, HTTPStatus):
        return status_code.phrase
    return f"HTTP status {status_code}"


def graphql_message(response: Any) -> str | None:
    """The first error's message in a GraphQL answer, `None` where there is none."""
    try:
        message = response["errors"][0]["message"]
    except (TypeError, KeyError, IndexError):
        return None
    return str(message)
