"""Assembles a package: cached dependencies, the functions' source, bytecode, fixed dates.

The dependencies include the folder of certificate authorities, which is made from certifi's file.

Dependencies are cached in `build/dependencies/`, so that a build after an edit of `handler/` takes
a second and needs no network.
"""

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.package import authorities
from infra.package.bytecode import compile_modules, describe, find_python
from infra.package.imports import RUNTIME_MODULES, require_importable
from infra.package.kept import make_once
from infra.package.target import Architecture, PackageError
from infra.package.wheels import install_wheels

ROOT = Path(__file__).resolve().parents[2]

# The earliest date that a zip can hold; SAM gives it to every file as well.
_DATE = 315_532_800
_NOT_SHIPPED = shutil.ignore_patterns(
    "__pycache__", "*.pyc", "*.egg-info", ".*", "*~", "*.orig", "*.rej"
)


@dataclass(frozen=True)
class Package:
    """A built package.

    Attributes:
        folder: The content of /var/task.
        architecture: The processor architecture that it runs on.
        python: The version that compiled the bytecode, such as `3.13.0`; None without bytecode.
        source_bytes: The size without bytecode.
        bytecode_bytes: The size of the bytecode.
        digest: The SHA-256 over names, modes and contents.
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
    """Build the package that both functions run.

    Args:
        into: A folder that is empty or does not exist.
        architecture: The processor architecture of the functions.
        source: The folder of the functions' own modules; its content is the package's root.
        requirements: The lock of the dependencies, with hashes.
        bytecode: Whether to compile, if a Python of Lambda's version is available.
        cache: The folder that keeps dependencies between builds.

    Raises:
        PackageError: The folder is not empty, pip fails, a module does not compile or cannot be
            imported, or a module of the source hides another one.
    """
    if into.exists() and any(into.iterdir()):
        raise PackageError(f"{into} is not empty: name an empty folder, or one that does not exist")
    python = find_python() if bytecode else None
    dependencies = _dependencies(cache, requirements, architecture, python)
    own = _own_names(source, dependencies)
    shutil.copytree(dependencies, into, dirs_exist_ok=True)
    shutil.copytree(source, into, ignore=_NOT_SHIPPED, dirs_exist_ok=True)
    if python:
        compile_modules(python, into, *own)
    require_importable(into, source, architecture, python)
    _fix_dates_and_modes(into)
    return _describe(into, architecture, describe(python) if python else None)


def _own_names(source: Path, dependencies: Path) -> list[str]:
    """Return the names of the functions' own files and folders at the package's root.

    The root precedes the standard library on Lambda's `sys.path`, so that a module there hides
    every other module of the same name.

    Raises:
        PackageError: A name belongs to the standard library, a dependency or Lambda's runtime.
    """
    every_name = {path.name for path in source.iterdir()}
    names = sorted(every_name - _NOT_SHIPPED(str(source), list(every_name)))
    reserved = {
        **dict.fromkeys(RUNTIME_MODULES, "the module {} of Lambda's runtime"),
        **{_module_name(path.name): "the dependency {}" for path in dependencies.iterdir()},
        **dict.fromkeys(sys.stdlib_module_names, "Python's own module {}"),
        authorities.FOLDER: "the folder {} of certificate authorities",
    }
    for name in names:
        module = _module_name(name)
        if module in reserved:
            hidden = reserved[module].format(module)
            raise PackageError(f"{source.name}/{name} hides {hidden}: rename it")
    return names


def _module_name(name: str) -> str:
    """Return the name that a file or folder is imported by; other files keep their whole name."""
    return name.partition(".")[0] if name.endswith((".py", ".so")) else name


def _dependencies(
    cache: Path, requirements: Path, architecture: Architecture, python: Path | None
) -> Path:
    """Return the folder of the installed and compiled dependencies, from the cache if possible."""
    compiled_by = f"python{describe(python)}" if python else "source"
    files = [requirements, authorities.LIST, *sorted(Path(__file__).parent.glob("*.py"))]
    recipe = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]

    def install(folder: Path) -> None:
        install_wheels(requirements, architecture, folder, pip_home=cache / "pip")
        bundle = folder / authorities.CERTIFI
        if bundle.exists():
            authorities.make_folder(bundle, folder / authorities.FOLDER)
        if python:
            compile_modules(python, folder)

    name = f"{architecture}-{compiled_by}-{recipe}"
    return make_once(cache / "dependencies" / name, install)


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
