"""Fetches locked wheels for Lambda's platform, whatever machine this is, and keeps only what runs.

pip does the fetching and checks the hashes; nothing is built from source, so no compiler and no
container is needed. What depends on the building machine (pip's records, scripts, byte code) is
removed: two machines get the same bytes. So are the tests that some packages ship.
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

# Written by pip about the machine it ran on. RECORD lists the removed files and holds hashes of
# scripts that begin with the path of the building Python. The rest of .dist-info stays: licences
# must be passed on, and OpenTelemetry finds its context through its entry points.
_PIP_RECORDS = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


def install_wheels(
    requirements: Path, architecture: Architecture, into: Path, pip_home: Path
) -> None:
    """Install the wheels that a lock names into a folder, for Lambda's Python on Linux.

    Args:
        requirements: a requirements file that names the whole tree with hashes.
        architecture: the processor of the function.
        into: an empty or absent folder.
        pip_home: where an environment with pip may be made if the running Python has none.

    Raises:
        PackageError: pip failed, for instance since a wheel is missing or has another hash.
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
            f"{PYTHON_VERSION}. What has no wheel for Lambda cannot be shipped; after a change of "
            f"pyproject.toml, `make lock` makes the lock anew. pip said:\n{done.stderr.strip()}"
        )
    _keep_what_runs(into)


def _pip(home: Path) -> list[str]:
    """The command that runs pip; Debian's own Python comes without."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    return [str(python), "-m", "pip"]


def _keep_what_runs(folder: Path) -> None:
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for unused in [*folder.rglob("__pycache__"), *folder.glob("*/tests/")]:
        shutil.rmtree(unused)
    for info in folder.glob("*.dist-info"):
        for name in _PIP_RECORDS:
            (info / name).unlink(missing_ok=True)
