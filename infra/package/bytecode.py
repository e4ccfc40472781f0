"""Compiles a package to bytecode that Lambda's Python accepts without comparing dates.

Lambda's folder is read-only and SAM sets every file's date to 1980. Ordinary bytecode is therefore
neither written nor valid there, and each cold start would compile every module. `unchecked-hash`
bytecode contains no date. It is valid for one minor version of Python, so the builder needs that
version.
https://docs.python.org/3/reference/import.html#pyc-invalidation
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.package.target import PYTHON_VERSION, TASK_ROOT, PackageError

_VARIABLE = "PYTHON" + PYTHON_VERSION.replace(".", "")
_COMMAND = f"python{PYTHON_VERSION}"


def find_python() -> Path | None:
    """Find a Python of Lambda's minor version: `PYTHON313`, this one, on PATH, in pyenv, from uv.

    Raises:
        PackageError: `PYTHON313` names another version.
    """
    named = os.environ.get(_VARIABLE)
    if named and not _has_lambdas_version(Path(named)):
        raise PackageError(
            f"{_VARIABLE}={named} is not a Python {PYTHON_VERSION}: correct or unset it"
        )
    if named:
        return Path(named)
    return next((path for path in _candidates() if _has_lambdas_version(path)), None)


def how_to_get_it() -> str:
    """Explain how to provide the Python that `find_python` looks for."""
    return (
        f"No Python {PYTHON_VERSION} was found ({_COMMAND} on PATH, pyenv, uv). Install one, or set"
        f" {_VARIABLE}=/path/to/{_COMMAND}."
    )


def describe(python: Path) -> str:
    """Return the exact version of a Python, such as `3.13.0`."""
    return _ask(python, "import platform; print(platform.python_version())")


def compile_modules(python: Path, folder: Path, *parts: str) -> None:
    """Compile every module of a package reproducibly.

    Args:
        python: An interpreter that `find_python` returned.
        folder: The package; the paths in the bytecode begin with /var/task.
        parts: Names below the folder that are compiled; everything by default.

    Raises:
        PackageError: A module does not compile.
    """
    command = [
        str(python),
        # Isolated and without site: the imports of a .pth file change which strings the
        # interpreter shares, and thereby the bytecode. They could also import from the package.
        *("-I", "-S"),
        *("-m", "compileall", "-q", "-f"),
        *("-j", "1"),
        *("--invalidation-mode", "unchecked-hash"),
        *("-s", str(folder)),
        *("-p", TASK_ROOT),
        *(str(folder / part) for part in parts or (".",)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(f"Python {PYTHON_VERSION} cannot compile:\n{done.stdout}{done.stderr}")


def _candidates() -> Iterator[Path]:
    yield Path(sys.executable)
    if on_path := shutil.which(_COMMAND):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    uv = Path.home() / ".local" / "share" / "uv" / "python"
    yield from sorted(pyenv.glob(f"versions/{PYTHON_VERSION}.*/bin/{_COMMAND}"), reverse=True)
    yield from sorted(uv.glob(f"cpython-{PYTHON_VERSION}.*/bin/{_COMMAND}"), reverse=True)


def _has_lambdas_version(python: Path) -> bool:
    # A command on PATH may be a shim for a version that is not installed.
    code = "import sys; print(sys.implementation.cache_tag)"
    return _ask(python, code) == "cpython-" + PYTHON_VERSION.replace(".", "")


def _ask(python: Path, code: str) -> str:
    try:
        done = subprocess.run(
            [str(python), "-c", code], capture_output=True, text=True, check=False, timeout=30
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
