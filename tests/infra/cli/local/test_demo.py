"""`demo`: exit code 0 only if the bot's answer arrived."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT_ROOT = Path(__file__).parents[4]


def demo(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", "demo"],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_bot_answers() -> None:
    done = demo(PROJECT_ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Thanks for the report @alice!" in done.stdout


def test_a_gitlab_in_the_environment_is_left_alone() -> None:
    done = demo(
        PROJECT_ROOT,
        GL_URL="http://127.0.0.1:9",
        GL_ACCESS_TOKEN="not-for-the-sandbox",
        GL_SECRET="another",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_answer_that_never_comes_is_a_failure(silent_checkout: Path) -> None:
    done = demo(silent_checkout)
    assert done.returncode == 1
    assert "The bot did not comment on the issue." in done.stdout


def test_a_handler_that_fails_is_a_failure_with_its_error(checkout: Path) -> None:
    plugin = checkout / "handler" / "gidgetlambda" / "plugins" / "welcome.py"
    plugin.write_text(plugin.read_text().replace("await gl.reply(", 'raise RuntimeError("oh"); ('))
    done = demo(checkout)
    assert done.returncode == 1
    assert "RuntimeError: oh" in done.stdout


def test_a_bot_that_cannot_start_is_a_failure_with_its_error(checkout: Path) -> None:
    (checkout / "handler" / "bot.py").write_text("bot =\n")
    done = demo(checkout)
    assert done.returncode == 1
    assert "SyntaxError" in done.stdout
    assert "The bot did not start" in done.stdout
