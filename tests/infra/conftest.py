"""Fixtures of the tests around the functions."""

import pytest

from infra.testing.runtime import why_unavailable


@pytest.fixture(scope="session")
def lambda_runtime() -> None:
    """Skip where this machine cannot run a package: that takes Linux and a Python 3.13."""
    if reason := why_unavailable():
        pytest.skip(reason)
