"""A bot that cannot be imported is not built; the message names the line and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.package import Architecture, PackageError, make_package

if TYPE_CHECKING:
    from pathlib import Path

BOT = """\
from gidgetlambda import GitLabBot
{statement}
bot = GitLabBot("tester")
"""
LOCK = "belongs into `dependencies` of pyproject.toml; then run `make lock`"


@pytest.fixture
def elsewhere(architecture: Architecture) -> Architecture:
    """Return the architecture of which this machine cannot import a package."""
    return next(one for one in Architecture if one is not architecture)


def build(sample_source: Path, tmp_path: Path, statement: str, architecture: Architecture) -> None:
    source = tmp_path / "handler"
    source.mkdir()
    for path in sample_source.iterdir():
        (source / path.name).symlink_to(path)
    (source / "bot.py").unlink()
    (source / "bot.py").write_text(BOT.format(statement=statement))
    make_package(tmp_path / "built", architecture, source=source)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("import rich", f"ModuleNotFoundError: No module named 'rich'. .*{LOCK}"),
        ("from gidgetlambda.plugins import welcom", "ImportError: cannot import name 'welcom'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_package_is_imported_on_its_own_platform(
    sample_source: Path,
    tmp_path: Path,
    architecture: Architecture,
    statement: str,
    problem: str,
) -> None:
    with pytest.raises(PackageError, match=rf"^handler/bot\.py, line 2: {problem}"):
        build(sample_source, tmp_path, statement, architecture)


@pytest.mark.parametrize("statement", ["import rich", "from rich.text import Text"])
def test_the_imports_of_another_platform_are_compared_with_the_package(
    sample_source: Path, tmp_path: Path, elsewhere: Architecture, statement: str
) -> None:
    with pytest.raises(
        PackageError, match=rf"^handler/bot\.py, line 2: No module named 'rich'\. .*{LOCK}"
    ):
        build(sample_source, tmp_path, statement, elsewhere)


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        "import boto3, botocore.exceptions; boto3.client('s3')",
        "from botocore.exceptions import ClientError",
        "try: import rich\nexcept ImportError: rich = None",
        "import sqlite3, httpx, pydantic",
    ],
)
def test_what_lambda_has_can_be_imported(
    sample_source: Path,
    tmp_path: Path,
    architecture: Architecture,
    elsewhere: Architecture,
    statement: str,
    here: bool,
) -> None:
    build(sample_source, tmp_path, statement, architecture if here else elsewhere)
