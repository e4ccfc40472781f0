"""GitLab's REST API (`/api/v4`) over the state of a sandbox: the part that bots call.

This module translates between HTTP and endpoints. The other modules each answer for one kind of
resource, and register their endpoints when they are imported.
"""

import hashlib
import inspect
import uuid
from collections.abc import Awaitable, Callable

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
    """The API's routes.

    Args:
        instance: the state.
        webhooks: sends the webhooks that follow.
        rate_limit: requests that a user may make in a minute.
    """
    limiter = RateLimiter(rate_limit)

    def route(method: str, prefix: str, path: str, endpoint: Endpoint) -> Route:
        serve = _serve(instance, webhooks, limiter, endpoint, prefix)
        return Route(prefix + path, serve, methods=[method])

    return [
        *(route(method, _REST, path, endpoint) for method, path, endpoint in ROUTES),
        # A query reads, although it is sent with POST.
        route("POST", "/api", "/graphql", graphql.execute),
        Route(_REST + "/{rest:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
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
                require_scope(token, request.method if prefix == _REST else "GET")
                call = Call(
                    user=token.user,
                    webhooks=webhooks,
                    resource=request.url.path.partition(prefix)[2],
                    path=request.path_params,
                    params=read(request.url.query, request.headers.get("content-type", ""), body),
                    event_uuid=request.headers.get(EVENT_UUID_HEADER) or None,
                )
                answer = endpoint(call)
            response = await answer if inspect.isawaitable(answer) else answer
            if request.method in ("GET", "HEAD"):
                response = _cacheable(response, request.headers.get("if-none-match"))
        except ApiError as error:
            response = error.response()
        response.headers.update(headers)
        return response

    return serve


def _cacheable(response: Response, known: str | None) -> Response:
    etag = f'W/"{hashlib.md5(response.body, usedforsecurity=False).hexdigest()}"'
    cached = {"ETag": etag, "Cache-Control": "max-age=0, private, must-revalidate"}
    if known == etag:
        kept = {k: v for k, v in response.headers.items() if not k.startswith("content-")}
        return Response(status_code=304, headers=kept | cached)
    response.headers.update(cached)
    return response


async def _unknown(request: Request) -> Response:
    return JSONResponse({"error": "404 Not Found"}, 404)
