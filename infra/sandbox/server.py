"""Serve a sandbox over real HTTP from a thread, for the duration of a `with` block."""

import contextlib
from collections.abc import Iterator

from ..testing import server
from .sandbox import Sandbox


@contextlib.contextmanager
def serve(
    sandbox: Sandbox, *, host: str = "127.0.0.1", port: int = 0, sub_path: str = ""
) -> Iterator[str]:
    """Serve a sandbox at the URL that this yields and sets as `sandbox.url`; close it at the end.

    Args:
        sandbox: the sandbox.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        sub_path: the path of the instance below its host, as "/gitlab".

    Raises:
        OSError: the port is taken.
    """
    with server.serve(sandbox.app, host=host, port=port) as url:
        sandbox.url = url + sub_path
        try:
            yield sandbox.url
        finally:
            sandbox.close()
