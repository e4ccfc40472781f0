"""Invokes a function in a process of its own, which has the package and Lambda's runtime alone."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.testing.runtime import runtime_python

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INVOKE = Path(__file__).with_name("invoke.py")


@dataclass(frozen=True)
class Invocation:
    """What one invocation took, in microseconds.

    cpu: the processor time of the function's process.
    """

    time: float
    cpu: float


def invoke(
    package: Path,
    entry_point: str,
    events: Sequence[Any],
    *,
    count: int,
    expected: Mapping[str, Any],
    environ: Mapping[str, str],
) -> list[Invocation]:
    """Invoke `count` times, with the events in turns.

    expected: what each answer must hold.
    environ: the function's whole environment.

    Raises `RuntimeError` where an answer is another, or the function fails.
    """
    done = subprocess.run(
        [
            *(str(runtime_python()), "-B", str(INVOKE)),
            *(entry_point, str(count), json.dumps(expected)),
        ],
        cwd=package,
        env=dict(environ),
        input=json.dumps(events),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{entry_point} failed:\n{done.stderr}")
    return [Invocation(*taken) for taken in json.loads(done.stdout)]
