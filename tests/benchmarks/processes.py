"""Programs that run beside the benchmark, each with a log of its own in build/bench/."""

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
        """Return the CPU time used so far: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = int(fields[11]), int(fields[12])
        return (user + system) * CLOCK_TICK


@contextlib.contextmanager
def running(
    name: str, command: Sequence[str], port: int, environ: Mapping[str, str]
) -> Iterator[Program]:
    """Run a program until the block ends.

    Args:
        name: The name of the program and of its log.
        command: The command that starts it.
        port: The port on which it listens when it has started.
        environ: Its environment, beside PATH, HOME and LANG. The caller's own settings of a bot or
            a proxy would falsify the figures.

    Raises:
        RuntimeError: It ends early or does not listen; the message contains the end of its log.
    """
    log = BUILD / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**inherited, **environ}, stdout=output, stderr=output
        )
    try:
        if not _listens(process, port):
            end = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{name} does not listen on port {port}; its log ends:\n{end}")
        yield Program(name, process.pid, port)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until somebody listens on a port, and return whether that happened."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.05)
    return False
