"""Fixtures for the tests of `handler`."""

import logging
from collections.abc import Iterator

import pytest
from gidgetlambda.logs import NOISY_LIBRARIES


@pytest.fixture(autouse=True)
def only_settings_of_the_test(bare_environment: None) -> None:
    """Hide the settings of the person who runs the tests."""


@pytest.fixture(autouse=True)
def restored_log_levels() -> Iterator[None]:
    """Undo what a bot's LOG_LEVEL does to the levels of loggers."""
    loggers = [logging.getLogger(name) for name in ("gidgetlambda", *NOISY_LIBRARIES)]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
