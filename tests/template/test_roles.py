"""The functions' roles: each may do what it needs, and nothing more."""

from __future__ import annotations

import pytest

from tests.template.stack import VPC, Resource, Stack

WRITE_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
JOIN_VPC = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}


def test_the_receiving_function_may_send_tasks_and_write_its_log(queued: Stack) -> None:
    assert queued.granted("ReceiveFunction") == {
        "ReceiveLog.Arn": WRITE_LOG,
        "TaskQueue.Arn": {"sqs:SendMessage"},
    }


def test_the_working_function_may_read_and_put_off_tasks_park_them_and_write_its_log(
    queued: Stack,
) -> None:
    assert queued.granted("WorkFunction") == {
        "WorkLog.Arn": WRITE_LOG,
        "TaskQueue.Arn": {
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        },
        "ParkedQueue.Arn": {"sqs:SendMessage"},
    }


def test_inline_the_function_may_write_its_log(inline: Stack) -> None:
    assert inline.granted("ReceiveFunction") == {"ReceiveLog.Arn": WRITE_LOG}


def test_no_function_shares_a_role_and_no_role_is_left_over(stack: Stack) -> None:
    functions = stack.of("AWS::Lambda::Function").values()
    roles = [function["Role"].removesuffix(".Arn") for function in functions]
    assert sorted(roles) == sorted(stack.named("AWS::IAM::Role"))


def test_a_mode_has_a_role_of_its_own_so_that_none_loses_a_right_while_it_is_used(
    queued: Stack, inline: Stack
) -> None:
    assert not queued.named("AWS::IAM::Role") & inline.named("AWS::IAM::Role")


def test_lambda_alone_takes_the_roles(stack: Stack) -> None:
    for role in stack.of("AWS::IAM::Role").values():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }


@pytest.mark.parametrize(("mode", "function"), [("queued", "Work"), ("inline", "Receive")])
def test_in_a_vpc_lambda_may_attach_the_function_and_the_functions_code_may_not(
    expanded: Resource, mode: str, function: str
) -> None:
    name = f"{function}Function"
    outside, inside = (Stack(expanded, Mode=mode, **vpc) for vpc in ({}, VPC))
    assert inside.granted(name) == outside.granted(name) | {"*": JOIN_VPC}
    (denied,) = [one for one in inside.statements(name) if one["Effect"] == "Deny"]
    assert denied == {
        "Effect": "Deny",
        "Action": "ec2:*",
        "Resource": "*",
        "Condition": {"Null": {"lambda:SourceFunctionArn": "false"}},
    }


def test_a_vpc_gives_the_receiving_function_of_a_queued_stack_nothing(
    expanded: Resource, queued: Stack
) -> None:
    in_vpc = Stack(expanded, **VPC)
    assert in_vpc.statements("ReceiveFunction") == queued.statements("ReceiveFunction")


def test_a_permissions_boundary_bounds_every_role(expanded: Resource) -> None:
    arn = "arn:aws:iam::123456789012:policy/deploy/bot/Boundary-1"
    for mode in ("queued", "inline"):
        for role in (
            Stack(expanded, Mode=mode, PermissionsBoundary=arn).of("AWS::IAM::Role").values()
        ):
            assert role["PermissionsBoundary"] == arn
        for role in Stack(expanded, Mode=mode).of("AWS::IAM::Role").values():
            assert "PermissionsBoundary" not in role
