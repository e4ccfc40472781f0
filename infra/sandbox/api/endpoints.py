"""The endpoints of the API: functions from a `Call` to the JSON of a response.

The status of a response depends on the method, as in GitLab: 200, for POST 201, and for DELETE
204 without a body. An endpoint returns a `Response` for anything else, and raises `ApiError` to
refuse a request. An endpoint does no I/O; those that wait for a webhook's receiver are async.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .call import Call
from .pagination import page

Endpoint = Callable[[Call], Any]

_E = TypeVar("_E", bound=Endpoint)
_T = TypeVar("_T")

# The method, the path below `/api/v4` and the function of each endpoint.
ROUTES: list[tuple[str, str, Endpoint]] = []


def endpoint(method: str, *paths: str) -> Callable[[_E], _E]:
    """Register the decorated function for a method and some paths."""

    def register(function: _E) -> _E:
        ROUTES.extend((method, path, function) for path in paths)
        return function

    return register


def show(*paths: str, find: Callable[[Call], _T], entity: Callable[[_T], Any]) -> None:
    """Register paths whose GET returns one object."""
    endpoint("GET", *paths)(lambda call: entity(find(call)))


def index(*paths: str, find: Callable[[Call], Sequence[_T]], entity: Callable[[_T], Any]) -> None:
    """Register paths whose GET returns a page of a list."""
    endpoint("GET", *paths)(lambda call: page(call, find(call), entity))
