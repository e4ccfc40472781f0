"""The functions: which there are, what each knows, and where its log goes."""

from __future__ import annotations

import re

import pytest

from tests.template.stack import ROOT, VPC, Resource, Stack

CODE = {"S3Bucket": "packages", "S3Key": "package.zip"}
LOGGING = {"LOG_LEVEL": "INFO", "METRICS_NAMESPACE": "gidgetlambda/bot"}
IN_VPC = {"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"}


def test_queued_one_function_receives_and_one_works(queued: Stack) -> None:
    assert queued.named("AWS::Lambda::Function") == {"ReceiveFunction", "WorkFunction"}


def test_inline_there_is_one_function_and_no_queue(inline: Stack) -> None:
    assert inline.named("AWS::Lambda::Function") == {"ReceiveFunction"}
    assert inline.named("AWS::SQS::Queue") == set()
    assert inline.named("AWS::Lambda::EventSourceMapping") == set()


def test_nothing_that_is_made_names_what_is_not(stack: Stack) -> None:
    for name in stack.resources:
        stack.properties(name)  # raises where it does
    assert stack.outputs


def test_the_functions_run_python_313_on_the_chosen_processor(expanded: Resource) -> None:
    for architecture in ("arm64", "x86_64"):
        stack = Stack(expanded, Architecture=architecture)
        for function in stack.of("AWS::Lambda::Function").values():
            assert function["Runtime"] == "python3.13"
            assert function["MemorySize"] == 512
            assert function["Architectures"] == [architecture]
    assert expanded["Parameters"]["Architecture"]["Default"] == "arm64"
    assert expanded["Parameters"]["Architecture"]["AllowedValues"] == ["arm64", "x86_64"]


def test_both_functions_run_the_same_package(queued: Stack) -> None:
    functions = queued.of("AWS::Lambda::Function")
    assert [function["Code"] for function in functions.values()] == [CODE, CODE]


def test_entry_points_are_there(queued: Stack) -> None:
    for function in queued.of("AWS::Lambda::Function").values():
        module, _, name = function["Handler"].rpartition(".")
        source = (ROOT / "handler" / module.replace(".", "/")).with_suffix(".py").read_text()
        assert re.search(rf"^{name} = ", source, re.MULTILINE)


def test_receiving_ends_before_the_api_gives_up_and_after_handlers_do(stack: Stack) -> None:
    assert 8 < stack.properties("ReceiveFunction")["Timeout"] < 30


def test_no_function_has_a_name_of_its_own_or_reserves_concurrency(stack: Stack) -> None:
    for function in stack.of("AWS::Lambda::Function").values():
        assert not {"FunctionName", "ReservedConcurrentExecutions"} & function.keys()


# What each knows


def test_queued_what_is_reached_from_outside_holds_no_access_token(queued: Stack) -> None:
    assert queued.variables("ReceiveFunction") == LOGGING | {
        "GL_SECRET": "the-webhook-secret",
        "GL_SECRET_PREVIOUS": "",
        "GL_SIGNING_TOKEN": "whsec_c2lnbmluZw==",
        "QUEUE_URL": "TaskQueue",
        "GL_ACCESS_TOKEN": "",
        "GL_URL": "",
        "GL_IGNORE_SELF": "",
        "GL_CA_FILE": "",
    }


def test_what_works_holds_no_webhook_secret(queued: Stack) -> None:
    assert queued.variables("WorkFunction") == LOGGING | {
        "GL_URL": "https://gitlab.com",
        "GL_ACCESS_TOKEN": "the-access-token",
        "GL_IGNORE_SELF": "",
        "GL_CA_FILE": "",
        "QUEUE_URL": "TaskQueue",
        "PARKED_QUEUE_URL": "ParkedQueue",
    }


def test_inline_one_function_knows_all_but_queues(inline: Stack) -> None:
    assert inline.variables("ReceiveFunction") == LOGGING | {
        "GL_SECRET": "the-webhook-secret",
        "GL_SECRET_PREVIOUS": "",
        "GL_SIGNING_TOKEN": "whsec_c2lnbmluZw==",
        "QUEUE_URL": "",
        "GL_ACCESS_TOKEN": "the-access-token",
        "GL_URL": "https://gitlab.com",
        "GL_IGNORE_SELF": "",
        "GL_CA_FILE": "",
    }


@pytest.mark.parametrize(("mode", "function"), [("queued", "Work"), ("inline", "Receive")])
def test_settings_reach_the_function_that_talks_to_gitlab(
    expanded: Resource, mode: str, function: str
) -> None:
    stack = Stack(
        expanded,
        Mode=mode,
        GitLabUrl="https://example.com/gitlab",
        IgnoreSelf="true",
        CaFile="gitlab-ca.pem",
        LogLevel="WARNING",
    )
    variables = stack.variables(f"{function}Function")
    assert variables["GL_URL"] == "https://example.com/gitlab"
    assert variables["GL_IGNORE_SELF"] == "true"
    assert variables["GL_CA_FILE"] == "gitlab-ca.pem"
    assert variables["LOG_LEVEL"] == "WARNING"


def test_while_a_secret_is_rotated_the_previous_one_reaches_the_receiving_function(
    expanded: Resource,
) -> None:
    stack = Stack(expanded, PreviousWebhookSecret="the-secret-before", SigningToken="none")
    variables = stack.variables("ReceiveFunction")
    assert variables["GL_SECRET"] == "the-webhook-secret"
    assert variables["GL_SECRET_PREVIOUS"] == "the-secret-before"
    assert variables["GL_SIGNING_TOKEN"] == ""


# Where each runs


def test_without_a_vpc_no_function_is_in_one(stack: Stack) -> None:
    for function in stack.of("AWS::Lambda::Function").values():
        assert "VpcConfig" not in function


def test_with_a_vpc_the_function_that_talks_to_gitlab_is_in_it_and_no_other(
    expanded: Resource,
) -> None:
    queued = Stack(expanded, **VPC)
    assert queued.properties("WorkFunction")["VpcConfig"] == IN_VPC
    assert "VpcConfig" not in queued.properties("ReceiveFunction")
    inline = Stack(expanded, Mode="inline", **VPC)
    assert inline.properties("ReceiveFunction")["VpcConfig"] == IN_VPC


# Logs


def test_each_functions_log_is_json_in_a_group_of_its_own(queued: Stack) -> None:
    for name in ("Receive", "Work"):
        logging = queued.properties(f"{name}Function")["LoggingConfig"]
        assert logging["LogFormat"] == "JSON"
        assert logging["LogGroup"] == f"{name}Log"


def test_logs_do_not_stay_for_ever(expanded: Resource) -> None:
    groups = Stack(expanded, LogRetentionDays="90").of("AWS::Logs::LogGroup")
    assert groups.keys() == {"ReceiveLog", "WorkLog", "AccessLog"}
    assert {group["RetentionInDays"] for group in groups.values()} == {"90"}


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_lambda_lets_through_the_metrics_and_what_the_bot_logs(
    expanded: Resource, level: str
) -> None:
    assert level in expanded["Parameters"]["LogLevel"]["AllowedValues"]
    for function in Stack(expanded, LogLevel=level).of("AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["LOG_LEVEL"] == level
        # A line without a level, as a metric's, counts as INFO with Lambda.
        lets_through = function["LoggingConfig"]["ApplicationLogLevel"]
        assert lets_through == ("DEBUG" if level == "DEBUG" else "INFO")
