"""Invokes a function in a process that contains its package and Lambda's runtime only."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.testing.runtime import runtime_python

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .packages import DeployedFunction

INVOKE = Path(__file__).with_name("invoke.py")


@dataclass(frozen=True)
class Effort:
    """The number of processes of each function, and of measured invocations in each process."""

    rounds: int
    invocations: int


class Timing(NamedTuple):
    """The wall-clock time and the CPU time of one invocation, in microseconds."""

    wall: float
    cpu: float


def invoke(
    function: DeployedFunction, events: Sequence[Any], count: int, expected: Mapping[str, Any]
) -> list[Timing]:
    """Invoke a function in a new process.

    Args:
        function: The function and its environment.
        events: The events, which are taken in turns.
        count: The number of invocations.
        expected: The items that each answer must contain.

    Raises:
        RuntimeError: An answer differs, or the function fails.
    """
    python = str(runtime_python())
    done = subprocess.run(
        [python, "-B", str(INVOKE), function.entry_point, str(count), json.dumps(expected)],
        cwd=function.package.folder,
        env=dict(function.environ),
        input=json.dumps(events),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{function.entry_point} failed:\n{done.stderr}")
    return [Timing(*times) for times in json.loads(done.stdout)]
