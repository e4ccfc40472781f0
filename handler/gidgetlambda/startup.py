"""What the entry points do once, for faster cold starts; nothing else needs it.

Both steps change the whole process, so they belong to a process that is a function and not to
whoever imports the framework. `make bench` measures what they are worth.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def imported_for_good() -> Iterator[None]:
    """Import what stays: look for no garbage meanwhile, nor ever in what is there afterwards.

    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        _remember_that_sniffio_is_missing()
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def _remember_that_sniffio_is_missing() -> None:
    """Spare each request several searches for a module that is not there.

    httpcore imports sniffio wherever it may have to wait, nothing installs it any more, and Python
    does not remember what it did not find. `None` says so without a search:
    https://docs.python.org/3/reference/import.html#the-module-cache
    """
    if "sniffio" not in sys.modules and importlib.util.find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]
