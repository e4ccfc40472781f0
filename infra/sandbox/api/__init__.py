"""GitLab's REST API (`/api/v4`) over the state of a sandbox, as far as bots call it.

This module turns HTTP requests into calls and answers into HTTP; the modules beside it each
answer for one kind of resource.
"""

import hashlib
import inspect
import uuid
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..state import Instance
from ..webhooks import EVENT_UUID_HEADER, Webhooks
from . import (
    award_emoji,
    commits,
    discussions,
    graphql,
    hooks,
    issues,
    labels,
    merge_requests,
    notes,
    projects,
    users,
)
from .auth import RateLimiter, authenticate, require_scope
from .call import Answer, ApiError, Call, Endpoint
from .params import ParamsError, read

PREFIX = "/api/v4"

# What bots call most comes first: routes are tried in order.
_ENDPOINTS = (
    *notes.endpoints,
    *users.endpoints,
    *issues.endpoints,
    *merge_requests.endpoints,
    *discussions.endpoints,
    *award_emoji.endpoints,
    *labels.endpoints,
    *projects.endpoints,
    *commits.endpoints,
)

_Serve = Callable[[Request], Awaitable[Response]]


def routes(instance: Instance, webhooks: Webhooks, *, rate_limit: int) -> list[BaseRoute]:
    """The API's routes.

    Args:
        rate_limit: requests that a user may make in a minute before the answer is 429.
    """
    limiter = RateLimiter(rate_limit)

    def route(endpoint: Endpoint, prefix: str) -> Route:
        serve = _serve(instance, webhooks, limiter, endpoint, prefix)
        return Route(prefix + endpoint.path, serve, methods=[endpoint.method])

    return [
        *(route(endpoint, PREFIX) for endpoint in _ENDPOINTS),
        *(route(endpoint, PREFIX) for endpoint in hooks.endpoints(hooks.Sending())),
        *(route(endpoint, "/api") for endpoint in graphql.endpoints),
        Route(PREFIX + "/{rest:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]


def _serve(
    instance: Instance,
    webhooks: Webhooks,
    limiter: RateLimiter,
    endpoint: Endpoint,
    prefix: str,
) -> _Serve:
    async def serve(request: Request) -> Response:
        headers: dict[str, str] = {"X-Request-Id": uuid.uuid4().hex}
        try:
            body = await request.body()
            with instance.changed:
                token = authenticate(instance, request.headers)
                headers |= limiter.count(token.user.id, instance.now().timestamp())
                require_scope(token, "GET" if prefix == "/api" else request.method)
                call = Call(
                    instance=instance,
                    webhooks=webhooks,
                    user=token.user,
                    resource=request.url.path.partition(prefix)[2],
                    path=request.path_params,
                    params=read(request.url.query, request.headers.get("content-type", ""), body),
                    event_uuid=request.headers.get(EVENT_UUID_HEADER) or None,
                )
                answer = endpoint.handler(call)
            if inspect.isawaitable(answer):
                answer = await answer
        except ApiError as error:
            return _refusal(error, headers)
        except ParamsError as error:
            return _refusal(ApiError(error.status, {"error": str(error)}), headers)
        return _response(request, answer, headers)

    return serve


def _response(request: Request, answer: Answer, headers: dict[str, str]) -> Response:
    body = answer.encoded()
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers | answer.headers)
    headers = headers | answer.headers
    if request.method in ("GET", "HEAD"):
        etag = f'W/"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        headers |= {"ETag": etag, "Cache-Control": "max-age=0, private, must-revalidate"}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
    return Response(body, answer.status, headers, media_type="application/json")


def _refusal(error: ApiError, headers: dict[str, str]) -> Response:
    if isinstance(error.body, str):
        return Response(error.body, error.status, headers | error.headers, media_type="text/plain")
    answer = Answer(error.body)
    return Response(
        answer.encoded(), error.status, headers | error.headers, media_type="application/json"
    )


async def _unknown(request: Request) -> Response:
    return _refusal(ApiError(404, {"error": "404 Not Found"}), {})
