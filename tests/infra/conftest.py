"""Fixtures of the tests around the functions."""

from collections.abc import Iterator

import httpx
import pytest

from infra.testing.runtime import RuntimeUnavailableError, emulator_program, runtime_python


@pytest.fixture(scope="session")
def _moto_address() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # only some tests pay for this import

    server = ThreadedMotoServer("localhost", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://localhost:{port}"
    server.stop()


@pytest.fixture
def moto_server(_moto_address: str) -> str:
    """Return the address of moto's server, with an empty AWS account."""
    httpx.post(f"{_moto_address}/moto-api/reset", trust_env=False).raise_for_status()
    return _moto_address


@pytest.fixture(scope="session")
def lambda_runtime() -> None:
    """Skip where this machine cannot run a package: that takes Linux and a Python 3.13."""
    try:
        emulator_program()
        runtime_python()
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))
