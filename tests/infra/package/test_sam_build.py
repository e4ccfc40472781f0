"""The build of this repository by `sam build`, whatever the owner's bot is."""

from __future__ import annotations

import filecmp
from typing import TYPE_CHECKING

from tests.infra.package.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_sam_builds_the_content_of_handler(sam_build: Path) -> None:
    for module in (ROOT / "handler").rglob("*.py"):
        shipped = sam_build / "ReceiveFunction" / module.relative_to(ROOT / "handler")
        assert shipped.read_bytes() == module.read_bytes()


def test_both_functions_get_the_same_package(sam_build: Path) -> None:
    comparison = filecmp.dircmp(sam_build / "ReceiveFunction", sam_build / "WorkFunction")
    assert_same(comparison)


def assert_same(comparison: filecmp.dircmp[str]) -> None:
    assert comparison.common
    assert (comparison.left_only, comparison.right_only) == ([], [])
    assert (comparison.diff_files, comparison.funny_files) == ([], [])
    for folder in comparison.subdirs.values():
        assert_same(folder)
