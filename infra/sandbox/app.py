"""The sandbox as an ASGI app: API, pages, and the address that it lives under."""

from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from . import api, pages
from .state import Instance
from .webhooks import Webhooks


def create_app(instance: Instance, webhooks: Webhooks, *, rate_limit: int) -> ASGIApp:
    """The app. Whatever shall go wrong on purpose wraps what this returns."""
    routes = [*api.routes(instance, webhooks, rate_limit=rate_limit), *pages.routes(instance)]
    return _AtItsAddress(Starlette(routes=routes), instance)


class _AtItsAddress:
    """Lets the app see paths as they were sent, below the instance's sub-path.

    `group%2Fproject` is one segment to GitLab: were it decoded first, no route could tell it
    from two.
    """

    def __init__(self, app: ASGIApp, instance: Instance) -> None:
        self._app = app
        self._instance = instance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": self._path(scope), "root_path": ""}
        await self._app(scope, receive, send)

    def _path(self, scope: Scope) -> str:
        raw = scope.get("raw_path") or scope["path"].encode()
        path = str(raw.partition(b"?")[0].decode("latin-1"))
        below = urlsplit(self._instance.url).path
        if not below:
            return path
        if path == below or path.startswith(f"{below}/"):
            return path[len(below) :] or "/"
        return "/-/not-below-the-sub-path"
