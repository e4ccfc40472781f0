"""The endpoints of the API: functions from a `Call` to a response.

An endpoint does no I/O; the ones that wait for a webhook's receiver, as GitLab does, are async.
It raises ApiError to refuse a request.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from starlette.responses import JSONResponse, Response

from .call import Call
from .pagination import page

Endpoint = Callable[[Call], Response] | Callable[[Call], Awaitable[Response]]

_E = TypeVar("_E", bound=Endpoint)
_T = TypeVar("_T")


# Method, path below `/api/v4`, function.
ROUTES: list[tuple[str, str, Endpoint]] = []


def endpoint(method: str, *paths: str) -> Callable[[_E], _E]:
    """Register a function for a method and some paths."""

    def register(function: _E) -> _E:
        ROUTES.extend((method, path, function) for path in paths)
        return function

    return register


def show(*paths: str, find: Callable[[Call], _T], entity: Callable[[_T], Any]) -> None:
    """Answer GET with the JSON of one object."""
    endpoint("GET", *paths)(lambda call: JSONResponse(entity(find(call))))


def index(*paths: str, find: Callable[[Call], Sequence[_T]], entity: Callable[[_T], Any]) -> None:
    """Answer GET with a page of a list."""
    endpoint("GET", *paths)(lambda call: page(call, find(call), entity))
