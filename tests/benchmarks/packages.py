"""The packages that are compared: the bot's and a hello world's, with and without bytecode.

All come from the same builder and the same lock; only the functions' own modules differ. The bot is
the tests' sample, so that a change of handler/bot.py changes no figure.
"""

from __future__ import annotations

import shutil
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
    """The packages for this machine, and the bot's sources for the other architecture."""

    ours: Package
    hello: Package
    ours_without_bytecode: Package
    hello_without_bytecode: Package
    ours_elsewhere: Package


@dataclass(frozen=True)
class DeployedFunction:
    """A function of a package, with its whole environment."""

    package: Package
    entry_point: str
    environ: Mapping[str, str]


def build() -> Packages:
    """Build all packages.

    Raises:
        PackageError: A package could not be built.
    """
    home = BUILD / "packages"
    shutil.rmtree(home, ignore_errors=True)
    sources = home / "sources"
    shutil.copytree(ROOT / "handler", sources, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "sample" / "bot.py", sources)
    hello = Path(__file__).parent / "hello"
    here = host_architecture()
    elsewhere = next(one for one in Architecture if one is not here)
    return Packages(
        make_package(home / "ours", here, source=sources),
        make_package(home / "hello", here, source=hello),
        make_package(home / "ours-sources", here, source=sources, bytecode=False),
        make_package(home / "hello-sources", here, source=hello, bytecode=False),
        make_package(home / "ours-elsewhere", elsewhere, source=sources, bytecode=False),
    )
