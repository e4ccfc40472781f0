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
from starlette.routing import BaseRoute, Route

from ..state import Instance
from ..webhooks import EVENT_UUID_HEADER, Webhooks
from . import (  # noqa: F401 - importing them registers their endpoints
    award_emoji,
    commits,
    discussions,
    graphql,
    hooks,
    issuables,
    labels,
    notes,
    projects,
    users,
)
from .auth import RateLimiter, authenticate, require_scope
from .call import Call
from .endpoints import ROUTES, Endpoint
from .errors import ApiError
from .params import read

_REST = "/api/v4"


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

    return [
        *(route(method, _REST, path, endpoint) for method, path, endpoint in ROUTES),
        route("POST", "/api", "/graphql", graphql.execute),
        Route(
            _REST + "/{rest:path}", _not_found, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
        ),
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
            response = _response(request.method, await result if isawaitable(result) else result)
            if request.method in ("GET", "HEAD"):
                response = _cacheable(response, request.headers.get("if-none-match"))
        except ApiError as error:
            response = error.response()
        response.headers.update(headers)
        return response

    return serve


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


async def _not_found(request: Request) -> Response:
    return JSONResponse({"error": "404 Not Found"}, 404)
