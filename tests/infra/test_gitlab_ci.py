""".gitlab-ci.yml: when its jobs run, and what its deploy job does, line by line against moto."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from samcli.yamlhelper import yaml_dump, yaml_parse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")
ROLE = "arn:aws:iam::123456789012:role/deploy/gidgetlambda"
REGION = "eu-west-1"

# What the settings of the project in GitLab give to the pipeline, and GitLab itself.
SETTINGS = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ROLE_ARN": f"{ROLE}/gidgetlambda-deploy-DeployRole-1A2B",
    "DEPLOY_BUCKET": "packages",
    "EXECUTION_ROLE_ARN": f"{ROLE}/gidgetlambda-deploy-ExecutionRole-1A2B",
    "PARAMETER_PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
}
GITLAB = {"CI_SERVER_URL": "https://gitlab.example.com", "CI_JOB_ID": "4711"}


@pytest.fixture(scope="module")
def pipeline() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml_parse((ROOT / ".gitlab-ci.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="localhost", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://localhost:{port}"
    server.stop()


@pytest.fixture
def project(tmp_path: Path, aws: str) -> Path:
    """The project as it is once it was built, around a stack that moto can make."""
    client(aws, "s3").create_bucket(
        Bucket=SETTINGS["DEPLOY_BUCKET"],
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    template = yaml_parse((ROOT / "template.yaml").read_text())
    template["Parameters"].setdefault("PermissionsBoundary", {"Type": "String", "Default": ""})
    small = {
        "Parameters": {
            name: parameter
            for name, parameter in template["Parameters"].items()
            if parameter["Type"] != "CommaDelimitedList"  # moto fails to keep a list
        },
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"WebhookUrl": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}},
    }
    (tmp_path / "template.yaml").write_text(yaml_dump(small))
    shutil.copy(ROOT / "samconfig.toml", tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    # A stack that is there already, since moto gives outputs to no stack that a change set makes.
    client(aws, "cloudformation").create_stack(
        StackName="gidgetlambda",
        TemplateBody=(tmp_path / "template.yaml").read_text(),
        Parameters=[{"ParameterKey": "AccessToken", "ParameterValue": "a-former-token"}],
    )
    return tmp_path


def client(aws: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=aws,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def test_what_is_tested_is_what_anybody_can_run(pipeline: dict[str, Any]) -> None:
    assert pipeline["test"]["script"] == ["bash .ci/run"]
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()


def test_merge_requests_are_tested_and_the_default_branch_is_deployed(
    pipeline: dict[str, Any],
) -> None:
    assert [rule["if"] for rule in pipeline["workflow"]["rules"]] == [
        '$CI_PIPELINE_SOURCE == "merge_request_event"',
        "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH",
    ]
    assert "rules" not in pipeline["test"]
    (rule,) = pipeline["deploy"]["rules"]
    assert rule == {"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $AWS_ROLE_ARN"}
    assert pipeline["stages"].index("test") < pipeline["stages"].index("deploy")


def test_the_package_is_built_by_lambdas_python(pipeline: dict[str, Any]) -> None:
    runtime = yaml_parse((ROOT / "template.yaml").read_text())["Globals"]["Function"]["Runtime"]
    image = pipeline["default"]["image"]
    assert image.replace(":", "") == runtime


def test_every_make_target_that_is_called_exists(pipeline: dict[str, Any]) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in pipeline["deploy"]["script"]:
        if line.startswith("make "):
            assert line.split()[1] in targets


def test_cloudformation_is_given_the_execution_role(pipeline: dict[str, Any]) -> None:
    (line,) = [line for line in pipeline["deploy"]["script"] if "sam deploy" in line]
    assert '--role-arn "$EXECUTION_ROLE_ARN"' in line


def test_no_key_is_stored(pipeline: dict[str, Any]) -> None:
    text = (ROOT / ".gitlab-ci.yml").read_text()
    assert pipeline["deploy"]["id_tokens"] == {"IDENTITY": {"aud": "$CI_SERVER_URL"}}
    assert "ACCESS_KEY" not in text
    assert "AccessToken" not in text


@pytest.mark.skipif(BASH is None, reason="the pipeline's image has bash, this machine does not")
def test_the_deploy_job_deploys_and_keeps_what_it_is_not_told_again(
    pipeline: dict[str, Any], project: Path, aws: str
) -> None:
    secrets = {
        "PARAMETER_AccessToken": "sandbox-bot-token",
        "PARAMETER_SigningToken": "whsec_YQ== whsec_Yg==",
    }
    first = run(pipeline["deploy"], project, aws, SETTINGS | secrets)
    assert "WebhookUrl" in first
    assert "sandbox-bot-token" not in first
    assert "whsec_" not in first

    later = run(pipeline["deploy"], project, aws, SETTINGS | {"PARAMETER_LogLevel": "DEBUG"})
    assert "WebhookUrl" in later

    (stack,) = client(aws, "cloudformation").describe_stacks(StackName="gidgetlambda")["Stacks"]
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    assert parameters["AccessToken"] == "sandbox-bot-token"
    assert parameters["SigningToken"] == "whsec_YQ== whsec_Yg=="
    assert parameters["LogLevel"] == "DEBUG"
    assert parameters["GitLabUrl"] == GITLAB["CI_SERVER_URL"]
    assert parameters["PermissionsBoundary"] == SETTINGS["PARAMETER_PermissionsBoundary"]


@pytest.mark.skipif(BASH is None, reason="the pipeline's image has bash, this machine does not")
@pytest.mark.parametrize("missing", sorted(set(SETTINGS) - {"AWS_ROLE_ARN"}))
def test_a_missing_setting_is_named(pipeline: dict[str, Any], tmp_path: Path, missing: str) -> None:
    settings = {key: value for key, value in SETTINGS.items() if key != missing}
    with pytest.raises(subprocess.CalledProcessError) as failure:
        run(pipeline["deploy"], tmp_path, "http://localhost:1", settings)
    assert missing in failure.value.output


def run(job: dict[str, Any], folder: Path, aws: str, settings: dict[str, str]) -> str:
    """Run a job's lines but the build, as GitLab's runner does; return what they print."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_ENDPOINT_URL": aws}
    environ |= {"SAM_CLI_POLL_DELAY": "0.05", "IDENTITY": "a.signed.token"} | GITLAB
    for name, value in job["variables"].items():
        environ[name] = re.sub(r"\$(\w+)", lambda found: GITLAB[found[1]], value)
    environ |= settings
    environ["AWS_WEB_IDENTITY_TOKEN_FILE"] = str(folder / "identity")
    lines = [line for line in job["script"] if not line.startswith("make build")]
    assert len(lines) == len(job["script"]) - 1
    return subprocess.run(
        [BASH or "bash", "-eo", "pipefail", "-c", "\n".join(lines)],
        cwd=folder,
        env=environ,
        check=True,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ).stdout


def test_the_chapter_names_what_there_is(pipeline: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    parameters = yaml_parse((ROOT / "template.yaml").read_text())["Parameters"]
    told = set(re.findall(r"`PARAMETER_(\w\w+)", page))
    given = {name.removeprefix("PARAMETER_") for name in pipeline["deploy"]["variables"]}
    assert told >= {"AccessToken", "WebhookSecret", "PermissionsBoundary"}
    assert told <= set(parameters)
    assert {name for name in given if name in parameters} == {"Architecture", "GitLabUrl"}

    role = yaml_parse((ROOT / "infra" / "deploy-role.yaml").read_text())
    for name in (*role["Parameters"], *role["Outputs"], *SETTINGS):
        assert f"`{name}`" in page, name
