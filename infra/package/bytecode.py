"""Compiles a package to byte code that Lambda's Python takes without a look at dates.

Lambda's folder is read-only and SAM dates every file 1980, so ordinary byte code is never written
and never valid: each cold start would compile every module. `unchecked-hash` byte code has no date.
It serves one minor version of Python only, so that version has to be at hand.
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
        PackageError: `PYTHON313` is set to something else.
    """
    named = os.environ.get(_VARIABLE)
    if named and not _is_lambdas(Path(named)):
        raise PackageError(
            f"{_VARIABLE}={named} is not a Python {PYTHON_VERSION}: correct or unset it"
        )
    if named:
        return Path(named)
    return next((path for path in _candidates() if _is_lambdas(path)), None)


def how_to_get_it() -> str:
    """Tell what to do so that `find_python` finds one."""
    return (
        f"No Python {PYTHON_VERSION} was found ({_COMMAND} on PATH, pyenv, uv). Install one, or set"
        f" {_VARIABLE}=/path/to/{_COMMAND}."
    )


def describe(python: Path) -> str:
    """Tell the exact version of a Python, such as `3.13.0`."""
    return _ask(python, "import platform; print(platform.python_version())")


def compile_modules(python: Path, folder: Path, *parts: str) -> None:
    """Compile every module below a folder of a package, the same way each time.

    Args:
        python: an interpreter as `find_python` gives it.
        folder: the package; the names in the byte code are those it will have under /var/task.
        parts: names below the folder to compile; all of it by default.

    Raises:
        PackageError: a module does not compile.
    """
    command = [
        str(python),
        # Isolated and without site: what is imported at start-up by a .pth file shows in byte code,
        # by which names are shared, and could reach into the package itself.
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


def _is_lambdas(python: Path) -> bool:
    # A command on PATH may be a shim that names a version which is not installed.
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
