"""Lambda functions in processes of their own, which can be killed at any moment, and an HTTP API.

They are faster than the emulator and less like Lambda: the code is this tree's, under this Python.
As in Lambda, a function has its own environment and process, is invoked with JSON, is kept for the
next invocation, and leaves nothing behind when it is killed.
"""

import asyncio
import contextlib
import importlib
import json
import logging
import multiprocessing
import os
import queue
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, Self

import httpx

from .emulator import FunctionError
from .events import answer_body, http_api_event

# Only libraries, so that each function imports the project itself.
_PRELOADED = ["botocore.auth", "botocore.credentials", "fastapi", "httpx", "mangum"]


class Function(Protocol):
    """A function that can be invoked as Lambda does it."""

    def invoke(self, event: Any) -> Any:
        """Invoke it with an event and return its answer. Raises FunctionError."""


@dataclass(frozen=True)
class LocalFunction:
    """A handler in this process; its context promises it `timeout` seconds."""

    handler: Any
    timeout: float = 60.0

    def invoke(self, event: Any) -> Any:
        end = time.monotonic() + self.timeout
        context = SimpleNamespace(
            aws_request_id=str(uuid.uuid4()),
            get_remaining_time_in_millis=lambda: int((end - time.monotonic()) * 1000),
        )
        try:
            return self.handler(json.loads(json.dumps(event)), context)
        except Exception as error:
            raise FunctionError(traceback.format_exc(limit=-5)) from error


class FunctionProcess:
    """A handler in a process of its own, started at the first invocation.

    A process that exceeds `AWS_LAMBDA_FUNCTION_TIMEOUT` is killed. Only `kill` may be called from
    another thread.

    Args:
        handler: The handler as Lambda names it: "work.lambda_handler".
        env: The function's whole environment.
        log: A file that the output is appended to.
    """

    def __init__(self, handler: str, env: Mapping[str, str], log: Path | None = None) -> None:
        self._handler = handler
        self._env = dict(env)
        self._timeout = float(env["AWS_LAMBDA_FUNCTION_TIMEOUT"])
        self._log = str(log or os.devnull)
        self._process: Any = None
        self._connection: Connection
        # A kill by another thread must not meet the check whether the process is alive.
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()

    def invoke(self, event: Any) -> Any:
        with self._guard:
            if self._process is None or not self._process.is_alive():
                self._start()
        try:
            self._connection.send_bytes(json.dumps(event).encode())
            if not self._connection.poll(self._timeout):
                raise TimeoutError(f"the function ran out of its {self._timeout:g} s")
            answer = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError) as error:
            self.kill()
            late = isinstance(error, TimeoutError)
            raise FunctionError(str(error) if late else "the function died") from None
        if "error" in answer:
            raise FunctionError(answer["error"])
        return answer["answer"]

    def kill(self) -> None:
        """Kill the process, as the kernel would; the next invocation starts another."""
        with self._guard:
            if process := self._process:
                process.kill()
                process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        self._connection, theirs = context.Pipe()
        arguments = (theirs, self._handler, self._env, self._timeout, self._log)
        process = context.Process(target=_serve, args=arguments, daemon=True)
        process.start()
        theirs.close()
        self._process = process


class FunctionTransport(httpx.AsyncBaseTransport):
    """Carries HTTP requests to a function as an HTTP API does, whatever host the URL names.

    Args:
        functions: The execution environments of one function; each answers one request at a time.
    """

    def __init__(self, functions: Iterable[Function] = ()) -> None:
        self._idle: queue.SimpleQueue[Function] = queue.SimpleQueue()
        for function in functions:
            self.add(function)

    def add(self, function: Function) -> None:
        self._idle.put(function)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path, headers = request.url.raw_path.decode(), request.headers.multi_items()
        event = http_api_event(request.method, path, headers, await request.aread())
        return await asyncio.to_thread(self._invoke, event)

    def _invoke(self, event: object) -> httpx.Response:
        function = self._idle.get()
        try:
            answer = function.invoke(event)
        except FunctionError:
            return httpx.Response(500, content=b'{"message":"Internal Server Error"}')
        finally:
            self.add(function)
        headers = answer.get("headers") or {}
        return httpx.Response(answer["statusCode"], headers=headers, content=answer_body(answer))


def _serve(
    connection: Connection, handler: str, env: Mapping[str, str], timeout: float, log: str
) -> None:
    """Answer invocations in the function's process until it is killed."""
    os.environ.clear()
    os.environ.update(env)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(importlib.import_module("gidgetlambda.logs").LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[lines])
    module, _, name = handler.rpartition(".")
    function = LocalFunction(getattr(importlib.import_module(module), name), timeout)
    with contextlib.suppress(EOFError):
        while True:
            event = json.loads(connection.recv_bytes())
            try:
                answer = {"answer": function.invoke(event)}
            except FunctionError as error:
                answer = {"error": str(error)}
            connection.send_bytes(json.dumps(answer).encode())
