"""The stack that moto's CloudFormation deploys: names and references that exist only then.

moto's CloudFormation creates neither HTTP APIs nor alarms, and warns about them. The alarms go to
its CloudWatch directly.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tests.template.stack import BUCKET, KEY, REGION, SECRETS, Resource, TemplateStack

if TYPE_CHECKING:
    from collections.abc import Iterator

# moto warns about the types that it does not create.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Tried to parse AWS..(ApiGatewayV2|CloudWatch..Alarm|SQS..QueuePolicy):UserWarning",
    "ignore:Tried to parse AWS..Logs..(MetricFilter|QueryDefinition):UserWarning",
)

NOT_BY_MOTO = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudWatch::Alarm",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition",
    "AWS::Lambda::Permission",  # moto creates it without an id
    "AWS::SQS::QueuePolicy",
}


@dataclass(frozen=True)
class DeployedStack:
    """A deployed stack.

    Attributes:
        resources: The physical id of each resource.
    """

    outputs: dict[str, str]
    resources: dict[str, str]

    def function(self, name: str) -> dict[str, Any]:
        physical = self.resources[name]
        return dict(boto3.client("lambda").get_function_configuration(FunctionName=physical))

    def queue_arn(self, name: str) -> str:
        answer = boto3.client("sqs").get_queue_attributes(
            QueueUrl=self.resources[name], AttributeNames=["QueueArn"]
        )
        return answer["Attributes"]["QueueArn"]


@pytest.fixture(scope="module")
def deployed(aws: None, expanded: Resource) -> DeployedStack:
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName="bot",
        TemplateBody=json.dumps(for_moto(expanded)),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in {**SECRETS, "AlarmEmail": "alice@example.com"}.items()
        ],
    )
    (stack,) = cloudformation.describe_stacks(StackName="bot")["Stacks"]
    resources = cloudformation.describe_stack_resources(StackName="bot")["StackResources"]
    return DeployedStack(
        {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]},
        {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in resources
            if "PhysicalResourceId" in resource
        },
    )


def for_moto(template: Resource) -> Resource:
    """Return the template of a stack outside of a VPC, in a form that moto can create."""
    adapted = copy.deepcopy(template)
    for resource in adapted["Resources"].values():
        # moto leaves an item whose condition does not hold empty instead of removing it.
        if policies := resource["Properties"].get("Policies"):
            resource["Properties"]["Policies"] = [one for one in policies if "Fn::If" not in one]
    # CloudFormation generates names of FIFO queues with the required suffix; moto does not.
    for queue in ("TaskQueue", "ParkedQueue"):
        adapted["Resources"][queue]["Properties"]["QueueName"] = f"{queue}-1A2B3C.fifo"
    return adapted


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    """Provide an account of its own for this module, with a package in the bucket."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as file:
        file.writestr("receive.py", "")
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        s3 = boto3.client("s3")
        s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=package.getvalue())
        yield


def test_creates_every_resource(deployed: DeployedStack, queued: TemplateStack) -> None:
    expected = {name for name, kind in queued.resources.items() if kind not in NOT_BY_MOTO}
    assert expected <= deployed.resources.keys()


def test_functions_get_the_urls_of_the_created_queues(deployed: DeployedStack) -> None:
    tasks, parked = deployed.resources["TaskQueue"], deployed.resources["ParkedQueue"]
    receive, work = (
        deployed.function(name)["Environment"]["Variables"]
        for name in ("ReceiveFunction", "WorkFunction")
    )
    assert receive["QUEUE_URL"] == work["QUEUE_URL"] == deployed.outputs["TaskQueueUrl"] == tasks
    assert work["PARKED_QUEUE_URL"] == deployed.outputs["ParkedQueueUrl"] == parked


def test_the_working_function_is_mapped_to_the_created_queue(deployed: DeployedStack) -> None:
    (mapping,) = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mapping["EventSourceArn"] == deployed.queue_arn("TaskQueue")
    assert mapping["FunctionArn"] == deployed.function("WorkFunction")["FunctionArn"]
    assert mapping["State"] == "Enabled"


def test_the_dashboard_names_the_created_functions_and_queues(deployed: DeployedStack) -> None:
    dashboard = boto3.client("cloudwatch").get_dashboard(DashboardName="bot_eu-west-1")
    widgets = str(json.loads(dashboard["DashboardBody"]))
    assert deployed.resources["ReceiveFunction"] in widgets
    assert deployed.resources["WorkFunction"] in widgets
    for name in ("TaskQueue", "ParkedQueue"):
        assert deployed.queue_arn(name).rpartition(":")[2] in widgets


def test_the_alarm_email_is_subscribed(deployed: DeployedStack) -> None:
    (subscription,) = boto3.client("sns").list_subscriptions()["Subscriptions"]
    assert subscription["TopicArn"] == deployed.resources["AlarmTopic"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "alice@example.com")


@pytest.mark.parametrize("mode", ["queued", "inline"])
def test_cloudwatch_accepts_every_alarm(expanded: Resource, mode: str) -> None:
    stack = TemplateStack(expanded, Mode=mode, AlarmEmail="alice@example.com")
    alarms = stack.of("AWS::CloudWatch::Alarm")
    cloudwatch = boto3.client("cloudwatch")
    for name, alarm in alarms.items():
        cloudwatch.put_metric_alarm(AlarmName=name, **alarm)
    accepted = cloudwatch.describe_alarms()["MetricAlarms"]
    assert alarms.keys() <= {alarm["AlarmName"] for alarm in accepted}
