"""Runs a built package as Lambda does: under AWS's own emulator, client and version of Python.

    with Emulator(folder, "receive.lambda_handler", env={"GL_SECRET": "…"}) as function:
        answer = function.invoke(event)

The function sees its package and the runtime, and neither this project nor the shell's environment.
The emulator does not freeze the process between invocations, limit its memory or CPU, or enforce a
role.
https://docs.aws.amazon.com/lambda/latest/dg/python-image.html#python-image-clients
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from .runtime import emulator_program, runtime_python

_PATH = "/2015-03-31/functions/function/invocations"
_SECONDS = 10.0  # that it may take to start, and to write a line of its log


class FunctionError(Exception):
    """The function raised, died or ran out of time: a function error in Lambda's words."""


@dataclass
class Emulator:
    """One function in one execution environment, started on its first invocation.

    Attributes:
        package: The folder that was built.
        handler: The entry point, such as "receive.lambda_handler".
        env: The function's own environment variables.
        timeout: The function's time limit in seconds.
    """

    package: Path
    handler: str
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: int = 20

    def __enter__(self) -> Self:
        """Start the emulator. Raises RuntimeUnavailableError where no package can run."""
        program, python = emulator_program(), runtime_python()
        front, runtime = free_ports(2)
        self._output = tempfile.TemporaryFile()
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{front}", timeout=self.timeout + 20, trust_env=False
        )
        self._process = subprocess.Popen(
            [
                program,
                *("--runtime-interface-emulator-address", f"127.0.0.1:{front}"),
                *("--runtime-api-address", f"127.0.0.1:{runtime}"),
                *(python, "-m", "awslambdaric", self.handler),
            ],
            cwd=self.package,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait_until_listening(front)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop()

    def invoke(self, event: Any) -> Any:
        """Invoke the function with an event and return its answer. Raises FunctionError."""
        response = self._client.post(_PATH, json=event)
        try:
            answer = response.json()
        except ValueError:
            raise FunctionError(response.text) from None
        if isinstance(answer, dict) and {"errorType", "errorMessage"} <= answer.keys():
            raise FunctionError(f"{answer['errorType']}: {answer['errorMessage']}")
        return answer

    @property
    def init_milliseconds(self) -> float:
        """The time of the last start: the runtime's own start and the imports of the package."""
        return float(self.wait_for_log(r"INIT REPORT\(durationMs: ([\d.]+)\)")[-1])

    @property
    def peak_memory_mb(self) -> float:
        """The most memory, in MB of 1,000,000 bytes, that the function held; invoke it first."""
        processes = _descendants(self._process.pid)
        status = "".join(Path(f"/proc/{process}/status").read_text() for process in processes)
        peaks = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        return max(map(int, peaks)) * 1024 / 1e6

    @property
    def log(self) -> str:
        """The output of the emulator and the function so far."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode(errors="replace")

    def wait_for_log(self, pattern: str) -> list[str]:
        """Find a pattern in the log, which the emulator writes a moment after it answers."""
        end = time.monotonic() + _SECONDS
        while not (found := re.findall(pattern, self.log)):
            if time.monotonic() > end:
                raise RuntimeError(f"no {pattern!r} in the log:\n{self.log}")
            time.sleep(0.01)
        return found

    def _environment(self) -> dict[str, str]:
        # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        return {
            "AWS_ACCESS_KEY_ID": "emulated",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": "emulated",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self.timeout),
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
            "AWS_REGION": "eu-west-1",
            "AWS_SECRET_ACCESS_KEY": "emulated",
            "AWS_SESSION_TOKEN": "emulated",
            "LAMBDA_TASK_ROOT": str(self.package.resolve()),
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's folder is read-only
            "TZ": ":UTC",
            **self.env,
        }

    def _wait_until_listening(self, port: int) -> None:
        end = time.monotonic() + _SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            time.sleep(0.01)
        raise RuntimeError(f"the emulator ended, or does not listen:\n{self.log}")

    def _stop(self) -> None:
        # The emulator starts its function again when it ends, in a process group of its own. It is
        # stopped first, so that it cannot start one while its processes are ended.
        self._process.send_signal(signal.SIGSTOP)
        for process in [*_descendants(self._process.pid), self._process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        self._client.close()
        self._output.close()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as opened:
        listeners = [
            opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [listener.getsockname()[1] for listener in listeners]


def _descendants(process: int) -> Iterator[int]:
    # https://man7.org/linux/man-pages/man5/proc_tid_children.5.html
    for listing in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, listing.read_text().split()):
                yield child
                yield from _descendants(child)
