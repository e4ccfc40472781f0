"""Lambda's Python runtime on this machine: Python 3.13, AWS's client and emulator.

The Python is a virtual environment of its own in `build/`, made when it is first needed: a function
must not see the packages of the project's .venv.
"""

import hashlib
import importlib.resources
import platform
import subprocess
import sys
from pathlib import Path

from infra.package import PYTHON_VERSION, Architecture, find_python
from infra.package.bytecode import compile_modules, describe, how_to_get_it
from infra.package.kept import make_once
from infra.package.wheels import install_wheels

_BUILD = Path(__file__).resolve().parents[2] / "build"
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")


class RuntimeUnavailableError(Exception):
    """This machine cannot run a package; the message names what it lacks."""


def host_architecture() -> Architecture:
    """Return the architecture of this machine's packages. Raises RuntimeUnavailableError."""
    machine = platform.machine()
    try:
        return Architecture("arm64" if machine == "aarch64" else machine)
    except ValueError:
        raise RuntimeUnavailableError(f"Lambda has no {machine} processors") from None


def emulator_program() -> Path:
    """Find the runtime interface emulator in aws-sam-cli. Raises RuntimeUnavailableError."""
    if sys.platform != "linux":
        raise RuntimeUnavailableError("the Lambda runtime interface emulator runs on Linux only")
    folder = Path(str(importlib.resources.files("samcli"))) / "local" / "rapid"
    return folder / f"aws-lambda-rie-{host_architecture()}"


def runtime_python() -> Path:
    """Find, or make, a Python as in Lambda: with awslambdaric and botocore, and nothing else.

    Raises:
        RuntimeUnavailableError: There is no Python of Lambda's version.
        PackageError: The installation of awslambdaric or botocore failed.
    """
    python = find_python()
    if not python:
        raise RuntimeUnavailableError(how_to_get_it())
    lock = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:16]

    def make(folder: Path) -> None:
        subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
        site = folder / "lib" / f"python{PYTHON_VERSION}" / "site-packages"
        install_wheels(_REQUIREMENTS, host_architecture(), site, pip_home=_BUILD / "pip")
        compile_modules(python, site)

    name = f"python{describe(python)}-{lock}"
    return make_once(_BUILD / "runtime" / name, make) / "bin" / "python"
