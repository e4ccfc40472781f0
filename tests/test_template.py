"""template.yaml as CloudFormation gets it: expanded by SAM's own transform."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[1]
SAM = Path(sys.executable).with_name("sam")
SECRETS = {"AccessToken", "WebhookSecret", "PreviousWebhookSecret", "SigningToken"}
REFERENCE = "{{resolve:secretsmanager:gidgetlambda:SecretString:webhook::}}"

Template = dict[str, Any]


class NoManagedPolicies:
    """Stands for the list of AWS's managed policies, of which the template uses none."""

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="session")
def written() -> Template:
    return dict(yaml_parse((ROOT / "template.yaml").read_text()))


@pytest.fixture
def expanded(monkeypatch: pytest.MonkeyPatch) -> Template:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    template = yaml_parse((ROOT / "template.yaml").read_text())
    # The transform runs after `sam package` has put the code into a bucket.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/package.zip"
    return dict(transform(template, {}, NoManagedPolicies()))


@pytest.fixture
def function(expanded: Template) -> Template:
    return dict(expanded["Resources"]["ReceiveFunction"]["Properties"])


@pytest.fixture
def role(expanded: Template) -> Template:
    return dict(expanded["Resources"]["ReceiveRole"]["Properties"])


def test_sam_finds_nothing_to_complain_about() -> None:
    done = subprocess.run(
        [SAM, "validate", "--lint"],
        cwd=ROOT,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stack_is_one_function_behind_one_api(expanded: Template) -> None:
    types = sorted(resource["Type"] for resource in expanded["Resources"].values())
    assert [kind for kind in types if kind != "AWS::Lambda::Permission"] == [
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Stage",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::Logs::LogGroup",
    ]


def test_the_function_runs_python_313_on_the_chosen_processor(
    expanded: Template, function: Template
) -> None:
    assert function["Runtime"] == "python3.13"
    assert function["MemorySize"] == 512
    assert function["Architectures"] == [{"Ref": "Architecture"}]
    assert expanded["Parameters"]["Architecture"]["Default"] == "arm64"
    assert expanded["Parameters"]["Architecture"]["AllowedValues"] == ["arm64", "x86_64"]


def test_the_function_ends_before_the_api_gives_up_and_after_the_handlers_do(
    function: Template,
) -> None:
    assert 8 < function["Timeout"] < 30


def test_the_functions_entry_point_is_there(function: Template) -> None:
    module, _, name = function["Handler"].rpartition(".")
    source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text()
    assert re.search(rf"^{name} = ", source, re.MULTILINE)


def test_every_setting_reaches_the_function(function: Template) -> None:
    assert function["Environment"]["Variables"] == {
        "GL_URL": {"Ref": "GitLabUrl"},
        "GL_ACCESS_TOKEN": {"Ref": "AccessToken"},
        "GL_SECRET": unless_none("WebhookSecret"),
        "GL_SECRET_PREVIOUS": unless_none("PreviousWebhookSecret"),
        "GL_SIGNING_TOKEN": unless_none("SigningToken"),
        "GL_IGNORE_SELF": {"Ref": "IgnoreSelf"},
        "GL_CA_FILE": {"Ref": "CaFile"},
        "LOG_LEVEL": {"Ref": "LogLevel"},
    }


def test_all_that_calls_itself_a_secret_or_a_token_is_hidden(written: Template) -> None:
    hidden = {name for name, parameter in written["Parameters"].items() if parameter.get("NoEcho")}
    named = {name for name in written["Parameters"] if re.search("Secret|Token", name)}
    assert hidden == named == SECRETS


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_may_be_a_reference_to_secrets_manager(written: Template, name: str) -> None:
    assert allows(written, name, REFERENCE)


@pytest.mark.parametrize("name", sorted(SECRETS - {"AccessToken"}))
def test_a_secret_that_is_not_used_is_none(written: Template, name: str) -> None:
    assert written["Parameters"][name]["Default"] == "none"
    assert allows(written, name, "none")


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("typed", ["", "-", "x", "no", "empty", " "])
def test_what_is_typed_to_get_past_a_prompt_does_not_become_a_secret(
    written: Template, name: str, typed: str
) -> None:
    assert not allows(written, name, typed)


def test_several_signing_tokens_may_be_given(written: Template) -> None:
    assert allows(written, "SigningToken", "whsec_b25l whsec_dHdv")
    assert not allows(written, "SigningToken", "a-secret-token-of-some-length")


def test_some_webhook_secret_is_required(written: Template) -> None:
    (assertion,) = written["Rules"]["SomeSecret"]["Assertions"]
    assert assertion["Assert"] == {
        "Fn::Or": [
            {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, "none"]}]}
            for name in ("WebhookSecret", "SigningToken")
        ]
    }


def test_the_paths_of_the_app_reach_the_function_with_every_method(expanded: Template) -> None:
    paths = expanded["Resources"]["HttpApi"]["Properties"]["Body"]["paths"]
    assert {path: list(methods) for path, methods in paths.items()} == {
        path: ["x-amazon-apigateway-any-method"] for path in ("/", "/webhook", "/health")
    }


def test_the_stage_has_no_name_in_the_path_an_access_log_and_a_throttle(
    expanded: Template,
) -> None:
    stage = expanded["Resources"]["HttpApiApiGatewayDefaultStage"]["Properties"]
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["AccessLog", "Arn"]}
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] >= 500


