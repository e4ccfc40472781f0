import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest
import uvicorn
from gidgetlambda import GitLabBot
from gidgetlambda.runtime import Options
from gidgetlambda.startup import serving_prevented

from tests.handler import payloads


def test_passes_every_argument_to_its_runtime_and_hides_the_secrets() -> None:
    arguments: dict[str, Any] = {
        "secret": "s3cret",
        "access_token": "glpat-fake",
        "cache": {},
        "ssl_context": ssl.create_default_context(),
        "wait_consistency": True,
        "url": "https://gitlab.example.com",
        "api_version": "v5",
        "time_limit": 2.5,
        "request_timeout": 1.5,
    }
    bot = GitLabBot("tester", **arguments)
    assert bot.runtime._options == Options(**arguments)
    assert "s3cret" not in f"{bot} {bot.runtime._options}"
    assert "glpat" not in f"{bot} {bot.runtime._options}"


# On one's own machine


SCRIPT = """
from gidgetlambda import GitLabBot
bot = GitLabBot("my-bot", secret="s3cret", access_token="glpat-fake")
bot.run(host="127.0.0.1", port={port})
"""


def test_run_serves_and_logs_until_it_is_interrupted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(port=port)],
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            for _ in range(200):
                try:
                    health = client.get("/health")
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            headers = {"X-Gitlab-Event": "Issue Hook", "X-Gitlab-Token": "s3cret"}
            delivered = client.post("/", headers=headers, json=payloads.issue())
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert health.json()["status"] == "ok"
    assert delivered.json()["status"] == "ignored"
    assert "INFO delivery delivery=" in output
    assert "outcome=ignored" in output
    assert "WARNING" not in output
    assert "s3cret" not in output


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments of `uvicorn.run`, which serves nothing here."""
    served: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: served.update(app=app, **options))
    return served


def test_run_listens_on_the_port_of_gidgetlab(served: dict[str, Any]) -> None:
    bot = GitLabBot("tester")
    bot.run(reload_delay=1)
    assert served == {"app": bot.app, "host": "127.0.0.1", "port": 8080, "reload_delay": 1}


@pytest.mark.parametrize(
    ("arguments", "ignored"),
    [
        ({"print": None}, ["print"]),
        ({"reuse_port": True, "handle_signals": True}, ["handle_signals, reuse_port"]),
        ({"access_log": None}, []),
    ],
    ids=repr,
)
def test_run_ignores_the_arguments_of_aiohttp_with_one_warning(
    arguments: dict[str, Any],
    ignored: list[str],
    served: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    GitLabBot("tester", secret="s3cret", access_token="glpat-fake").run(**arguments)
    warnings = [record.getMessage() for record in caplog.records]
    assert warnings == [f"bot.run() ignores the arguments of aiohttp: {one}" for one in ignored]
    assert served.keys() == {"app", "host", "port", *arguments} - {*" ".join(ignored).split(", ")}


def test_run_does_nothing_while_another_program_imports_the_bot(served: dict[str, Any]) -> None:
    with serving_prevented():
        GitLabBot("tester").run()
    assert served == {}


@pytest.mark.parametrize("given", [None, "given"])
def test_shows_the_secrets_of_its_arguments_or_of_the_environment(
    given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = GitLabBot("tester", secret=given, access_token=given)
    for value in ("first", "second", ""):
        monkeypatch.setenv("GL_SECRET", value)
        monkeypatch.setenv("GL_ACCESS_TOKEN", value)
        assert (bot.secret, bot.access_token) == (given or value or None,) * 2


QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks.fifo"
SECRET, TOKEN = {"GL_SECRET": "s3cret"}, {"GL_ACCESS_TOKEN": "glpat-fake"}


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, {"GL_SECRET", "GL_ACCESS_TOKEN"}),
        (SECRET, {"GL_ACCESS_TOKEN"}),
        (TOKEN, {"GL_SECRET"}),
        (SECRET | TOKEN, set()),
        (SECRET | {"QUEUE_URL": QUEUE_URL}, set()),
    ],
)
def test_run_warns_that_the_bot_will_refuse_deliveries_without_settings(
    environ: dict[str, str],
    named: set[str],
    served: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    GitLabBot("tester").run()
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == bool(named)
    assert all("will refuse every delivery" in warning for warning in warnings)
    assert {name for name in (*SECRET, *TOKEN) if name in "".join(warnings)} == named


def test_run_without_uvicorn_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ModuleNotFoundError, match="python -m pip install 'uvicorn"):
        GitLabBot("tester").run()
