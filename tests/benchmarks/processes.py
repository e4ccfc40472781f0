"""Programs that run beside the benchmark: start one, wait until it listens, stop it.

Each writes to a log of its own, so that nobody pays for somebody else's terminal.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"

START_SECONDS = 30.0
STOP_SECONDS = 10.0
CLOCK_TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds


@dataclass(frozen=True)
class Program:
    """A running program that listens on a port of 127.0.0.1."""

    name: str
    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """The processor time that it has taken so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = int(fields[11]), int(fields[12])
        return (user + system) * CLOCK_TICK


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    name: str, command: Sequence[str], port: int, environ: Mapping[str, str]
) -> Iterator[Program]:
    """Run a program until the block ends.

    name: of its log, below build/bench/.
    port: it is running once somebody listens there.
    environ: its environment, besides what finds programs; settings of the caller's own bot or
        proxy would disturb what is measured.

    Raises `RuntimeError`, with the end of its log, where it ends early or does not listen.
    """
    log = BUILD / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**inherited, **environ}, stdout=output, stderr=output
        )
    try:
        _wait_until_listening(name, process, port, log)
        yield Program(name, process.pid, port)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_listening(
    name: str, process: subprocess.Popen[bytes], port: int, log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    told = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{name} does not listen on port {port}; its log ends:\n{told}")
