"""`gidgetlambda deploy` against moto's CloudFormation.

moto has no HTTP APIs, so that `sam deploy` cannot create the stack there. A stand-in for it creates
a stack with the outputs, whose health URL leads to a server of the test.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from infra.cli.deploy import commands
from infra.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.infra.cli.conftest import Invoke

ROOT = Path(__file__).parents[4]
WEBHOOK_URL = "https://abc.execute-api.eu-west-1.amazonaws.com/webhook"
BUILT = '[function_build_definitions.a]\narchitecture = "{}"\nfunctions = {}\n'
FUNCTIONS = '["ReceiveFunction", "WorkFunction"]'
# It notes its arguments, and creates the stack as CloudFormation would have it afterwards.
SAM = f"""#!{sys.executable}
import json, os, sys
import boto3
open("sam.json", "a").write(json.dumps(sys.argv[1:]) + "\\n")
if os.environ.get("SAM_FAILS"):
    sys.exit(1)
urls = {{"HealthUrl": os.environ["HEALTH_URL"], "WebhookUrl": "{WEBHOOK_URL}"}}
outputs = {{name: {{"Value": url}} for name, url in urls.items()}}
client = boto3.client("cloudformation")
if not client.list_stacks()["StackSummaries"]:
    topic = {{"Topic": {{"Type": "AWS::SNS::Topic"}}}}
    template = json.dumps({{"Resources": topic, "Outputs": outputs}})
    client.create_stack(StackName="gidgetlambda", TemplateBody=template)
"""


@pytest.fixture
def health() -> Iterator[str]:
    """Serve the health check of the deployed bot."""
    route = Route("/health", lambda request: JSONResponse({"status": "ok", "version": "1.2.3"}))
    with serve(Starlette(routes=[route])) as url:
        yield f"{url}/health"


@pytest.fixture
def project(
    invoke: Invoke,
    moto_server: str,
    health: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Make a built project, and an empty AWS account."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": moto_server,
        "HEALTH_URL": health,
    }.items():
        monkeypatch.setenv(name, value)
    httpx.post(f"{moto_server}/moto-api/reset", trust_env=False).raise_for_status()
    sam = tmp_path / "sam"
    sam.write_text(SAM)
    sam.chmod(0o755)
    monkeypatch.setattr(commands, "_SAM", sam)
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    monkeypatch.setattr(commands, "_ANSWER_SECONDS", 3.0)
    monkeypatch.delitem(sys.modules, "bot", raising=False)
    (tmp_path / "handler").mkdir()
    shutil.copy(ROOT / "tests" / "sample" / "bot.py", tmp_path / "handler")
    shutil.copy(ROOT / "samconfig.toml", tmp_path)
    build(tmp_path, "arm64")
    return tmp_path


def build(project: Path, architecture: str) -> None:
    (project / ".aws-sam" / "build").mkdir(parents=True, exist_ok=True)
    (project / ".aws-sam" / "build.toml").write_text(BUILT.format(architecture, FUNCTIONS))


def called(project: Path) -> list[list[str]]:
    """Return the arguments of each call of sam."""
    log = project / "sam.json"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_the_first_deployment_asks_and_the_next_does_not(invoke: Invoke, project: Path) -> None:
    first = invoke("deploy")
    assert first.exit_code == 0, first.output
    assert "answer y" in first.stdout
    assert "The bot answers: 1.2.3" in first.stdout
    assert WEBHOOK_URL in first.stdout
    triggers = next(line for line in first.stdout.splitlines() if "Trigger" in line)
    assert "Issues events, Confidential issues events, Merge request events" in triggers
    second = invoke("deploy", "--yes")
    assert second.exit_code == 0, second.output
    quietly = ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    assert called(project) == [["deploy", "--guided"], ["deploy", *quietly]]


@pytest.mark.parametrize(
    ("built", "configured", "message"),
    [
        ("x86_64", "arm64", "ReceiveFunction is built for x86_64, and samconfig.toml deploys it"),
        ("arm64", "x86_64", "is built for arm64, and samconfig.toml deploys it for x86_64"),
        (None, "arm64", "Start the build with `make build` or `sam build`"),
    ],
)
def test_refuses_a_package_for_another_processor(
    invoke: Invoke, project: Path, built: str | None, configured: str, message: str
) -> None:
    config = (project / "samconfig.toml").read_text().replace("arm64", configured)
    (project / "samconfig.toml").write_text(config)
    if built:
        build(project, built)
    else:
        shutil.rmtree(project / ".aws-sam")
    refused = invoke("deploy")
    assert refused.exit_code == 1
    assert message in refused.stderr
    assert called(project) == []


def test_asks_for_the_region_first(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "No AWS region is set" in invoke("deploy", "--yes").stderr
    asked = invoke("deploy", typed="eu-west-1\n")
    assert asked.exit_code == 0, asked.output
    assert "AWS region" in asked.stdout
    os.environ.pop("AWS_DEFAULT_REGION", None)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SAM_FAILS", "1", "`sam deploy` failed; see above. To repeat it: make deploy"),
        ("HEALTH_URL", "http://127.0.0.1:9/health", "does not answer as the bot (ConnectError"),
    ],
)
def test_explains_a_failed_deployment(
    invoke: Invoke,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv(name, value)
    failed = invoke("deploy")
    assert failed.exit_code == 1
    assert message in failed.stderr


def test_a_first_deployment_needs_a_terminal(invoke: Invoke, project: Path) -> None:
    refused = invoke("deploy", "--yes")
    assert "The stack gidgetlambda does not exist." in refused.stderr
    assert called(project) == []


def test_a_stack_that_was_only_prepared_counts_as_none(invoke: Invoke, project: Path) -> None:
    client = boto3.client("cloudformation")
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    client.create_change_set(
        StackName="gidgetlambda", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=template
    )
    assert "does not exist" in invoke("deploy", "--yes").stderr
