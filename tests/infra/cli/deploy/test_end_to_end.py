"""`gidgetlambda deploy` with the real sam, in a terminal, against moto's CloudFormation and S3.

moto creates no HTTP APIs, and it does not know SAM's functions. The deployed template therefore has
the parameters of the real one, a function whose package is uploaded but which is not created, and
a health URL that leads to a server of this test. moto lacks a part of the stack of SAM's own
bucket, so a stack in its place exists before.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.cloudformation.models import ChangeSet
from samcli.yamlhelper import yaml_dump
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from infra.server import serve
from tests.template.stack import ROOT, written_template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# moto warns about the types that it does not create.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..Serverless:UserWarning")

REGION = "eu-west-1"
WEBHOOK_URL = "https://abc.execute-api.eu-west-1.amazonaws.com/webhook"
# The answers that are not Enter. The README says which those are.
ANSWERS = {
    "AWS region, such as eu-central-1": REGION,
    "Stack Name": "triage",
    "AccessToken": "an-access-token",
    "WebhookSecret": "a-webhook-secret",
    "PreviousWebhookSecret": "none",
    "SigningToken": "none",
    "Deploy this changeset": "y",
}
SECRETS = {name for name in ANSWERS if name in written_template()["Parameters"]}
# A question ends with a colon and no line break.
QUESTION = re.compile(r"(?:Parameter )?(\w[\w, -]*)\??(?: \[[^\]\n]*\])?: *\Z")
SECONDS = 60.0


@pytest.fixture
def health_url() -> Iterator[str]:
    """Serve the health check of the deployed bot."""
    route = Route("/health", lambda request: JSONResponse({"status": "ok", "version": "1.2.3"}))
    with serve(Starlette(routes=[route])) as url:
        yield f"{url}/health"


@pytest.fixture
def cloudformation(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a client of an account in which only SAM's own bucket exists."""
    apply = ChangeSet.apply

    def apply_with_outputs(change_set: ChangeSet) -> None:
        apply(change_set)
        change_set.stack.template_dict = change_set.template_dict
        change_set.stack.output_map = change_set.stack._create_output_map()

    monkeypatch.setattr(ChangeSet, "apply", apply_with_outputs)  # moto's own has none at first
    client = boto3.client(
        "cloudformation",
        region_name=REGION,
        endpoint_url=moto_server,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    template = {
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {"SourceBucket": {"Value": {"Ref": "Bucket"}}},
    }
    client.create_stack(
        StackName="aws-sam-cli-managed-default",
        TemplateBody=json.dumps(template),
        Tags=[{"Key": "ManagedStackSource", "Value": "AwsSamCli"}],
    )
    return client


@pytest.fixture
def project(tmp_path: Path, health_url: str) -> Path:
    """Make a copy of the project with the result of `sam build`."""
    shutil.copytree(
        ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "handler").mkdir()
    shutil.copy(ROOT / "tests" / "sample" / "bot.py", tmp_path / "handler")
    shutil.copy(ROOT / "template.yaml", tmp_path)
    saved = r"^(region|s3_prefix|image_repositories|stack_name|parameter_overrides) = .*\n"
    config = re.sub(saved, "", (ROOT / "samconfig.toml").read_text(), flags=re.MULTILINE)
    (tmp_path / "samconfig.toml").write_text(config)
    build = tmp_path / ".aws-sam" / "build"
    (build / "ReceiveFunction").mkdir(parents=True)
    (build / "ReceiveFunction" / "receive.py").touch()
    (build / "template.yaml").write_text(yaml_dump(template_for_moto(health_url)))
    (build.parent / "build.toml").write_text(
        '[function_build_definitions.a]\narchitecture = "arm64"\n'
        'functions = ["ReceiveFunction", "WorkFunction"]\n'
    )
    return tmp_path


def template_for_moto(health_url: str) -> dict[str, Any]:
    template = written_template()
    for parameter in template["Parameters"].values():
        if parameter["Type"] == "CommaDelimitedList":  # moto cannot keep a list
            parameter["Type"] = "String"
    function = {"Runtime": "python3.13", "Handler": "receive.lambda_handler"}
    return {
        "Transform": template["Transform"],
        "Parameters": template["Parameters"],
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "ReceiveFunction": {
                "Type": "AWS::Serverless::Function",
                "Properties": {**function, "CodeUri": "ReceiveFunction"},
            },
        },
        "Outputs": {"HealthUrl": {"Value": health_url}, "WebhookUrl": {"Value": WEBHOOK_URL}},
    }


