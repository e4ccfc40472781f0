"""The wheel of the framework, for a project that only depends on it."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.server import serve
from infra.testing.transport import FunctionTransport
from tests.infra.package.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BOT = """
from gidgetlambda import Event, GitLabAPI, GitLabBot
from mangum import Mangum

bot = GitLabBot("elsewhere")

@bot.router.register("Issue Hook", action="open")
async def opened(event: Event, gl: GitLabAPI) -> None:
    await gl.comment(event.target_path, "Seen.")

lambda_handler = Mangum(bot.app, lifespan="off")
"""
INVOKE = """
import bot, json, sys
print(json.dumps(bot.lambda_handler(json.load(sys.stdin), None)))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(["make", "wheel", f"WHEELS={folder}"], cwd=ROOT, check=True)
    (built,) = folder.iterdir()
    return built


def test_contains_the_framework_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    source = ROOT / "handler"
    framework = {
        path.relative_to(source).as_posix()
        for path in (source / "gidgetlambda").rglob("*")
        if path.suffix in (".py", ".typed")
    }
    assert {name for name in names if ".dist-info/" not in name} == framework
    assert {"gidgetlambda/py.typed", "gidgetlambda/plugins/welcome.py"} <= framework
    assert not any(name.endswith("entry_points.txt") for name in names)


@dataclass(frozen=True)
class InstalledBot:
    """A bot in a folder of its own, run by the Python of a virtual environment."""

    python: Path
    folder: Path
    environment: Mapping[str, str]

    def invoke(self, event: Any) -> Any:
        done = subprocess.run(
            [self.python, "-c", INVOKE],
            cwd=self.folder,
            env=self.environment,
            input=json.dumps(event),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def python(wheel: Path, tmp_path: Path) -> Path:
    """The Python of an environment with the wheel and the locked versions of its dependencies."""
    python = tmp_path / "venv" / "bin" / "python"
    venv.create(tmp_path / "venv")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, "--constraint", ROOT / "requirements.txt", wheel], check=True)
    return python


def test_a_bot_in_an_empty_folder_answers_a_delivery(python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bot"
    folder.mkdir()
    (folder / "bot.py").write_text(BOT)
    environment = {"GL_ACCESS_TOKEN": BOT_TOKEN, "GL_SECRET": "the-webhook-secret"}
    bot = InstalledBot(python, folder, environment)
    sandbox = Sandbox(webhook_transport=FunctionTransport([bot]))

    with serve(sandbox):
        environment["GL_URL"] = sandbox.url
        sandbox.add_hook("https://bot.example.com/webhook", token="the-webhook-secret")
        issue = sandbox.open_issue("It does not start", by="alice")
        delivery, *_ = sandbox.settle()

    assert json.loads(delivery.response_body)["status"] == "done"
    assert [note.body.splitlines()[0] for note in issue.notes] == ["Seen."]
