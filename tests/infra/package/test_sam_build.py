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
    receive, work = sam_build / "ReceiveFunction", sam_build / "WorkFunction"
    names = {str(path.relative_to(receive)) for path in receive.rglob("*")}
    assert {str(path.relative_to(work)) for path in work.rglob("*")} == names
    files = [name for name in names if (receive / name).is_file()]
    assert filecmp.cmpfiles(receive, work, files, shallow=False)[0] == files
