"""The packages that are held against each other: ours and hello world, with byte code and without.

All four come from the same builder and the same lock; they differ in the function's own modules.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.package import Package, make_package
from infra.testing.runtime import host_architecture

from .processes import BUILD, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCES = {"ours": ROOT / "handler", "hello world": Path(__file__).parent / "hello"}
ENTRY_POINTS = {"ours": "receive.lambda_handler", "hello world": "app.lambda_handler"}


@dataclass(frozen=True)
class Contestant:
    """One of the packages.

    function: "ours" or "hello world".
    """

    function: str
    package: Package

    @property
    def name(self) -> str:
        return self.function if self.compiled else f"{self.function}, no byte code"

    @property
    def compiled(self) -> bool:
        return self.package.python is not None

    @property
    def entry_point(self) -> str:
        return ENTRY_POINTS[self.function]


def build() -> list[Contestant]:
    """Build all four, anew. Raises `PackageError`."""
    home = BUILD / "packages"
    shutil.rmtree(home, ignore_errors=True)
    return [
        _build(function, home / f"{source.name}-{'compiled' if bytecode else 'source'}", bytecode)
        for bytecode in (True, False)
        for function, source in SOURCES.items()
    ]


def ours(contestants: Sequence[Contestant]) -> Path:
    """The folder of our package as it is deployed, with byte code."""
    return _compiled(contestants, "ours")


def hello_world(contestants: Sequence[Contestant]) -> Path:
    """The folder of hello world, with byte code."""
    return _compiled(contestants, "hello world")


def _compiled(contestants: Sequence[Contestant], function: str) -> Path:
    return next(
        one.package.folder for one in contestants if one.compiled and one.function == function
    )


def _build(function: str, folder: Path, bytecode: bool) -> Contestant:
    package = make_package(folder, host_architecture(), source=SOURCES[function], bytecode=bytecode)
    return Contestant(function, package)
