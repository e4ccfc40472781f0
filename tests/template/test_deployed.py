"""What a deployment really makes, as far as moto's CloudFormation makes it.

It makes no HTTP API and no alarm, and says so by a warning; alarms are given to its CloudWatch. Nor
does it see what a change of the mode changes. What else differs from CloudFormation is mended in
`for_moto`.
"""

from __future__ import annotations

import ast
import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tests.template.stack import BUCKET, KEY, REGION, SECRETS, Resource, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

# Types that moto does not make.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Tried to parse AWS..(ApiGatewayV2|CloudWatch..Alarm):UserWarning"
)


@dataclass(frozen=True)
class Deployed:
    """A stack that was deployed."""

    name: str
    outputs: dict[str, str] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)

    def function(self, name: str) -> dict[str, Any]:
        physical = self.resources[name]
        return dict(boto3.client("lambda").get_function_configuration(FunctionName=physical))

    def queue(self, name: str) -> dict[str, str]:
        url = self.resources[name]
        answer = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return {str(key): value for key, value in answer["Attributes"].items()}

    def arn(self, queue: str) -> str:
        return self.queue(queue)["QueueArn"]

    def granted(self, function: str) -> set[tuple[str, str]]:
        """What a function may do, and with what."""
        role = self.function(function)["Role"].rpartition("/")[2]
        iam = boto3.client("iam")
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        return {
            (action, statement["Resource"])
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
            for statement in statements(
                iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            )
            for action in listed(statement["Action"])
        }


def statements(document: Any) -> list[dict[str, Any]]:
    # What CloudFormation made, moto keeps as Python's text.
    of = ast.literal_eval(document) if isinstance(document, str) else document
    return list(of["Statement"])


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def deploy(template: Resource, mode: str, *, again: bool = False, **parameters: str) -> Deployed:
    name = "bot"
    cloudformation = boto3.client("cloudformation")
    change = cloudformation.update_stack if again else cloudformation.create_stack
    change(
        StackName=name,
        TemplateBody=json.dumps(for_moto(template)),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in ({**SECRETS, "Mode": mode} | parameters).items()
        ],
    )
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return Deployed(
        name,
        {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]},
        # Of what moto does not make, it tells nothing.
        {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for one in resources
            if "PhysicalResourceId" in one
        },
    )


def for_moto(template: Resource) -> Resource:
    """The template of a stack outside of a VPC."""
    template = without_vpc(template)
    # CloudFormation ends the name that it makes for a FIFO queue as it has to end.
    for queue in ("TaskQueue", "ParkedQueue"):
        template["Resources"][queue]["Properties"]["QueueName"] = f"{queue}-1A2B3C.fifo"
    return template


def without_vpc(node: Any) -> Any:
    """A template without items of lists that there are in a VPC only: moto leaves holes there."""
    if isinstance(node, dict):
        return {key: without_vpc(value) for key, value in node.items()}
    if isinstance(node, list):
        return [without_vpc(one) for one in node if not in_vpc_only(one)]
    return node


def in_vpc_only(node: Any) -> bool:
    match node:
        case {"Fn::If": ["InVpc", _, {"Ref": "AWS::NoValue"}]}:
            return True
    return False


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with the package in a bucket."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=package())
        yield


def package() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("receive.py", "")
    return content.getvalue()


@pytest.fixture
def made_queued(aws: None, expanded: Resource) -> Deployed:
    return deploy(expanded, "queued")


@pytest.fixture
def made_inline(aws: None, expanded: Resource) -> Deployed:
    return deploy(expanded, "inline")


def test_everything_is_made_that_moto_can_make(made_queued: Deployed, queued: Stack) -> None:
    cannot = {
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Stage",
        "AWS::CloudWatch::Alarm",
        "AWS::Lambda::Permission",  # it is made, and has no id
    }
    assert made_queued.resources.keys() >= {
        name for name, kind in queued.resources.items() if kind not in cannot
    }


def test_inline_no_queue_is_made_and_one_function(made_inline: Deployed) -> None:
    assert "QueueUrls" not in boto3.client("sqs").list_queues()
    functions = boto3.client("lambda").list_functions()["Functions"]
    assert [one["FunctionName"] for one in functions] == [made_inline.resources["ReceiveFunction"]]
    assert len(boto3.client("iam").list_roles()["Roles"]) == 1
    variables = functions[0]["Environment"]["Variables"]
    assert variables["GL_ACCESS_TOKEN"] == SECRETS["AccessToken"]
    assert variables["QUEUE_URL"] == ""


@pytest.mark.parametrize("name", ["TaskQueue", "ParkedQueue"])
def test_queues_are_as_they_should_be(made_queued: Deployed, name: str) -> None:
    attributes = made_queued.queue(name)
    assert attributes["QueueArn"].endswith(".fifo")
    assert {key: attributes[key] for key in sorted(EXPECTED)} == EXPECTED
    assert made_queued.outputs[f"{name}Url"] == made_queued.resources[name]


EXPECTED = {
    "DeduplicationScope": "messageGroup",
    "FifoQueue": "true",
    "FifoThroughputLimit": "perMessageGroupId",
    "MessageRetentionPeriod": "1209600",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "360",
}


def test_a_task_whose_worker_keeps_dying_goes_to_the_parked_queue(made_queued: Deployed) -> None:
    redrive = json.loads(made_queued.queue("TaskQueue")["RedrivePolicy"])
    assert redrive == {
        "deadLetterTargetArn": made_queued.arn("ParkedQueue"),
        "maxReceiveCount": 100,
    }


