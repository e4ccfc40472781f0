"""The locked requirements: what ships, what develops it, and what stands for Lambda's runtime."""

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


def test_what_is_shipped_is_three_packages_and_what_they_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=~]", each)[0] for each in project["dependencies"]}
    assert names == {"fastapi", "httpx", "mangum"}
    assert names <= pinned(SHIPPED).keys()
    assert not {"botocore", "boto3", "uvicorn", "pytest"} & pinned(SHIPPED).keys()


def test_what_is_shipped_is_what_was_tested() -> None:
    assert pinned(SHIPPED).items() <= pinned(DEVELOPMENT).items()


def test_the_runtime_brings_the_client_and_what_signs_as_it_was_tested() -> None:
    assert {"awslambdaric", "botocore"} <= pinned(RUNTIME).keys()
    assert pinned(RUNTIME).items() <= pinned(DEVELOPMENT).items()


def test_what_is_shipped_does_not_depend_on_who_builds() -> None:
    # pip judges markers by the Python that runs it, not by the one it installs for.
    requirements = re.findall(r"^[\w.-]+==[^\s\\]+ *;.*$", SHIPPED.read_text(), re.MULTILINE)
    assert requirements == []
