"""The packages that are compared: the bot's and a hello world's, with and without bytecode.

All come from the same builder and the same lock; only the functions' own modules differ. The bot is
the tests' sample, so that a change of handler/bot.py changes no figure. The package of an earlier
commit has the lock and the sample of that commit.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.package import Architecture, Package, make_package
from infra.testing.runtime import host_architecture

from .processes import BUILD, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

RECEIVE, WORK, HELLO = "receive.lambda_handler", "work.lambda_handler", "app.lambda_handler"


@dataclass(frozen=True)
class Packages:
    """The packages for this machine, and the bot's sources for the other architecture.

    Attributes:
        earlier: The bot's package as an earlier commit had it.
    """

    ours: Package
    hello: Package
    ours_without_bytecode: Package
    hello_without_bytecode: Package
    ours_elsewhere: Package
    earlier: Package | None


@dataclass(frozen=True)
class DeployedFunction:
    """A function of a package, with its whole environment."""

    package: Package
    entry_point: str
    environ: Mapping[str, str]


def build(against: str | None) -> Packages:
    """Build all packages.

    Args:
        against: An earlier commit to compare with, if any.

    Raises:
        PackageError: A package could not be built.
        RuntimeError: The commit is not in this repository.
    """
    home = BUILD / "packages"
    shutil.rmtree(home, ignore_errors=True)
    sources = _sources(ROOT, home / "sources")
    hello = Path(__file__).parent / "hello"
    here = host_architecture()
    elsewhere = next(one for one in Architecture if one is not here)
    return Packages(
        make_package(home / "ours", here, source=sources),
        make_package(home / "hello", here, source=hello),
        make_package(home / "ours-sources", here, source=sources, bytecode=False),
        make_package(home / "hello-sources", here, source=hello, bytecode=False),
        make_package(home / "ours-elsewhere", elsewhere, source=sources, bytecode=False),
        _build_earlier(against, home, here) if against else None,
    )


def _sources(root: Path, into: Path) -> Path:
    """Copy the functions' modules of a checkout, with its sample bot."""
    shutil.copytree(root / "handler", into, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "tests" / "sample" / "bot.py", into)
    return into


def _build_earlier(commit: str, home: Path, architecture: Architecture) -> Package:
    command = ["git", "archive", commit, "handler", "tests/sample", "requirements.txt"]
    archived = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        raise RuntimeError(f"git archive {commit}: {archived.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as archive:
        archive.extractall(home / "commit", filter="data")
    return make_package(
        home / "earlier",
        architecture,
        source=_sources(home / "commit", home / "earlier-sources"),
        requirements=home / "commit" / "requirements.txt",
    )
