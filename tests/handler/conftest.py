"""Fixtures for the tests of `handler`."""

import logging
import os
from collections.abc import Iterator

import pytest
from gidgetlambda.logs import NOISY_LIBRARIES

SETTINGS = ("GL_", "LOG_LEVEL", "QUEUE_URL", "PARKED_QUEUE_URL")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests."""
    for name in tuple(os.environ):
        if name.startswith(SETTINGS):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def restored_log_levels() -> Iterator[None]:
    """Undo what a bot's LOG_LEVEL does to the levels of loggers."""
    loggers = [logging.getLogger(name) for name in ("gidgetlambda", *NOISY_LIBRARIES)]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
