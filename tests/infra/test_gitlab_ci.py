""".gitlab-ci.yml: the rules of its jobs, and the deploy job's script run against moto."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from samcli.yamlhelper import yaml_dump, yaml_parse

ROOT = Path(__file__).parents[2]
PIPELINE: dict[str, Any] = yaml_parse((ROOT / ".gitlab-ci.yml").read_text())
TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
DEPLOY: dict[str, Any] = PIPELINE["deploy"]
BASH = shutil.which("bash")
ROLE = "arn:aws:iam::123456789012:role/deploy/gidgetlambda"
REGION = "eu-west-1"

# The variables of the project in GitLab, and those of GitLab itself.
SETTINGS = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ROLE_ARN": f"{ROLE}/gidgetlambda-deploy-DeployRole-1A2B",
    "DEPLOY_BUCKET": "packages",
    "EXECUTION_ROLE_ARN": f"{ROLE}/gidgetlambda-deploy-ExecutionRole-1A2B",
    "PARAMETER_PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
}
GITLAB = {
    "CI_SERVER_URL": "https://gitlab.example.com",
    "CI_JOB_ID": "4711",
    "CI_PROJECT_DIR": "/builds/bot",
}

needs_bash = pytest.mark.skipif(BASH is None, reason="this machine has no bash")


def test_merge_requests_are_checked_and_the_default_branch_is_deployed() -> None:
    assert [rule["if"] for rule in PIPELINE["workflow"]["rules"]] == [
        '$CI_PIPELINE_SOURCE == "merge_request_event"',
        "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH",
    ]
    assert "rules" not in PIPELINE["check"]
    for job in (PIPELINE["build"], DEPLOY):
        assert job["rules"] == [{"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $AWS_ROLE_ARN"}]
    assert PIPELINE["stages"] == [PIPELINE[job]["stage"] for job in ("check", "build", "deploy")]


def test_no_job_with_an_identity_installs_or_runs_the_projects_code() -> None:
    jobs = {name: job for name, job in PIPELINE.items() if "script" in job}
    assert [name for name, job in jobs.items() if "id_tokens" in job] == ["deploy"]
    for word in ("make", "pip", "python", ".venv"):
        assert word not in "\n".join([*DEPLOY["script"], *DEPLOY["after_script"]])
    # Another job can write to the cache.
    assert DEPLOY["cache"] == []
    artifacts = PIPELINE["build"]["artifacts"]
    assert artifacts["paths"] == [".aws-sam/build", ".aws-sam/build.toml"]


def test_the_deploy_jobs_image_has_the_tested_version_of_sam() -> None:
    locked = (ROOT / "requirements-dev.txt").read_text()
    (version,) = re.findall(r"^aws-sam-cli==(\S+)", locked, re.MULTILINE)
    python = tag(PIPELINE["default"]["image"]).replace(":", "")
    assert tag(DEPLOY["image"]) == f"public.ecr.aws/sam/build-{python}:{version}"


def test_owners_run_their_checks_and_this_repository_runs_every_test() -> None:
    assert PIPELINE["check"]["script"] == ["make check"]
    assert "exec make test" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_scripts_use_existing_make_targets() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lines = [*PIPELINE["check"]["script"], *PIPELINE["build"]["script"]]
    used = {line.split()[1] for line in lines if line.startswith("make ")}
    assert {"check", "build"} == used <= {*targets}


def test_lambdas_python_builds_the_package() -> None:
    image = tag(PIPELINE["default"]["image"])
    assert image.replace(":", "") == TEMPLATE["Globals"]["Function"]["Runtime"]


def tag(image: str) -> str:
    """Return the name of an image without its digest."""
    return image.partition("@")[0]


def test_no_key_is_stored() -> None:
    text = (ROOT / ".gitlab-ci.yml").read_text()
    assert DEPLOY["id_tokens"] == {"IDENTITY": {"aud": "$CI_SERVER_URL"}}
    assert "ACCESS_KEY" not in text
    assert "AccessToken" not in text


def test_cloudformation_acts_with_the_execution_role() -> None:
    (line,) = [line for line in DEPLOY["script"] if "sam deploy" in line]
    assert '--role-arn "$EXECUTION_ROLE_ARN"' in line


def test_the_deployment_guide_names_every_variable_and_parameter() -> None:
    guide = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`PARAMETER_(\w\w+)", guide))
    assert {"AccessToken", "WebhookSecret", "PermissionsBoundary"} <= named
    given = {
        name.removeprefix("PARAMETER_")
        for name in PIPELINE["variables"] | DEPLOY["variables"]
        if name.startswith("PARAMETER_")
    }
    assert given == {"Architecture", "GitLabUrl"}
    assert named | given <= TEMPLATE["Parameters"].keys()
    role = yaml_parse((ROOT / "infra" / "deploy-role.yaml").read_text())
    for name in (*role["Parameters"], *role["Outputs"], *SETTINGS):
        assert f"`{name}`" in guide, name


@pytest.fixture
def project(tmp_path: Path, moto_server: str) -> Path:
    """Return a built project with the template's parameters and resources that moto can create."""
    client(moto_server, "s3").create_bucket(
        Bucket=SETTINGS["DEPLOY_BUCKET"],
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    small = {
        "Parameters": {
            name: parameter
            for name, parameter in TEMPLATE["Parameters"].items()
            if parameter["Type"] != "CommaDelimitedList"  # moto cannot keep a list
        },
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"WebhookUrl": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}},
    }
    template = tmp_path / ".aws-sam" / "build" / "template.yaml"
    template.parent.mkdir(parents=True)
    template.write_text(yaml_dump(small))
    build_for(tmp_path, "arm64")
    shutil.copy(ROOT / "samconfig.toml", tmp_path)
    # The stack exists, because moto gives no outputs to a stack that a change set creates.
    client(moto_server, "cloudformation").create_stack(
        StackName="gidgetlambda",
        TemplateBody=template.read_text(),
        Parameters=[{"ParameterKey": "AccessToken", "ParameterValue": "a-former-token"}],
    )
    return tmp_path