def test_an_access_log_line_is_json_without_headers_or_query(expanded: Template) -> None:
    stage = expanded["Resources"]["HttpApiApiGatewayDefaultStage"]["Properties"]
    line = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"path", "status", "method", "error"} <= line.keys()
    assert not any("header" in value.lower() or "query" in value.lower() for value in line.values())


def test_logs_are_json_in_a_group_of_the_stacks_own_and_do_not_stay_for_ever(
    expanded: Template, function: Template
) -> None:
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": "ReceiveLog"}
    for name in ("ReceiveLog", "AccessLog"):
        group = expanded["Resources"][name]["Properties"]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_lambda_lets_through_what_the_bot_logs(written: Template, function: Template) -> None:
    levels = {name: level["Lambda"] for name, level in written["Mappings"]["LogLevels"].items()}
    assert list(levels) == written["Parameters"]["LogLevel"]["AllowedValues"]
    assert levels == {"DEBUG": "DEBUG", "INFO": "INFO", "WARNING": "WARN", "ERROR": "ERROR"}
    assert function["LoggingConfig"]["ApplicationLogLevel"] == {
        "Fn::FindInMap": ["LogLevels", {"Ref": "LogLevel"}, "Lambda"]
    }


def test_the_function_may_write_its_own_log_and_nothing_else(
    function: Template, role: Template
) -> None:
    assert function["Role"] == {"Fn::GetAtt": ["ReceiveRole", "Arn"]}
    assert "ManagedPolicyArns" not in role
    assert granted(role, in_vpc=False) == [
        (("logs:CreateLogStream", "logs:PutLogEvents"), {"Fn::GetAtt": ["ReceiveLog", "Arn"]})
    ]


def test_in_a_vpc_lambda_may_attach_the_function_and_the_functions_code_may_not(
    expanded: Template, function: Template, role: Template
) -> None:
    assert expanded["Conditions"]["InVpc"] == {
        "Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "SubnetIds"}]}, ""]}]
    }
    assert resolved(function["VpcConfig"], in_vpc=False) is None
    assert resolved(function["VpcConfig"], in_vpc=True) == {
        "SubnetIds": {"Ref": "SubnetIds"},
        "SecurityGroupIds": {"Ref": "SecurityGroupIds"},
    }
    actions = {action for actions, _ in granted(role, in_vpc=True) for action in actions}
    assert {action.partition(":")[0] for action in actions} == {"logs", "ec2"}
    assert "ec2:CreateNetworkInterface" in actions
    assert [
        statement["Condition"]
        for statement in statements(role, in_vpc=True)
        if statement["Effect"] == "Deny"
    ] == [{"Null": {"lambda:SourceFunctionArn": "false"}}]


def test_the_stack_tells_the_url_for_gitlab_and_the_one_to_check(expanded: Template) -> None:
    outputs = {name: output["Value"]["Fn::Sub"] for name, output in expanded["Outputs"].items()}
    base = "https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
    assert outputs == {"WebhookUrl": f"{base}/webhook", "HealthUrl": f"{base}/health"}


def test_every_function_has_a_target_in_the_makefile(written: Template) -> None:
    makefile = (ROOT / "Makefile").read_text()
    functions = [
        (name, resource)
        for name, resource in written["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    assert functions
    for name, resource in functions:
        assert resource["Metadata"] == {"BuildMethod": "makefile"}
        assert re.search(rf"^build-{name}:", makefile, re.MULTILINE)


def test_what_sam_needs_to_know_is_in_its_configuration() -> None:
    configuration = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
    assert configuration["build"]["parameters"]["build_in_source"] is True
    assert configuration["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"
    local = json.loads(
        (ROOT / configuration["local_start_api"]["parameters"]["env_vars"]).read_text()
    )
    assert local["ReceiveFunction"]["GL_SECRET"]
    assert "GL_ACCESS_TOKEN" not in local["ReceiveFunction"]


def unless_none(parameter: str) -> Template:
    return {"Fn::If": [f"Has{parameter}", {"Ref": parameter}, ""]}


def allows(template: Template, parameter: str, value: str) -> bool:
    """Whether CloudFormation takes a value; the whole of it has to match."""
    return bool(re.fullmatch(template["Parameters"][parameter]["AllowedPattern"], value))


def resolved(value: Any, *, in_vpc: bool) -> Any:
    """A value after the condition InVpc was decided; None where there is no value."""
    if value == {"Ref": "AWS::NoValue"}:
        return None
    if isinstance(value, dict) and "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        assert condition == "InVpc"
        return resolved(then if in_vpc else otherwise, in_vpc=in_vpc)
    return value


def statements(role: Template, *, in_vpc: bool) -> Iterator[Template]:
    for policy in role["Policies"]:
        if chosen := resolved(policy, in_vpc=in_vpc):
            yield from chosen["PolicyDocument"]["Statement"]


def granted(role: Template, *, in_vpc: bool) -> list[tuple[tuple[str, ...], Any]]:
    """Actions and resource of every statement that allows something."""
    return [
        (tuple(statement["Action"]), statement["Resource"])
        for statement in statements(role, in_vpc=in_vpc)
        if statement["Effect"] == "Allow"
    ]
