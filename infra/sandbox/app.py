"""The sandbox as an ASGI app: API and pages, below the sub-path of the instance's address."""

import ipaddress
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from . import api, pages
from .state import Instance
from .webhooks import Webhooks

# Docker's name for this machine, in a container of `sam local`.
HOSTS = frozenset({"localhost", "host.docker.internal"})
MISDIRECTED = PlainTextResponse(
    "The sandbox answers only for this machine: use http://127.0.0.1 and its port.\n", 421
)


def create_app(instance: Instance, webhooks: Webhooks, *, rate_limit: int) -> ASGIApp:
    """Return an app that serves the instance, with a limit of API requests per user and minute."""
    routes = [*api.routes(instance, webhooks, rate_limit=rate_limit), *pages.routes(instance)]
    app = Starlette(routes=routes)

    async def below_sub_path(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
        elif _is_known_host(instance, scope):
            scope = {**scope, "path": _path_below(instance, scope), "root_path": ""}
            await app(scope, receive, send)
        else:
            await MISDIRECTED(scope, receive, send)

    return below_sub_path


def _is_known_host(instance: Instance, scope: Scope) -> bool:
    """Return whether a request is for this machine, or for the sandbox's own URL.

    A web page could otherwise use the sandbox under a name that resolves to this machine.
    """
    host = Headers(scope=scope).get("host", "")
    name = urlsplit(f"//{host}").hostname or ""
    if name in HOSTS or name == urlsplit(instance.url).hostname:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _path_below(instance: Instance, scope: Scope) -> str:
    """Return the path below the sub-path, still encoded.

    `group%2Fproject` is one segment in GitLab; decoded, it would be two.
    """
    raw = scope.get("raw_path") or scope["path"].encode()
    path = str(raw.partition(b"?")[0].decode("latin-1"))
    sub_path = urlsplit(instance.url).path
    if path == sub_path or path.startswith(f"{sub_path}/"):
        return path.removeprefix(sub_path) or "/"
    return "/-/not-below-the-sub-path"
