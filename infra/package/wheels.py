"""Installs locked wheels for Lambda's platform on any machine.

pip downloads the wheels and verifies their hashes. Nothing is built from source, so neither a
compiler nor a container is needed. Files that depend on the building machine (pip's records,
scripts, bytecode) are removed, so that every machine produces the same bytes. The tests that some
distributions contain are removed too.
"""

import importlib.util
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from infra.package.target import PYTHON_VERSION, Architecture, PackageError

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}

# Amazon Linux 2023 has glibc 2.34: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
_GLIBC_TAGS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")

# pip's records of this installation. RECORD lists the removed files and contains hashes of scripts
# that begin with the path of the building Python. The rest of .dist-info stays: licences must be
# distributed, and OpenTelemetry finds its context through its entry points.
_PIP_RECORDS = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


def install_wheels(
    requirements: Path, architecture: Architecture, into: Path, pip_home: Path
) -> None:
    """Install the wheels that a lock names into a folder, for Lambda's Python on Linux.

    Args:
        requirements: A requirements file that pins all dependencies with hashes.
        architecture: The processor architecture of the function.
        into: A folder that is empty or does not exist.
        pip_home: The place of an environment with pip, created if the running Python has no pip.

    Raises:
        PackageError: The installation fails; a wheel may be missing or have another hash.
    """
    platforms = [f"--platform={tag}_{_MACHINES[architecture]}" for tag in _GLIBC_TAGS]
    command = [
        *_pip(pip_home),
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-user",
        "--no-compile",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "--implementation=cp",
        f"--python-version={PYTHON_VERSION}",
        *platforms,
        f"--target={into}",
        f"--requirement={requirements}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(
            f"pip could not install {requirements.name} for {architecture} and Python "
            f"{PYTHON_VERSION}. Every dependency needs a wheel for Lambda's platform; after a "
            f"change of pyproject.toml, run `make lock`. pip's error:\n{done.stderr.strip()}"
        )
    _remove_unused(into)


def _pip(home: Path) -> list[str]:
    """Return the command that runs pip; Debian's own Python has no pip."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    return [str(python), "-m", "pip"]


def _remove_unused(folder: Path) -> None:
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for unused in [*folder.rglob("__pycache__"), *folder.glob("*/tests/")]:
        shutil.rmtree(unused)
    for info in folder.glob("*.dist-info"):
        for name in _PIP_RECORDS:
            (info / name).unlink(missing_ok=True)
