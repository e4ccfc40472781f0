"""A sandbox over real HTTP."""

import contextlib
from collections.abc import Iterator

from .. import server
from .sandbox import Sandbox


@contextlib.contextmanager
def serve(
    sandbox: Sandbox, *, host: str = "127.0.0.1", port: int = 0, sub_path: str = ""
) -> Iterator[str]:
    """Serve a sandbox from a thread, set and yield `sandbox.url`, and close the sandbox at the end.

    Args:
        port: The port to listen on; 0 takes a free one.
        sub_path: The path of the instance below its host, such as "/gitlab".

    Raises:
        OSError: The port is taken.
    """
    with server.serve(sandbox.app, host=host, port=port) as url:
        sandbox.url = url + sub_path
        try:
            yield sandbox.url
        finally:
            sandbox.close()