@pytest.fixture
def environ(project: Path, moto_server: str) -> dict[str, str]:
    """Return the variables of a shell with credentials and without a region."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(project),
        "AWS_ENDPOINT_URL": moto_server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "NO_PROXY": "127.0.0.1,localhost",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.05",
        "COLUMNS": "200",
        "LANG": "C.UTF-8",
    }


def converse(folder: Path, environ: dict[str, str], *options: str) -> tuple[list[str], str]:
    """Run `gidgetlambda deploy` in a terminal, and return its questions and its output.

    Raises:
        AssertionError: The command fails.
    """
    terminal, other = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "deploy", *options],
        cwd=folder,
        env=environ,
        stdin=other,
        stdout=other,
        stderr=other,
    )
    os.close(other)
    questions: list[str] = []
    output, end = "", time.monotonic() + SECONDS
    unanswered = 0
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            output += os.read(terminal, 4096).decode()
        except OSError:  # the command ended
            break
        line = re.sub(r"\x1b\[[0-9;]*m", "", output[unanswered:]).rpartition("\n")[2]
        if question := QUESTION.search(line):
            questions.append(question[1])
            if question[1] in SECRETS:
                time.sleep(0.3)  # a hidden answer that comes too early is dropped
            os.write(terminal, f"{ANSWERS.get(question[1], '')}\n".encode())
            unanswered = len(output)
    os.close(terminal)
    if time.monotonic() > end:
        command.kill()
    assert command.wait() == 0, output
    return questions, output


def test_the_first_deployment_asks_what_the_readme_says_and_the_next_asks_nothing(
    project: Path, environ: dict[str, str], cloudformation: Any
) -> None:
    questions, output = converse(project, environ)
    assert questions[:3] == ["AWS region, such as eu-central-1", "Stack Name", "AWS Region"]
    assert questions[-1] == "Deploy this changeset"
    parameters = written_template()["Parameters"].keys()
    assert {name for name in questions if name in parameters} == parameters
    readme = (ROOT / "README.md").read_text()
    answers = re.search(r"\| parameter \| answer \|\n.*?\n\n", readme, re.DOTALL)
    assert answers is not None
    cells = re.findall(r"^\| (.*?) \|", answers[0], re.MULTILINE)
    answered = set(re.findall(r"`(\w+)", " ".join(cells)))
    assert answered >= SECRETS
    assert answered <= {*parameters, "Deploy"}

    assert "The bot answers: 1.2.3" in output
    assert WEBHOOK_URL in output
    (triggers,) = [line for line in output.splitlines() if "Trigger" in line]
    assert "Issues events, Confidential issues events, Merge request events" in triggers
    assert "an-access-token" not in output + (project / "samconfig.toml").read_text()

    (stack,) = cloudformation.describe_stacks(StackName="triage")["Stacks"]
    assert {"ParameterKey": "AccessToken", "ParameterValue": "an-access-token"} in stack[
        "Parameters"
    ]

    assert {"Key": "application", "Value": "gidgetlambda"} in stack["Tags"]

    # The saved region precedes that of the shell.
    environ["AWS_DEFAULT_REGION"] = "us-east-1"
    questions, output = converse(project, environ, "--yes")
    assert questions == []
    assert "The bot answers: 1.2.3" in output
