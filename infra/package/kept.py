"""Folders that are made once and kept between builds."""

import tempfile
from collections.abc import Callable
from pathlib import Path


def make_once(kept: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder, and make it at the first call.

    Args:
        kept: The folder.
        make: Makes the folder at another path; the folder is then moved.
    """
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        made = Path(scratch) / kept.name
        make(made)
        try:
            made.rename(kept)
        except OSError:
            # A concurrent process finished first with the same result.
            if not kept.exists():
                raise
    return kept
