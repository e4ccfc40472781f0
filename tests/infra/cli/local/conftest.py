"""A copy of the project for tests that spoil handlers, and the bot that answers nothing."""

import shutil
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).parents[4]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project, whose handlers a test may spoil."""
    for name in ("handler", "infra"):
        shutil.copytree(
            PROJECT_ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


@pytest.fixture
def silent_checkout(checkout: Path) -> Path:
    """A copy of the project whose bot has no handler that greets."""
    (checkout / "handler" / "bot.py").write_text(
        "from gidgetlambda import GitLabBot\n"
        "from gidgetlambda.plugins import thanks\n\n"
        'bot = GitLabBot("silent")\n'
        "bot.register_routers(thanks.router)\n"
    )
    return checkout
