"""The wheel of the framework, for a project that only depends on it."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from typing import TYPE_CHECKING

import pytest

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.testing.events import http_api_event
from tests.infra.package.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

BOT = """
from gidgetlambda import Event, GitLabAPI, GitLabBot
from mangum import Mangum

bot = GitLabBot("elsewhere")

@bot.router.register("Issue Hook", action="open")
async def opened(event: Event, gl: GitLabAPI) -> None:
    print("opened", event.object_attributes["iid"])

lambda_handler = Mangum(bot.app, lifespan="off")
"""
SECRET = "the-webhook-secret"
HEADERS = {
    "Content-Type": "application/json",
    "X-Gitlab-Event": "Issue Hook",
    "X-Gitlab-Token": SECRET,
}
ISSUE = {"object_kind": "issue", "object_attributes": {"action": "open", "iid": 23}}
INVOKE = "import bot, json, sys; print(bot.lambda_handler(json.load(sys.stdin), None)['body'])"


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


def test_a_bot_in_an_empty_folder_answers_a_delivery(
    wheel: Path, tmp_path: Path, sandbox: Sandbox
) -> None:
    python = str(tmp_path / "venv" / "bin" / "python")
    venv.create(tmp_path / "venv")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, "--constraint", ROOT / "requirements.txt", wheel], check=True)
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "bot.py").write_text(BOT)

    answer = subprocess.run(
        [python, "-c", INVOKE],
        cwd=tmp_path / "bot",
        env={"GL_URL": sandbox.url, "GL_ACCESS_TOKEN": BOT_TOKEN, "GL_SECRET": SECRET},
        input=json.dumps(http_api_event("POST", "/webhook", HEADERS, json.dumps(ISSUE).encode())),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.splitlines()

    assert "opened 23" in answer
    assert json.loads(answer[-1])["status"] == "done"