def build_for(folder: Path, architecture: str) -> None:
    (folder / ".aws-sam").mkdir(exist_ok=True)
    (folder / ".aws-sam" / "build.toml").write_text(f'[a]\narchitecture = "{architecture}"\n')


def client(aws: str, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=aws,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@needs_bash
def test_the_deploy_job_deploys_and_keeps_earlier_parameters(
    project: Path, moto_server: str
) -> None:
    secrets = {
        "PARAMETER_AccessToken": "sandbox-bot-token",
        "PARAMETER_SigningToken": "whsec_YQ== whsec_Yg==",
    }
    first = run_deploy_job(project, moto_server, SETTINGS | secrets)
    assert "WebhookUrl" in first
    assert "sandbox-bot-token" not in first
    assert "whsec_" not in first

    later = run_deploy_job(project, moto_server, SETTINGS | {"PARAMETER_LogLevel": "DEBUG"})
    assert "WebhookUrl" in later

    (stack,) = client(moto_server, "cloudformation").describe_stacks(StackName="gidgetlambda")[
        "Stacks"
    ]
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    assert parameters["AccessToken"] == "sandbox-bot-token"
    assert parameters["SigningToken"] == "whsec_YQ== whsec_Yg=="
    assert parameters["LogLevel"] == "DEBUG"
    assert parameters["GitLabUrl"] == GITLAB["CI_SERVER_URL"]
    assert parameters["PermissionsBoundary"] == SETTINGS["PARAMETER_PermissionsBoundary"]


@needs_bash
@pytest.mark.parametrize("missing", sorted(set(SETTINGS) - {"AWS_ROLE_ARN"}))
def test_the_deploy_job_names_a_missing_variable(tmp_path: Path, missing: str) -> None:
    settings = {key: value for key, value in SETTINGS.items() if key != missing}
    with pytest.raises(subprocess.CalledProcessError) as failure:
        run_deploy_job(tmp_path, "http://localhost:1", settings)
    assert missing in failure.value.output


@needs_bash
@pytest.mark.parametrize(
    ("built", "wanted", "message"),
    [
        ("x86_64", "arm64", "not built for PARAMETER_Architecture, arm64."),
        ("arm64", "x86_64", "not built for PARAMETER_Architecture, x86_64."),
        (None, "arm64", "build.toml"),
    ],
)
def test_the_deploy_job_refuses_a_package_for_another_processor(
    tmp_path: Path, built: str | None, wanted: str, message: str
) -> None:
    if built:
        build_for(tmp_path, built)
    with pytest.raises(subprocess.CalledProcessError) as failure:
        run_deploy_job(
            tmp_path, "http://localhost:1", SETTINGS | {"PARAMETER_Architecture": wanted}
        )
    assert message in failure.value.output


def run_deploy_job(folder: Path, aws: str, settings: dict[str, str]) -> str:
    """Run the job's script, as GitLab's runner does, and return its output."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {"PATH": programs, "HOME": str(folder), "AWS_ENDPOINT_URL": aws}
    environ |= {"SAM_CLI_POLL_DELAY": "0.05", "IDENTITY": "a.signed.token"} | GITLAB
    for name, value in (PIPELINE["variables"] | DEPLOY["variables"]).items():
        environ[name] = re.sub(r"\$(\w+)", lambda found: GITLAB[found[1]], value)
    environ |= settings
    environ["AWS_WEB_IDENTITY_TOKEN_FILE"] = str(folder / "identity")
    return subprocess.run(
        [BASH or "bash", "-eo", "pipefail", "-c", "\n".join(DEPLOY["script"])],
        cwd=folder,
        env=environ,
        check=True,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ).stdout
