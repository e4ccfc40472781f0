"""The entry point `receive`, as Lambda imports and calls it, with the sample bot."""

import json
from typing import Any

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.testing.events import http_api_event
from tests.handler import payloads
from tests.handler.processes import run_python

RECEIVE = """
import json, os, sys
from receive import app, lambda_handler
for event, environ in json.load(sys.stdin):
    os.environ.update(environ)
    print(json.dumps(lambda_handler(event, None)))
"""


def test_imports_botocore_and_difflib_only_when_needed() -> None:
    names = ["botocore", "difflib"]
    code = f"import sys, receive; print([name for name in {names} if name in sys.modules])"
    assert run_python(code) == "[]\n"


def test_answers_invocations_with_the_settings_of_their_time(sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("A bug")
    settings = {"GL_SECRET": "hook-secret", "GL_ACCESS_TOKEN": BOT_TOKEN, "GL_URL": sandbox.url}
    headers = {
        "Content-Type": "application/json",
        "X-Gitlab-Event": "Issue Hook",
        "X-Gitlab-Token": "hook-secret",
        "webhook-id": "d1",
    }
    body = json.dumps(payloads.issue(iid=issue.iid)).encode()
    delivery = http_api_event("POST", "/webhook", headers, body)
    calls: list[Any] = [
        (http_api_event("GET", "/health"), {}),
        (delivery, {}),
        (delivery, settings),
        (delivery, {}),
    ]
    output = run_python(RECEIVE, stdin=json.dumps(calls))
    health, unset, done, repeated = (json.loads(line) for line in output.splitlines())
    assert (health["statusCode"], json.loads(health["body"])["status"]) == (200, "ok")
    assert unset["statusCode"] == 503
    assert "misconfigured" in unset["body"]
    for answer in (done, repeated):
        assert answer["statusCode"] == 200
        assert json.loads(answer["body"])["handlers"] == {"welcome.issue_opened": "done"}
    assert len(issue.notes) == 1
