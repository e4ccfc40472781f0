"""The package, built once for all tests as a person would build it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.testing.runtime import (
    RuntimeUnavailableError,
    emulator_program,
    host_architecture,
    runtime_python,
)

ROOT = Path(__file__).parents[2]
SAM = Path(sys.executable).with_name("sam")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `sam build` makes of the receiving function, for this machine's processor."""
    try:
        architecture = host_architecture()
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))
    build = tmp_path_factory.mktemp("sam") / "build"
    subprocess.run(
        [
            SAM,
            "build",
            *("--build-dir", build),
            *("--parameter-overrides", f"Architecture={architecture}"),
        ],
        cwd=ROOT,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1"},
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    return build / "ReceiveFunction"


@pytest.fixture(scope="session")
def lambda_runtime() -> None:
    """Skips where this machine cannot run a package: it takes Linux and a Python 3.13."""
    try:
        emulator_program()
        runtime_python()
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))
