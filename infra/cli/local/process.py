"""Start, restart and stop the bot's process; it never outlives the command that started it."""

import http.client
import socket
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

from ..console import Printer

SOURCE_ROOT = Path(__file__).resolve().parents[3] / "handler"

_STOP_SECONDS = 10.0


class BotProcess:
    """The bot in a process of its own, so that saved handlers are loaded afresh.

    The listening socket stays with the command: while the bot restarts, deliveries wait in its
    backlog and none is refused.

    Args:
        listener: where the bot listens.
        environment: all of the process's environment variables.
        tell_triggers: whether it shall say what to tick in GitLab's webhook form.
    """

    def __init__(
        self, listener: socket.socket, environment: dict[str, str], *, tell_triggers: bool = False
    ) -> None:
        self._listener = listener
        self._environment = environment
        self._arguments = [str(listener.fileno()), *(["tell-triggers"] if tell_triggers else [])]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self._process = subprocess.Popen(
            # Unbuffered: what a handler prints shall be seen when it is printed.
            [sys.executable, "-u", "-m", "infra.cli.local.serving", *self._arguments],
            env={**self._environment, "PYTHONPATH": str(SOURCE_ROOT)},
            pass_fds=[self._listener.fileno()],
            # Its end tells the bot that this process is gone, however it went.
            stdin=subprocess.PIPE,
            # Ctrl-C is for this process, which then stops the bot in order.
            start_new_session=True,
        )

    def restart(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        """End the process: in order if it does so within 10 seconds, else at once."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()

    def answers(self) -> bool:
        """Whether the bot answers on `GET /health`."""
        host, port = self._listener.getsockname()[:2]
        reachable = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        connection = http.client.HTTPConnection(reachable, port, timeout=1.0)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def listen(printer: Printer, host: str, port: int, *, attempts: int = 100) -> socket.socket:
    """Listen on `port`, or on the next one that is free, which is told.

    Args:
        attempts: how many ports to try; 0 as port takes any free one.

    Raises:
        OSError: none of them is free.
    """
    for candidate in range(port, min(port + attempts, 65536)):
        try:
            listener = socket.create_server((host, candidate), backlog=512)
        except OSError as error:
            last = error
            continue
        if candidate != port:
            printer.say(f"Port {port} is taken, so the bot listens on {candidate}.", style="yellow")
        return listener
    raise OSError(f"no port from {port} on is free on {host}: {last}") from last
