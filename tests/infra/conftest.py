"""Fixtures of the tests around the functions."""

import pytest

from infra.testing.runtime import RuntimeUnavailableError, emulator_program, runtime_python


@pytest.fixture(scope="session")
def lambda_runtime() -> None:
    """Skip where this machine cannot run a package: that takes Linux and a Python 3.13."""
    try:
        emulator_program()
        runtime_python()
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))
