"""Puts Lambda's Python runtime together on this machine: Python 3.13 and AWS's own client.

It is a virtual environment of its own in `build/`, made when first asked for: what the project's
.venv has must not be seen by a function.
"""

import hashlib
import importlib.util
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.package import PYTHON_VERSION, Architecture, find_python
from infra.package.bytecode import compile_modules, describe, how_to_get_it
from infra.package.wheels import install_wheels

_BUILD = Path(__file__).resolve().parents[2] / "build"
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_ARCHITECTURES = {
    "x86_64": Architecture.X86_64,
    "aarch64": Architecture.ARM64,
    "arm64": Architecture.ARM64,
}


class RuntimeUnavailableError(Exception):
    """This machine cannot run a package; the message says what it lacks."""


def host_architecture() -> Architecture:
    """Tell which packages run on this machine.

    Raises:
        RuntimeUnavailableError: none that Lambda takes.
    """
    architecture = _ARCHITECTURES.get(platform.machine())
    if not architecture:
        raise RuntimeUnavailableError(f"Lambda has no {platform.machine()} processors")
    return architecture


def emulator_program() -> Path:
    """Find the runtime interface emulator, which aws-sam-cli brings along.

    Raises:
        RuntimeUnavailableError: this is not Linux, or aws-sam-cli is not installed.
    """
    if sys.platform != "linux":
        raise RuntimeUnavailableError("the Lambda runtime interface emulator runs on Linux only")
    samcli = importlib.util.find_spec("samcli")
    if not samcli or not samcli.submodule_search_locations:
        raise RuntimeUnavailableError("aws-sam-cli is not installed: run `make venv`")
    folder = Path(samcli.submodule_search_locations[0]) / "local" / "rapid"
    program = folder / f"aws-lambda-rie-{host_architecture()}"
    if not program.exists():
        raise RuntimeUnavailableError(f"aws-sam-cli holds no {program.name} in {folder}")
    return program


def runtime_python() -> Path:
    """Find, or make, a Python as it is in Lambda: with awslambdaric and botocore, and nothing else.

    Raises:
        RuntimeUnavailableError: no Python of Lambda's version is at hand.
        PackageError: what it has in Lambda could not be installed.
    """
    python = find_python()
    if not python:
        raise RuntimeUnavailableError(how_to_get_it())
    lock = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:16]
    kept = _BUILD / "runtime" / f"python{describe(python)}-{lock}"
    if not kept.exists():
        _make_environment(python, kept)
    return kept / "bin" / "python"


def why_unavailable() -> str | None:
    """Tell why no package can be run here; None if one can."""
    try:
        emulator_program()
        runtime_python()
    except RuntimeUnavailableError as error:
        return str(error)
    return None


def _make_environment(python: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        made = Path(scratch) / kept.name
        subprocess.run([python, "-m", "venv", "--without-pip", made], check=True)
        site = made / "lib" / f"python{PYTHON_VERSION}" / "site-packages"
        install_wheels(_REQUIREMENTS, host_architecture(), site, pip_home=_BUILD / "pip")
        compile_modules(python, site)
        try:
            made.rename(kept)
        except OSError:
            if not kept.exists():  # else somebody else has made it meanwhile
                raise