def test_functions_are_told_of_the_queues_that_were_made(made_queued: Deployed) -> None:
    receive, work = (
        made_queued.function(name)["Environment"]["Variables"]
        for name in ("ReceiveFunction", "WorkFunction")
    )
    assert receive["QUEUE_URL"] == work["QUEUE_URL"] == made_queued.resources["TaskQueue"]
    assert work["PARKED_QUEUE_URL"] == made_queued.resources["ParkedQueue"]
    assert "PARKED_QUEUE_URL" not in receive
    assert receive["METRICS_NAMESPACE"] == work["METRICS_NAMESPACE"] == "gidgetlambda/bot"


def test_no_function_holds_the_others_secrets(made_queued: Deployed) -> None:
    receive = str(made_queued.function("ReceiveFunction"))
    work = str(made_queued.function("WorkFunction"))
    assert SECRETS["AccessToken"] in work
    assert SECRETS["AccessToken"] not in receive
    for name in ("WebhookSecret", "SigningToken"):
        assert SECRETS[name] in receive
        assert SECRETS[name] not in work


@pytest.mark.parametrize(
    ("name", "entry_point", "timeout"),
    [
        ("ReceiveFunction", "receive.lambda_handler", 20),
        ("WorkFunction", "work.lambda_handler", 60),
    ],
)
def test_functions_are_as_they_should_be(
    made_queued: Deployed, name: str, entry_point: str, timeout: int
) -> None:
    function = made_queued.function(name)
    assert function["Handler"] == entry_point
    assert function["Runtime"] == "python3.13"
    assert function["Timeout"] == timeout
    assert function["MemorySize"] == 512


def sqs_of(made: Deployed, function: str) -> set[tuple[str, str]]:
    return {(action, of) for action, of in made.granted(function) if action.startswith("sqs:")}


def test_roles_allow_exactly_what_the_functions_do(made_queued: Deployed) -> None:
    queue, parked = made_queued.arn("TaskQueue"), made_queued.arn("ParkedQueue")
    assert sqs_of(made_queued, "ReceiveFunction") == {("sqs:SendMessage", queue)}
    assert sqs_of(made_queued, "WorkFunction") == {
        ("sqs:ChangeMessageVisibility", queue),
        ("sqs:DeleteMessage", queue),
        ("sqs:GetQueueAttributes", queue),
        ("sqs:ReceiveMessage", queue),
        ("sqs:SendMessage", parked),
    }
    for name, log in {"ReceiveFunction": "bot-receive", "WorkFunction": "bot-work"}.items():
        rest = made_queued.granted(name) - sqs_of(made_queued, name)
        assert {action for action, _ in rest} == {"logs:CreateLogStream", "logs:PutLogEvents"}
        assert all(f":log-group:/aws/lambda/{log}" in resource for _, resource in rest)


def test_inline_the_role_allows_nothing_but_the_log(made_inline: Deployed) -> None:
    actions = {action for action, _ in made_inline.granted("ReceiveFunction")}
    assert actions == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_the_queue_is_mapped_to_the_working_function(made_queued: Deployed) -> None:
    (mapping,) = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mapping["EventSourceArn"] == made_queued.arn("TaskQueue")
    assert mapping["FunctionArn"] == made_queued.function("WorkFunction")["FunctionArn"]
    assert mapping["BatchSize"] == 1
    assert mapping["State"] == "Enabled"


def test_logs_are_kept_for_a_month(made_queued: Deployed) -> None:
    groups = boto3.client("logs").describe_log_groups()["logGroups"]
    assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == {
        "/aws/lambda/bot-receive": 30,
        "/aws/lambda/bot-work": 30,
        "/aws/vendedlogs/bot-access": 30,
    }


@pytest.mark.parametrize("mode", ["queued", "inline"])
def test_the_dashboard_is_drawn_of_what_was_made(aws: None, expanded: Resource, mode: str) -> None:
    made = deploy(expanded, mode)
    dashboard = boto3.client("cloudwatch").get_dashboard(DashboardName="bot_eu-west-1")
    body = json.loads(dashboard["DashboardBody"])
    assert len(body["widgets"]) == {"queued": 8, "inline": 5}[mode]
    drawn = str(body)
    assert made.resources["ReceiveFunction"] in drawn
    for name in {"queued": ("TaskQueue", "ParkedQueue"), "inline": ()}[mode]:
        assert made.queue(name)["QueueArn"].rpartition(":")[2] in drawn


def test_with_an_email_it_is_subscribed_and_without_nobody_is(
    aws: None, expanded: Resource
) -> None:
    deploy(expanded, "queued")
    assert boto3.client("sns").list_topics()["Topics"] == []
    deploy(expanded, "queued", again=True, AlarmEmail="alice@example.com")
    (subscription,) = boto3.client("sns").list_subscriptions()["Subscriptions"]
    assert subscription["Protocol"] == "email"
    assert subscription["Endpoint"] == "alice@example.com"


@pytest.mark.parametrize("mode", ["queued", "inline"])
def test_cloudwatch_takes_every_alarm(aws: None, expanded: Resource, mode: str) -> None:
    stack = Stack(expanded, Mode=mode, AlarmEmail="alice@example.com")
    cloudwatch = boto3.client("cloudwatch")
    for name, alarm in stack.of("AWS::CloudWatch::Alarm").items():
        cloudwatch.put_metric_alarm(AlarmName=name, **alarm)
    taken = cloudwatch.describe_alarms()["MetricAlarms"]
    assert {alarm["AlarmName"] for alarm in taken} == stack.named("AWS::CloudWatch::Alarm")
