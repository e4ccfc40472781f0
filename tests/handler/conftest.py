"""What tests of `handler` may ask for."""

import logging
import os
from collections.abc import Iterator

import pytest
from gidgetlambda.logs import NOISY_LIBRARIES

SETTINGS = ("GL_", "LOG_LEVEL", "QUEUE_URL", "PARKED_QUEUE_URL")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests reaches a bot."""
    for name in tuple(os.environ):
        if name.startswith(SETTINGS):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def own_log_level() -> Iterator[None]:
    """A bot sets the levels of loggers; the next test has its own."""
    loggers = [logging.getLogger(name) for name in ("gidgetlambda", *NOISY_LIBRARIES)]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)
