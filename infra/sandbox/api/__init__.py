"""The part of GitLab's REST API (`/api/v4`) that bots call, over the state of a sandbox.

This module translates between HTTP and endpoints. Most other modules implement one kind of
resource, and register their endpoints when they are imported.
"""

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route

from ..state import Instance
from ..webhooks import EVENT_UUID_HEADER, Webhooks
from . import (  # noqa: F401 - importing them registers their endpoints
    award_emoji,
    branches,
    commits,
    discussions,
    files,
    graphql,
    hooks,
    issuables,
    labels,
    merge_requests,
    milestones,
    notes,
    pipelines,
    projects,
    users,
)
from .auth import RateLimiter, authenticate, require_scope
from .call import Call
from .endpoints import ROUTES, Endpoint
from .errors import ApiError, not_found, not_implemented
from .params import read

_REST = "/api/v4"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_READING = frozenset({"GET", "HEAD"})
_ALWAYS = frozenset({"page", "per_page"})  # harmless without a list


def routes(instance: Instance, webhooks: Webhooks, *, rate_limit: int) -> list[BaseRoute]:
    """Return the API's routes.

    Args:
        instance: The state.
        webhooks: Sends the webhooks that the requests fire.
        rate_limit: The requests that each user may make in a minute.
    """
    limiter = RateLimiter(rate_limit)

    def route(method: str, prefix: str, path: str, endpoint: Endpoint) -> Route:
        serve = _serve(instance, webhooks, limiter, endpoint, prefix)
        return Route(prefix + path, serve, methods=[method])

    known = [route(method, _REST, path, endpoint) for method, path, endpoint in ROUTES]

    async def answer_others(request: Request) -> Response:
        if any(each.matches(request.scope)[0] is Match.PARTIAL for each in known):
            return JSONResponse({"error": "405 Not Allowed"}, 405)
        path = request.url.path.removeprefix(_REST)
        if path.startswith("/groups/"):  # the sandbox has none
            return not_found("Group").response()
        return not_implemented(f"{request.method} {path}").response()

    return [
        *known,
        route("POST", "/api", "/graphql", graphql.execute),
        Route(_REST + "/{rest:path}", answer_others, methods=_METHODS),
    ]


def _serve(
    instance: Instance, webhooks: Webhooks, limiter: RateLimiter, endpoint: Endpoint, prefix: str
) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        headers = {"X-Request-Id": uuid.uuid4().hex}
        try:
            body = await request.body()
            with instance.changing():
                token = authenticate(instance, request.headers)
                headers |= limiter.count(token.user.id, instance.now().timestamp())
                if prefix == _REST:  # GraphQL reads with POST
                    require_scope(token, request.method)
                call = Call(
                    user=token.user,
                    token=token,
                    webhooks=webhooks,
                    resource=request.url.path.partition(prefix)[2],
                    path=request.path_params,
                    params=read(request.url.query, request.headers.get("content-type", ""), body),
                    event_uuid=request.headers.get(EVENT_UUID_HEADER) or None,
                )
                result = endpoint(call)
                if request.method in _READING:
                    _refuse_unread(call)
            response = _response(request.method, await result if isawaitable(result) else result)
            if request.method in _READING:
                response = _cacheable(response, request.headers.get("if-none-match"))
        except ApiError as error:
            response = error.response()
        response.headers.update(headers)
        return response

    return serve


def _refuse_unread(call: Call) -> None:
    # A link to another page contains the parameters of the path.
    for name in call.params.unread:
        if name not in _ALWAYS and name not in call.path:
            raise not_implemented(f"the parameter {name!r} of {call.resource}")


def _response(method: str, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    if method == "DELETE":
        return Response(status_code=204)
    return JSONResponse(result, 201 if method == "POST" else 200)


def _cacheable(response: Response, known: str | None) -> Response:
    etag = f'W/"{hashlib.md5(response.body, usedforsecurity=False).hexdigest()}"'
    cached = {"ETag": etag, "Cache-Control": "max-age=0, private, must-revalidate"}
    if known == etag:
        kept = {k: v for k, v in response.headers.items() if not k.startswith("content-")}
        return Response(status_code=304, headers=kept | cached)
    response.headers.update(cached)
    return response
