"""Fixtures of the tests around the functions."""

from collections.abc import Iterator

import pytest

from infra.testing.runtime import RuntimeUnavailableError, emulator_program, runtime_python


@pytest.fixture(scope="module")
def moto_server() -> Iterator[str]:
    """Start moto's server, and yield its address."""
    from moto.server import ThreadedMotoServer  # only some tests pay for this import

    server = ThreadedMotoServer("localhost", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://localhost:{port}"
    server.stop()


@pytest.fixture(scope="session")
def lambda_runtime() -> None:
    """Skip where this machine cannot run a package: that takes Linux and a Python 3.13."""
    try:
        emulator_program()
        runtime_python()
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))
