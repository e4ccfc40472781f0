"""Lambda functions in processes of their own, which can be killed at any moment.

Quicker than the emulator, and less like Lambda: the code is this tree's, under this Python. What is
the same is that a function has an environment and a process of its own, is invoked with JSON, is
kept for the next invocation, and leaves nothing behind when it is killed.
"""

import contextlib
import importlib
import json
import logging
import multiprocessing
import os
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from .emulator import FunctionError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

# Libraries alone, so that each function still imports the project itself.
_PRELOADED = ["botocore.auth", "botocore.credentials", "fastapi", "httpx", "mangum"]
_DEVNULL = Path(os.devnull)


class Function(Protocol):
    """What can be invoked as a Lambda function is."""

    def invoke(self, event: Any) -> Any:
        """Invoke it with an event and give its answer. Raises FunctionError."""


class Context:
    """What a handler is told of its invocation, as far as this project's read it.

    Args:
        timeout: seconds that the invocation may take.
    """

    def __init__(self, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout
        self.aws_request_id = str(uuid.uuid4())

    def get_remaining_time_in_millis(self) -> int:
        return int((self._deadline - time.monotonic()) * 1000)


class LocalFunction:
    """A handler in this process.

    Args:
        handler: the function itself.
        timeout: seconds that it is told to have.
    """

    def __init__(self, handler: Any, *, timeout: float = 60.0) -> None:
        self._handler = handler
        self._timeout = timeout

    def invoke(self, event: Any) -> Any:
        try:
            return self._handler(json.loads(json.dumps(event)), Context(self._timeout))
        except Exception as error:
            raise FunctionError(f"{type(error).__name__}: {error}") from error


class FunctionProcess:
    """A handler in a process of its own, started at the first invocation. For one thread at a time,
    but for `kill`.

    Args:
        handler: as Lambda names it: "work.lambda_handler".
        env: the function's whole environment.
        timeout: seconds that an invocation may take; then it is killed.
        log: a file that what it prints is added to.
    """

    def __init__(
        self,
        handler: str,
        env: Mapping[str, str],
        *,
        timeout: float = 60.0,
        log: Path = _DEVNULL,
    ) -> None:
        self._handler = handler
        self._env = dict(env)
        self._timeout = timeout
        self._log = log
        self._guard = threading.Lock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._bury()

    def invoke(self, event: Any) -> Any:
        connection = self._connected()
        try:
            connection.send_bytes(json.dumps(event).encode())
            if not connection.poll(self._timeout):
                self.kill()
                raise FunctionError(f"the function ran out of its {self._timeout:g} s")
            told = json.loads(connection.recv_bytes())
        except (EOFError, OSError):
            self._bury()
            raise FunctionError("the function died") from None
        if "error" in told:
            raise FunctionError(told["error"])
        return told["answer"]

    def kill(self) -> None:
        """Kill the process, as the kernel would; the next invocation starts another."""
        with self._guard:
            if self._process is not None:
                _end(self._process)

    def _connected(self) -> Connection:
        with self._guard:
            if self._process is not None and self._process.is_alive():
                assert self._connection is not None
                return self._connection
        self._bury()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self._handler, self._env, str(self._log)), daemon=True
        )
        process.start()
        theirs.close()
        with self._guard:
            self._process, self._connection = process, ours
        return ours

    def _bury(self) -> None:
        with self._guard:
            if self._connection is not None:
                self._connection.close()
            if self._process is not None:
                _end(self._process)
            self._process = self._connection = None


def _end(process: "BaseProcess") -> None:
    process.kill()
    process.join()


def _serve(connection: Connection, handler: str, env: Mapping[str, str], log: str) -> None:
    """The function's process: answer invocations until it is killed."""
    os.environ.clear()
    os.environ.update(env)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    printed = logging.StreamHandler(sys.stdout)
    printed.setFormatter(_JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[printed])
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    timeout = float(env.get("AWS_LAMBDA_FUNCTION_TIMEOUT", "60"))
    with contextlib.suppress(EOFError):
        while True:
            event = json.loads(connection.recv_bytes())
            connection.send_bytes(json.dumps(_told(function, event, timeout)).encode())


class _JsonFormatter(logging.Formatter):
    """As `LogFormat: JSON` has it: a record's `extra` keys are fields of their own."""

    def format(self, record: logging.LogRecord) -> str:
        plain = logging.makeLogRecord({}).__dict__
        extra = {key: value for key, value in record.__dict__.items() if key not in plain}
        told = {"level": record.levelname, "logger": record.name, "message": record.getMessage()}
        return json.dumps(told | extra, default=str)


def _told(function: Any, event: Any, timeout: float) -> dict[str, Any]:
    try:
        return {"answer": function(event, Context(timeout))}
    except Exception:
        return {"error": traceback.format_exc(limit=-5)}
