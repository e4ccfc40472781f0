"""The environment of both bots: Lambda's Python, the locked dependencies, and gidgetlab.

It is kept in build/bench-venv.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

from infra.package import find_python

from .processes import ROOT

HOME = ROOT / "build" / "bench-venv"


def bots_python() -> Path:
    """The interpreter of the bots, with everything installed that they need.

    Raises:
        RuntimeError: an installation failed.
    """
    python = HOME / "bin" / "python"
    if not python.exists():
        _run(str(find_python() or sys.executable), "-m", "venv", str(HOME))
    uvicorn = f"uvicorn=={importlib.metadata.version('uvicorn')}"
    others = Path(__file__).with_name("requirements.txt")
    pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--require-hashes", "--requirement", str(ROOT / "requirements.txt"))
    _run(*pip, uvicorn, "--requirement", str(others))
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
