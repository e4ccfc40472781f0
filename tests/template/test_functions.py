"""The functions: their code, environments, networks and logs."""

from __future__ import annotations

import re

import pytest

from tests.template.stack import ROOT, VPC, Resource, TemplateStack

CODE = {"S3Bucket": "packages", "S3Key": "package.zip"}
LOGGING = {"LOG_LEVEL": "INFO", "METRICS_NAMESPACE": "gidgetlambda/bot"}
SECRETS = {
    "GL_SECRET": "the-webhook-secret",
    "GL_SECRET_PREVIOUS": "",
    "GL_SIGNING_TOKEN": "whsec_c2lnbmluZw==",
}
GITLAB = {
    "GL_ACCESS_TOKEN": "the-bots-own-token",
    "GL_URL": "https://gitlab.com",
    "GL_IGNORE_SELF": "",
    "GL_CA_FILE": "",
}


def test_inline_has_no_queue(inline: TemplateStack) -> None:
    assert inline.named("AWS::SQS::Queue") == set()
    assert inline.named("AWS::Lambda::EventSourceMapping") == set()


def test_no_resource_refers_to_one_that_is_not_created(stack: TemplateStack) -> None:
    for name in stack.resources:
        stack.properties(name)  # raises otherwise
    assert stack.outputs


def test_the_functions_run_python_313_on_the_chosen_architecture(expanded: Resource) -> None:
    for architecture in ("arm64", "x86_64"):
        stack = TemplateStack(expanded, Architecture=architecture)
        for function in stack.of("AWS::Lambda::Function").values():
            assert function["Runtime"] == "python3.13"
            assert function["MemorySize"] == 512
            assert function["Architectures"] == [architecture]
    assert expanded["Parameters"]["Architecture"]["Default"] == "arm64"
    assert expanded["Parameters"]["Architecture"]["AllowedValues"] == ["arm64", "x86_64"]


def test_both_functions_run_the_same_package(queued: TemplateStack) -> None:
    functions = queued.of("AWS::Lambda::Function")
    assert [function["Code"] for function in functions.values()] == [CODE, CODE]


def test_entry_points_exist(queued: TemplateStack) -> None:
    for function in queued.of("AWS::Lambda::Function").values():
        module, _, name = function["Handler"].rpartition(".")
        source = (ROOT / "handler" / f"{module}.py").read_text()
        assert re.search(rf"^{name} = ", source, re.MULTILINE)


def test_the_receiving_function_has_more_time_than_handlers_and_less_than_the_api(
    stack: TemplateStack,
) -> None:
    assert 8 < stack.properties("ReceiveFunction")["Timeout"] < 30


def test_no_function_has_a_fixed_name_or_reserved_concurrency(stack: TemplateStack) -> None:
    for function in stack.of("AWS::Lambda::Function").values():
        assert not {"FunctionName", "ReservedConcurrentExecutions"} & function.keys()


# Environments


def test_queued_the_receiving_function_has_no_access_token(queued: TemplateStack) -> None:
    no_gitlab = dict.fromkeys(GITLAB, "")
    expected = LOGGING | SECRETS | no_gitlab | {"QUEUE_URL": "TaskQueue"}
    assert queued.variables("ReceiveFunction") == expected


def test_the_working_function_has_no_webhook_secret(queued: TemplateStack) -> None:
    queues = {"QUEUE_URL": "TaskQueue", "PARKED_QUEUE_URL": "ParkedQueue"}
    assert queued.variables("WorkFunction") == LOGGING | GITLAB | queues


def test_inline_the_function_has_every_setting_but_queues(inline: TemplateStack) -> None:
    assert inline.variables("ReceiveFunction") == LOGGING | SECRETS | GITLAB | {"QUEUE_URL": ""}


@pytest.mark.parametrize(("mode", "function"), [("queued", "Work"), ("inline", "Receive")])
def test_settings_reach_the_function_that_calls_gitlab(
    expanded: Resource, mode: str, function: str
) -> None:
    stack = TemplateStack(
        expanded,
        Mode=mode,
        GitLabUrl="https://example.com/gitlab",
        IgnoreSelf="true",
        CaFile="gitlab-ca.pem",
    )
    variables = stack.variables(f"{function}Function")
    assert variables["GL_URL"] == "https://example.com/gitlab"
    assert variables["GL_IGNORE_SELF"] == "true"
    assert variables["GL_CA_FILE"] == "gitlab-ca.pem"


def test_the_receiving_function_gets_the_previous_secret_during_rotation(
    expanded: Resource,
) -> None:
    stack = TemplateStack(expanded, PreviousWebhookSecret="the-secret-before", SigningToken="none")
    variables = stack.variables("ReceiveFunction")
    assert variables["GL_SECRET"] == "the-webhook-secret"
    assert variables["GL_SECRET_PREVIOUS"] == "the-secret-before"
    assert variables["GL_SIGNING_TOKEN"] == ""


# Networks


def test_each_mode_has_its_functions_and_only_one_is_in_the_vpc(expanded: Resource) -> None:
    # The function that calls GitLab.
    in_vpc = {"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"}
    for mode, vpc, expected in [
        ("queued", {}, {"ReceiveFunction": None, "WorkFunction": None}),
        ("queued", VPC, {"ReceiveFunction": None, "WorkFunction": in_vpc}),
        ("inline", {}, {"ReceiveFunction": None}),
        ("inline", VPC, {"ReceiveFunction": in_vpc}),
    ]:
        functions = TemplateStack(expanded, Mode=mode, **vpc).of("AWS::Lambda::Function")
        assert {name: its.get("VpcConfig") for name, its in functions.items()} == expected


# Logs


def test_each_function_logs_json_to_a_group_of_its_own(queued: TemplateStack) -> None:
    for name in ("Receive", "Work"):
        logging = queued.properties(f"{name}Function")["LoggingConfig"]
        assert logging["LogFormat"] == "JSON"
        assert logging["LogGroup"] == f"{name}Log"


def test_logs_expire(expanded: Resource) -> None:
    groups = TemplateStack(expanded, LogRetentionDays="90").of("AWS::Logs::LogGroup")
    assert groups.keys() == {"ReceiveLog", "WorkLog", "AccessLog"}
    assert {group["RetentionInDays"] for group in groups.values()} == {"90"}


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_lambda_drops_neither_metrics_nor_the_bots_log_lines(
    expanded: Resource, level: str
) -> None:
    assert level in expanded["Parameters"]["LogLevel"]["AllowedValues"]
    for function in TemplateStack(expanded, LogLevel=level).of("AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["LOG_LEVEL"] == level
        # Lambda treats a line without a level, such as a metric's, as INFO.
        kept = function["LoggingConfig"]["ApplicationLogLevel"]
        assert kept == ("DEBUG" if level == "DEBUG" else "INFO")
