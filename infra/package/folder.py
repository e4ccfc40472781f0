"""Puts a package together: cached dependencies, the function's source, byte code, fixed dates.

The dependencies change seldom and are kept in `build/dependencies/`: a build after an edit of
`handler/` takes a second and no network.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from infra.package.bytecode import compile_modules, describe, find_python
from infra.package.target import Architecture, PackageError
from infra.package.wheels import install_wheels

ROOT = Path(__file__).resolve().parents[2]

# The earliest date that a zip can hold; SAM gives it to every file as well.
_DATE = 315_532_800
_NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*~", "*.orig", "*.rej")


@dataclass(frozen=True)
class Package:
    """What was made, and what there is to know about it.

    Attributes:
        folder: what becomes /var/task.
        architecture: the processor that it runs on.
        python: the version that made the byte code, such as `3.13.0`; None where there is none.
        source_bytes: the size without byte code.
        bytecode_bytes: the size of the byte code.
        digest: SHA-256 over names, modes and contents.
    """

    folder: Path
    architecture: Architecture
    python: str | None
    source_bytes: int
    bytecode_bytes: int
    digest: str


def make_package(
    into: Path,
    architecture: Architecture,
    *,
    source: Path = ROOT / "handler",
    requirements: Path = ROOT / "requirements.txt",
    bytecode: bool = True,
    cache: Path = ROOT / "build",
) -> Package:
    """Make the package of a function.

    Args:
        into: an empty or absent folder.
        architecture: the processor of the function.
        source: the folder with the function's own modules; its content becomes the package's root.
        requirements: the lock of its dependencies, with hashes.
        bytecode: whether to compile, if a Python of Lambda's version is at hand.
        cache: where dependencies are kept between builds.

    Raises:
        PackageError: the folder holds something, pip failed, or a module does not compile.
    """
    if into.exists() and any(into.iterdir()):
        raise PackageError(f"{into} is not empty: name an empty folder, or one that does not exist")
    python = find_python() if bytecode else None
    dependencies = _dependencies(cache, requirements, architecture, python)
    shutil.copytree(dependencies, into, dirs_exist_ok=True)
    own = _own_names(source, dependencies)
    shutil.copytree(source, into, ignore=_NOT_SHIPPED, dirs_exist_ok=True)
    if python:
        compile_modules(python, into, *own)
    _fix_dates_and_modes(into)
    return _describe(into, architecture, describe(python) if python else None)


def _own_names(source: Path, dependencies: Path) -> list[str]:
    """The names of the function's own files and folders at the package's root.

    The root precedes the standard library on Lambda's `sys.path`, so a module there hides every
    other module of the same name.

    Raises:
        PackageError: a name is one of the standard library or of a dependency.
    """
    ignored = _NOT_SHIPPED(str(source), [path.name for path in source.iterdir()])
    names = sorted(path.name for path in source.iterdir() if path.name not in ignored)
    for name in names:
        module = name.removesuffix(".py")
        if module in sys.stdlib_module_names:
            raise PackageError(
                f"{source.name}/{name} hides Python's own module {module}: rename it"
            )
        if (dependencies / module).exists() or (dependencies / f"{module}.py").exists():
            raise PackageError(f"{source.name}/{name} hides the dependency {module}: rename it")
    return names


def _dependencies(
    cache: Path, requirements: Path, architecture: Architecture, python: Path | None
) -> Path:
    """The installed and compiled lock, from the cache where it has been made before."""
    compiled_by = f"python{describe(python)}" if python else "source"
    recipe = _digest([requirements, *sorted(Path(__file__).parent.glob("*.py"))])
    kept = cache / "dependencies" / f"{architecture}-{compiled_by}-{recipe}"
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        made = Path(scratch) / "wheels"
        install_wheels(requirements, architecture, made, pip_home=cache / "pip")
        if python:
            compile_modules(python, made)
        _move(made, kept)
    return kept


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _move(made: Path, kept: Path) -> None:
    try:
        made.rename(kept)
    except OSError:
        # Another build, for a second function, was faster; what it made is the same.
        if not kept.exists():
            raise


def _fix_dates_and_modes(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (_DATE, _DATE))


def _describe(folder: Path, architecture: Architecture, python: str | None) -> Package:
    digest = hashlib.sha256()
    sizes = {True: 0, False: 0}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        sizes[path.suffix == ".pyc"] += len(content)
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name}\0{path.stat().st_mode:o}\0{len(content)}\0".encode() + content)
    return Package(folder, architecture, python, sizes[False], sizes[True], digest.hexdigest())
