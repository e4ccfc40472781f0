"""Startup: two steps of the entry points for faster cold starts.

Both change the whole process, so that the entry points take them and an import of the framework
does not.
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
    """Exempt the imports of this context from garbage collection, now and later.

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
    """Spare each request several searches for a missing module.

    httpcore imports sniffio wherever it may have to wait. No package installs it any more, and
    Python does not remember a failed search. `None` in the module cache stands for one:
    https://docs.python.org/3/reference/import.html#the-module-cache
    """
    if "sniffio" not in sys.modules and importlib.util.find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]
