"""The packages under test, each built once per test process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.package import Architecture, Package, make_package
from infra.testing.runtime import RuntimeUnavailableError, host_architecture

ROOT = Path(__file__).parents[3]
SAM = Path(sys.executable).with_name("sam")


@pytest.fixture(scope="session")
def architecture() -> Architecture:
    try:
        return host_architecture()
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def sample_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the source of both functions with the sample bot in place of the owner's modules.

    The bot ends as gidgetlab documents it, and with an argument of aiohttp.
    """
    source = tmp_path_factory.mktemp("source")
    for name in ("receive.py", "work.py"):
        shutil.copy(ROOT / "handler" / name, source)
    bot = (ROOT / "tests" / "sample" / "bot.py").read_text()
    (source / "bot.py").write_text(f"{bot}\nbot.run(print=None)\n")
    shutil.copytree(ROOT / "handler" / "gidgetlambda", source / "gidgetlambda")
    return source


@pytest.fixture(scope="session")
def sample(
    sample_source: Path, architecture: Architecture, tmp_path_factory: pytest.TempPathFactory
) -> Package:
    """Build the package of the sample bot for this machine."""
    folder = tmp_path_factory.mktemp("package") / "sample"
    return make_package(folder, architecture, source=sample_source)


@pytest.fixture(scope="session")
def arm64(sample_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Build the package of the sample bot for Lambda's default architecture."""
    folder = tmp_path_factory.mktemp("package") / "arm64"
    return make_package(folder, Architecture.ARM64, source=sample_source)


@pytest.fixture(scope="session")
def sam_build(architecture: Architecture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build this repository with `sam build`, the owner's bot included."""
    build = tmp_path_factory.mktemp("sam") / "build"
    subprocess.run(
        [
            *(SAM, "build"),
            *("--build-dir", build),
            *("--parameter-overrides", f"Architecture={architecture}"),
        ],
        cwd=ROOT,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1"},
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    return build
