"""The entry point as it ships: `receive`, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.testing.events import http_api_event
from tests.handler import payloads

ROOT = Path(__file__).parents[2]

SCRIPT = """
import json, os, sys
from receive import app, lambda_handler
assert app is not None
for event, environ in json.load(sys.stdin):
    os.environ.update(environ)
    print(json.dumps(lambda_handler(event, None)))
"""


def invoked(*calls: tuple[dict[str, Any], dict[str, str]]) -> list[dict[str, Any]]:
    """Call the function once for each event, each time with some more of an environment."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("GL_", "LOG_LEVEL"))}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(calls),
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert BOT_TOKEN not in ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_it_imports_nothing_that_it_may_never_need() -> None:
    """Signing is for a bot with a queue, and looking for a resembling name for one with a typo."""
    names = ["botocore", "difflib"]
    script = f"import sys, receive; print([n for n in {names} if n in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


def delivered(data: Any, token: str = "hook-secret") -> dict[str, Any]:
    headers = {
        "Content-Type": "application/json",
        "X-Gitlab-Event": "Issue Hook",
        "X-Gitlab-Token": token,
        "webhook-id": "d1",
    }
    return http_api_event("POST", "/webhook", headers, json.dumps(data).encode())


def test_the_bot_of_this_deployment_thanks_who_opens_an_issue(sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    settings = {
        "GL_SECRET": "hook-secret",
        "GL_ACCESS_TOKEN": BOT_TOKEN,
        "GL_URL": sandbox.url,
    }
    event = delivered(payloads.issue(iid=issue.iid))
    unset, done, again, refused = invoked(
        (event, {}),
        (event, settings),
        (event, {}),
        (delivered(payloads.issue(), "wrong"), {}),
    )
    assert unset["statusCode"] == 503
    assert "GL_SECRET" in unset["body"]
    for answer in (done, again):
        assert answer["statusCode"] == 200
        assert json.loads(answer["body"])["handlers"] == {
            "gidgetlambda.plugins.welcome:issue_opened": "done"
        }
    assert refused["statusCode"] == 401
    assert len(issue.notes) == 1
    assert issue.notes[0].body.startswith("Thanks for the report @alice!")


def test_the_installed_handlers() -> None:
    from bot import bot

    assert [(route.name, route.event_type) for route in bot.router.routes] == [
        ("gidgetlambda.plugins.welcome:issue_opened", "Confidential Issue Hook"),
        ("gidgetlambda.plugins.welcome:issue_opened", "Issue Hook"),
        ("gidgetlambda.plugins.thanks:merge_request_merged", "Merge Request Hook"),
    ]
    assert bot.requester == "gidgetlambda"


def test_health() -> None:
    (answer,) = invoked((http_api_event("GET", "/health"), {}))
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (200, "ok")
