"""What `sam build` makes for each function of the template."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_both_functions_get_the_same_package(built: Path) -> None:
    receive, work = (contents(built.parent / f"{name}Function") for name in ("Receive", "Work"))
    assert "receive.py" in receive
    assert "work.py" in receive
    assert receive == work


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file's mode and digest."""
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in folder.rglob("*")
        if path.is_file()
    }
