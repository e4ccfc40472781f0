"""Run the bot in a process of its own, and restart it when its sources are saved.

uvicorn's reloader manages the process. This module adds messages, a syntax check before each
restart, and a time limit for a bot that does not stop.
"""

import contextlib
import errno
import functools
import multiprocessing
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Self, TypeVar

import uvicorn
from uvicorn.supervisors.statreload import StatReload

from ..console import Failure, Printer
from .bot_process import STOP_SECONDS, serve_bot

_T = TypeVar("_T")
_CHECKOUT = Path(__file__).resolve().parents[3]
_SOURCE_ROOT = _CHECKOUT / "handler"


class BotReload(StatReload):
    """Runs the bot for the duration of a `with` block, and restarts it.

    The listening socket stays open in this process, so deliveries wait in its backlog while the bot
    restarts. The bot's process inherits the environment of this process.

    Args:
        printer: Prints the messages.
        listener: The socket on which the bot listens.

    Attributes:
        loaded: Receives the handlers' event types each time the bot has loaded them.
    """

    def __init__(self, printer: Printer, listener: socket.socket) -> None:
        self._printer = printer
        self.loaded, sender = multiprocessing.Pipe(duplex=False)
        config = uvicorn.Config(
            "receive:app",
            reload=True,
            reload_dirs=str(_SOURCE_ROOT),
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config, functools.partial(serve_bot, config, sender), [listener])
        self._files = self._saved_files()
        self._reported = False

    def __enter__(self) -> Self:
        # The bot's process imports the modules of this checkout, logs why handlers do not run, and
        # runs them itself instead of queueing tasks.
        sys.path.insert(0, str(_SOURCE_ROOT))
        os.environ |= {"LOG_LEVEL": "DEBUG", "PYTHONUNBUFFERED": "1", "QUEUE_URL": ""}
        signal.signal(signal.SIGHUP, self.signal_handler)
        with _terminal_signals_blocked():
            self.startup()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()
        self.shutdown()

    def run_until_stopped(self, on_loaded: Callable[[list[str]], object]) -> None:
        """Run the bot until Ctrl-C, SIGTERM or the end of the terminal.

        Args:
            on_loaded: Called once, when the bot has loaded its handlers, with their event types.
        """
        waiting = True
        with self:
            for saved in self:
                if saved:
                    self.restart()
                elif waiting and self.loaded.poll():
                    waiting = False
                    on_loaded(self.loaded.recv())
        with contextlib.suppress(OSError):  # the terminal is gone
            self._printer.say("\nStopped.")

    def restart(self) -> None:
        self._stop()
        self._reported = False
        with _terminal_signals_blocked():
            super().restart()

    def should_restart(self) -> list[Path] | None:
        """Return the files that were saved, added or removed, if the sources are valid Python."""
        self.pause()
        if not self._reported and not self.process.is_alive():
            self._ask_for_a_fix()
        before, self._files = self._files, self._saved_files()
        changed = sorted({path for path, _ in before ^ self._files})
        if not changed:
            return None
        self._printer.say()
        if error := self._syntax_error():
            self._printer.problem(error)
            self._ask_for_a_fix()
            return None
        names = ", ".join(os.path.relpath(path, _CHECKOUT) for path in changed)
        self._printer.say(f"Saved: {names}. The bot restarts.")
        return changed

    def _ask_for_a_fix(self) -> None:
        running = self.process.is_alive()
        self._reported = not running
        state = "runs without this change" if running else "is not running"
        self._printer.problem(f"The bot {state}: fix the error above and save the file.")

    def _saved_files(self) -> set[tuple[Path, int]]:
        """Return every source file with the time of its last change."""
        found = set()
        for path in self.iter_py_files():
            with contextlib.suppress(OSError):  # removed meanwhile, or an editor's lock file
                found.add((path, path.stat().st_mtime_ns))
        return found

    def _syntax_error(self) -> str | None:
        """Return the first syntax error in the sources, as Python prints it."""
        for path, _ in sorted(self._files):
            try:
                compile(path.read_bytes(), os.path.relpath(path, _CHECKOUT), "exec")
            except SyntaxError as error:
                return "".join(traceback.format_exception_only(error)).rstrip()
            except (OSError, ValueError):  # removed meanwhile; the bot reports other errors
                continue
        return None

    def _stop(self) -> None:
        self.process.terminate()
        self.process.join(STOP_SECONDS)
        self.process.kill()


def listen(printer: Printer, host: str, port: int) -> socket.socket:
    """Listen for the bot on `port` or on the next free port; 0 means any free port."""
    listener = next_free(port, lambda candidate: socket.create_server((host, candidate)))
    # Connections inherit this; asyncio sets it only on sockets that were created with a protocol.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if port not in (0, used := listener.getsockname()[1]):
        printer.say(f"Port {port} is taken, so the bot listens on {used}.", style="yellow")
    return listener


def next_free(port: int, open_port: Callable[[int], _T]) -> _T:
    """Return the result of `open_port` for the first port from `port` on that is free.

    Raises:
        Failure: No port is free, or the host's address cannot be used.
    """
    for candidate in range(port, min(port + 100, 65536)):
        try:
            return open_port(candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Failure(f"Cannot listen on port {candidate}: {error}") from None
    raise Failure(f"Every port from {port} on is taken: choose another one with --port.")


@contextlib.contextmanager
def _terminal_signals_blocked() -> Iterator[None]:
    """Keep Ctrl-C from a process that starts in the block: this process stops it in order."""
    resource_tracker.ensure_running()  # it unblocks these signals when it starts
    terminal_signals = {signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, terminal_signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, terminal_signals)
