"""The locks: what ships, the development environment, and Lambda's runtime."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "requirements.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"
RUNTIME = ROOT / "infra" / "testing" / "requirements.txt"


def pinned(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", [SHIPPED, DEVELOPMENT, RUNTIME], ids=lambda lock: lock.name)
def test_every_requirement_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    requirements = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert requirements
    assert [entry for entry in requirements if "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert "index-url" not in text


def test_the_framework_ships_with_three_packages_and_their_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=~]", each)[0] for each in project["dependencies"]}
    assert names >= {"fastapi", "httpx", "mangum"}
    assert names <= pinned(SHIPPED).keys()


def test_the_shipped_versions_are_the_tested_ones() -> None:
    assert pinned(SHIPPED).items() <= pinned(DEVELOPMENT).items()


def test_the_emulated_runtime_has_the_tested_versions() -> None:
    assert {"awslambdaric", "botocore"} <= pinned(RUNTIME).keys()
    assert pinned(RUNTIME).items() <= pinned(DEVELOPMENT).items()


def test_the_shipped_packages_do_not_depend_on_the_building_machine() -> None:
    # pip evaluates markers for the Python that runs it, not for the target.
    requirements = re.findall(r"^[\w.-]+==[^\s\\]+ *;.*$", SHIPPED.read_text(), re.MULTILINE)
    assert requirements == []
