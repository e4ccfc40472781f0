"""The environment that both bots run in: Lambda's Python if it is at hand, our lock, gidgetlab.

One interpreter and one set of libraries for both. It lies in build/bench-venv, is made on first use
and anew when what is in it should change.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

from infra.package import find_python

from .processes import ROOT

HOME = ROOT / "build" / "bench-venv"
LOCK = ROOT / "requirements.txt"
OTHERS = Path(__file__).parent / "requirements.txt"


def lambdas_python() -> Path:
    """A Python of Lambda's minor version, else the one that runs this."""
    return find_python() or Path(sys.executable)


def bots_python() -> Path:
    """The interpreter for the bots, with all that they need installed.

    Raises `RuntimeError` where something could not be installed.
    """
    base = lambdas_python()
    uvicorn = f"uvicorn=={importlib.metadata.version('uvicorn')}"
    recipe = hashlib.sha256(
        b"\0".join((str(base).encode(), uvicorn.encode(), LOCK.read_bytes(), OTHERS.read_bytes()))
    ).hexdigest()
    made = HOME / ".recipe"
    python = HOME / "bin" / "python"
    if made.exists() and made.read_text() == recipe:
        return python
    shutil.rmtree(HOME, ignore_errors=True)
    _run(str(base), "-m", "venv", str(HOME))
    pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--require-hashes", "--requirement", str(LOCK))
    _run(*pip, uvicorn, "--requirement", str(OTHERS))
    made.write_text(recipe)
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
