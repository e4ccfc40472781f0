"""Startup: the steps of the entry points that change the whole process.

Two of them make cold starts faster. The third keeps a bot that ends with `bot.run()` from serving
when another program imports it.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


_serving_prevented = False


@contextmanager
def serving_prevented() -> Iterator[None]:
    """Let `bot.run()` do nothing in this context, in which a program imports a bot."""
    global _serving_prevented
    before, _serving_prevented = _serving_prevented, True
    try:
        yield
    finally:
        _serving_prevented = before


def is_serving_prevented() -> bool:
    """Return whether another program imports the bot and serves it itself."""
    return _serving_prevented


@contextmanager
def imported_for_good() -> Iterator[None]:
    """Exempt the imports of this context from garbage collection, now and later.

    A bot that is imported here does not serve.

    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        _remember_that_sniffio_is_missing()
        with serving_prevented():
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
