"""What `gidgetlambda deploy` checks, and how it explains a failure, against moto's CloudFormation.

`sam` is a command that does nothing and succeeds or fails. `test_end_to_end` runs the real one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from infra.cli.deploy import commands

if TYPE_CHECKING:
    from tests.infra.cli.conftest import Invoke

ROOT = Path(__file__).parents[4]
BUILT = '[function_build_definitions.a]\narchitecture = "{}"\nfunctions = {}\n'
FUNCTIONS = '["ReceiveFunction", "WorkFunction"]'
TEMPLATE = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
CONFIG = '[default.global.parameters]\nparameter_overrides = "Architecture=arm64"\n'
SAM_MUST_NOT_RUN = "/does/not/exist/sam"


@pytest.fixture
def project(
    invoke: Invoke, moto_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Make a built project, and an empty AWS account."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": moto_server,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(commands, "_SAM", SAM_MUST_NOT_RUN)
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    monkeypatch.setattr(commands, "_ANSWER_SECONDS", 1.0)
    (tmp_path / "samconfig.toml").write_text(CONFIG)
    build(tmp_path, "arm64")
    return tmp_path


def build(project: Path, architecture: str) -> None:
    (project / ".aws-sam" / "build").mkdir(parents=True, exist_ok=True)
    (project / ".aws-sam" / "build.toml").write_text(BUILT.format(architecture, FUNCTIONS))


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


def test_a_region_is_necessary(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "No AWS region is set. Set AWS_REGION." in invoke("deploy", "--yes").stderr


def test_make_leaves_the_region_to_the_caller() -> None:
    # A region of its own would take precedence over that of samconfig.toml and of AWS's profile.
    show = "show:\n\t@echo region=$$AWS_DEFAULT_REGION$$AWS_REGION\n"
    done = subprocess.run(
        ["make", "-f", "Makefile", "-f", "-", "show"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        input=show,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "region=\n"


@pytest.mark.parametrize(
    ("sam", "message"),
    [
        ("false", "`sam deploy` failed; see above. To repeat it: make deploy"),
        ("true", "http://127.0.0.1:9/health does not answer as the bot (ConnectError"),
    ],
)
def test_explains_a_failed_deployment(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch, sam: str, message: str
) -> None:
    outputs = {name: {"Value": "http://127.0.0.1:9/health"} for name in ("HealthUrl", "WebhookUrl")}
    boto3.client("cloudformation").create_stack(
        StackName="gidgetlambda", TemplateBody=json.dumps({**TEMPLATE, "Outputs": outputs})
    )
    monkeypatch.setattr(commands, "_SAM", sam)
    failed = invoke("deploy")
    assert failed.exit_code == 1
    assert message in failed.stderr


def test_a_first_deployment_needs_a_terminal(invoke: Invoke, project: Path) -> None:
    assert "The stack gidgetlambda does not exist." in invoke("deploy", "--yes").stderr


def test_a_stack_that_was_only_prepared_counts_as_none(invoke: Invoke, project: Path) -> None:
    boto3.client("cloudformation").create_change_set(
        StackName="gidgetlambda",
        ChangeSetName="c",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(TEMPLATE),
    )
    assert "does not exist" in invoke("deploy", "--yes").stderr
