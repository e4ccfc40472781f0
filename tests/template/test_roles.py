"""The functions' roles, each with the permissions that its function needs and no others."""

from __future__ import annotations

import pytest

from tests.template.stack import VPC, Resource, TemplateStack

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


def test_the_receiving_function_may_send_tasks_and_log(queued: TemplateStack) -> None:
    assert queued.granted("ReceiveFunction") == {
        "ReceiveLog.Arn": WRITE_LOG,
        "TaskQueue.Arn": {"sqs:SendMessage"},
    }


def test_the_working_function_may_receive_delay_and_park_tasks_and_log(
    queued: TemplateStack,
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


def test_inline_the_function_may_only_log(inline: TemplateStack) -> None:
    assert inline.granted("ReceiveFunction") == {"ReceiveLog.Arn": WRITE_LOG}


def test_every_function_has_a_role_of_its_own_and_every_role_is_used(stack: TemplateStack) -> None:
    functions = stack.of("AWS::Lambda::Function").values()
    roles = [function["Role"].removesuffix(".Arn") for function in functions]
    assert sorted(roles) == sorted(stack.named("AWS::IAM::Role"))


def test_the_modes_share_no_role_that_could_lose_a_permission_in_use(
    queued: TemplateStack, inline: TemplateStack
) -> None:
    assert not queued.named("AWS::IAM::Role") & inline.named("AWS::IAM::Role")


def test_only_lambda_assumes_the_roles(stack: TemplateStack) -> None:
    for role in stack.of("AWS::IAM::Role").values():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }


@pytest.mark.parametrize(("mode", "function"), [("queued", "Work"), ("inline", "Receive")])
def test_in_a_vpc_lambda_may_attach_the_function_but_the_code_may_not(
    expanded: Resource, mode: str, function: str
) -> None:
    name = f"{function}Function"
    outside, inside = (TemplateStack(expanded, Mode=mode, **vpc) for vpc in ({}, VPC))
    assert inside.granted(name) == outside.granted(name) | {"*": JOIN_VPC}
    (denied,) = [one for one in inside.statements(name) if one["Effect"] == "Deny"]
    assert denied == {
        "Effect": "Deny",
        "Action": "ec2:*",
        "Resource": "*",
        "Condition": {"Null": {"lambda:SourceFunctionArn": "false"}},
    }


def test_queued_a_vpc_does_not_change_the_receiving_functions_role(
    expanded: Resource, queued: TemplateStack
) -> None:
    in_vpc = TemplateStack(expanded, **VPC)
    assert in_vpc.statements("ReceiveFunction") == queued.statements("ReceiveFunction")


def test_every_role_gets_the_permissions_boundary(expanded: Resource) -> None:
    arn = "arn:aws:iam::123456789012:policy/deploy/bot/Boundary-1"
    for mode in ("queued", "inline"):
        unbounded, bounded = (
            TemplateStack(expanded, Mode=mode, PermissionsBoundary=boundary).of("AWS::IAM::Role")
            for boundary in ("", arn)
        )
        assert not any("PermissionsBoundary" in role for role in unbounded.values())
        assert {role["PermissionsBoundary"] for role in bounded.values()} == {arn}
