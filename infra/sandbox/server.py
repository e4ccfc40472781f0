"""A sandbox over real HTTP, in a thread, for as long as a `with` block lasts."""

import contextlib
from collections.abc import Iterator

from ..testing import server
from .sandbox import Sandbox


@contextlib.contextmanager
def serve(
    sandbox: Sandbox, *, host: str = "127.0.0.1", port: int = 0, sub_path: str = ""
) -> Iterator[str]:
    """Serve a sandbox and give its URL, to which `sandbox.url` is set; closes it at the end.

    Args:
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        sub_path: where the instance lives below its host, as "/gitlab".

    Raises:
        OSError: the port is taken.
    """
    with server.serve(sandbox.app, host=host, port=port) as url:
        sandbox.url = url + sub_path
        try:
            yield sandbox.url
        finally:
            sandbox.close()
