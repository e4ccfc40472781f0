"""The roles in infra/deploy-role.yaml: who may take them, and what they can do with them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

from infra.testing.iam import allows, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.testing.iam import Statement

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "infra" / "deploy-role.yaml"
ACCOUNT, REGION = "123456789012", "eu-west-1"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack"
SAM = f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31"
SERVICE_LINKED_ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/"
    "ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"
)

# moto makes no bucket policy, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..S3..BucketPolicy:UserWarning")

# What CloudFormation calls for each type of resource: the permissions of the handlers in the type's
# schema (`aws cloudformation describe-type --type RESOURCE --type-name ...`), without those for
# properties that the template does not use.
NEEDED = {
    "AWS::ApiGatewayV2::Api": "apigateway: DELETE GET PATCH POST PUT",
    "AWS::ApiGatewayV2::Stage": (
        "apigateway: DELETE GET PATCH POST PUT; "
        "logs: CreateLogDelivery DeleteLogDelivery DescribeResourcePolicies GetLogDelivery "
        "ListLogDeliveries PutResourcePolicy UpdateLogDelivery"
    ),
    "AWS::CloudWatch::Alarm": (
        "cloudwatch: DeleteAlarms DescribeAlarms ListTagsForResource PutMetricAlarm TagResource "
        "UntagResource"
    ),
    "AWS::CloudWatch::Dashboard": "cloudwatch: DeleteDashboards GetDashboard PutDashboard",
    "AWS::IAM::Role": (
        "iam: CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy "
        "ListAttachedRolePolicies ListRolePolicies PutRolePermissionsBoundary PutRolePolicy "
        "TagRole UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription"
    ),
    "AWS::Lambda::EventSourceMapping": (
        "lambda: CreateEventSourceMapping DeleteEventSourceMapping GetEventSourceMapping "
        "UpdateEventSourceMapping"
    ),
    "AWS::Lambda::Function": (
        "lambda: CreateFunction DeleteFunction GetFunction GetFunctionCodeSigningConfig "
        "GetFunctionRecursionConfig GetRuntimeManagementConfig ListTags TagResource UntagResource "
        "UpdateFunctionCode UpdateFunctionConfiguration; "
        "iam: PassRole; s3: GetObject; ec2: DescribeSecurityGroups DescribeSubnets DescribeVpcs"
    ),
    "AWS::Lambda::Permission": "lambda: AddPermission GetPolicy RemovePermission",
    "AWS::Logs::LogGroup": (
        "logs: CreateLogGroup DeleteLogGroup DeleteRetentionPolicy DescribeLogGroups "
        "ListTagsForResource PutRetentionPolicy TagResource UntagResource"
    ),
    "AWS::SNS::Subscription": (
        "sns: GetSubscriptionAttributes SetSubscriptionAttributes Subscribe Unsubscribe"
    ),
    "AWS::SNS::Topic": (
        "sns: CreateTopic DeleteTopic GetDataProtectionPolicy GetTopicAttributes "
        "ListSubscriptionsByTopic ListTagsForResource SetTopicAttributes Subscribe TagResource "
        "UntagResource Unsubscribe"
    ),
    "AWS::SQS::Queue": (
        "sqs: CreateQueue DeleteQueue GetQueueAttributes ListQueueTags SetQueueAttributes TagQueue "
        "UntagQueue"
    ),
}

# Every allowance that does not end at the stack's own things, and why.
REACHES_FURTHER = {
    "Mappings": "a mapping's id is random; the condition on the function says whose it is",
    "ReadMappings": "a mapping's id is random, and reading one tells nothing secret",
    "Apis": "an API's id is random, and no condition tells whose it is",
    "ListLogs": "DescribeLogGroups takes no name",
    "AccessLogs": "API Gateway's documentation asks for these without a resource",
    "ListAlarms": "DescribeAlarms takes no name",
    "Subscriptions": "these take no topic",
    "LookAtNetworks": "EC2's Describe actions take no resource",
    "JoinNetworks": "Lambda's documentation asks for these without a resource",
}


@dataclass(frozen=True)
class Deployed:
    """What moto made of the template."""

    outputs: dict[str, str]
    trust: Statement
    deploy: list[Statement]
    execution: list[Statement]
    boundary: list[Statement]

    @property
    def allowances(self) -> list[Statement]:
        statements = [*self.deploy, *self.execution, *self.boundary]
        return [statement for statement in statements if statement["Effect"] == "Allow"]


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        yield


@pytest.fixture(scope="module")
def deployed(aws: None) -> Deployed:
    return deploy(ProjectPath="bots/triage", StackName="gidgetlambda")


def deploy(**parameters: str) -> Deployed:
    """Deploy the template beside a provider that exists, as moto's CloudFormation makes none."""
    url = parameters.get("GitLabUrl", "https://gitlab.com")
    iam, cloudformation = boto3.client("iam"), boto3.client("cloudformation")
    provider = iam.create_open_id_connect_provider(Url=url, ClientIDList=[url])
    parameters["ExistingProviderArn"] = provider["OpenIDConnectProviderArn"]
    name = f"deploy-{parameters['ProjectPath'].replace('/', '-')}"
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=TEMPLATE.read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
    )
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    role = iam.get_role(RoleName=name_of(outputs["DeployRoleArn"]))["Role"]
    boundary = iam.get_policy_version(PolicyArn=outputs["PermissionsBoundary"], VersionId="v1")[
        "PolicyVersion"
    ]["Document"]
    return Deployed(
        outputs,
        trust=one(role["AssumeRolePolicyDocument"]["Statement"]),
        deploy=inline(outputs["DeployRoleArn"]),
        execution=inline(outputs["ExecutionRoleArn"]),
        boundary=boundary["Statement"],
    )


def inline(role_arn: str) -> list[Statement]:
    iam, name = boto3.client("iam"), name_of(role_arn)
    policy = one(iam.list_role_policies(RoleName=name)["PolicyNames"])
    document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    # What CloudFormation made, moto keeps as Python's text.
    if isinstance(document, str):
        document = ast.literal_eval(document)
    statements: list[Statement] = document["Statement"]
    return statements


def one(items: list[Any]) -> Any:
    (item,) = items
    return item


def name_of(arn: str) -> str:
    return arn.rpartition("/")[2]


@pytest.fixture(scope="module")
def bot() -> dict[str, Any]:
    """The bot's own template, expanded."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/package"
    for resource in template["Resources"].values():
        resource.get("Properties", {}).pop("CodeUri", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        expanded: dict[str, Any] = transform(template, {}, None)
    return expanded


def resources(bot: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in bot["Resources"].items()
        if resource["Type"] == kind
    }


# Who may take the pipeline's role


def test_only_one_branch_of_one_project_may_take_the_role(deployed: Deployed) -> None:
    assert deployed.trust == {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/gitlab.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                "gitlab.com:aud": "https://gitlab.com",
                "gitlab.com:sub": "project_path:bots/triage:ref_type:branch:ref:main",
            }
        },
    }


def test_a_gitlab_of_ones_own_may_live_under_a_path(aws: None) -> None:
    deployed = deploy(
        GitLabUrl="https://example.com/gitlab", ProjectPath="a/b/c", Branch="release/1"
    )
    assert deployed.trust["Principal"]["Federated"].endswith(":oidc-provider/example.com/gitlab")
    assert deployed.trust["Condition"]["StringEquals"] == {
        "example.com/gitlab:aud": "https://example.com/gitlab",
        "example.com/gitlab:sub": "project_path:a/b/c:ref_type:branch:ref:release/1",
    }


def test_the_provider_that_is_made_is_the_one_that_is_trusted() -> None:
    template = yaml_parse(TEMPLATE.read_text())
    provider = template["Resources"]["Provider"]
    assert provider == {
        "Type": "AWS::IAM::OIDCProvider",
        "Condition": "MakeProvider",
        "Properties": {"Url": {"Ref": "GitLabUrl"}, "ClientIdList": [{"Ref": "GitLabUrl"}]},
    }
    _, names = template["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"][
        "Fn::Sub"
    ]
    made, existing = names["Provider"]["Fn::If"][1:]
    assert made == {"Fn::GetAtt": ["Provider", "Arn"]}
    assert existing == {"Ref": "ExistingProviderArn"}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("GitLabUrl", "http://gitlab.example.com"),
        ("GitLabUrl", "https://gitlab.com/"),
        ("ProjectPath", "bots/*"),
        ("ProjectPath", "triage"),
        ("Branch", "*"),
        ("StackName", "gidget*"),
        ("StackName", "a" * 33),
        ("StackName", ""),
    ],
)
def test_no_parameter_widens_the_trust(parameter: str, value: str) -> None:
    pattern = yaml_parse(TEMPLATE.read_text())["Parameters"][parameter]["AllowedPattern"]
    assert re.fullmatch(pattern, value) is None


# What the pipeline's role can do


def test_the_pipeline_changes_one_stack_through_the_execution_role_only(
    deployed: Deployed,
) -> None:
    through = {"cloudformation:RoleArn": deployed.outputs["ExecutionRoleArn"]}
    ours = f"{STACK}/gidgetlambda/6ba7b810"
    assert allows(deployed.deploy, "cloudformation:CreateChangeSet", ours, through)
    assert allows(deployed.deploy, "cloudformation:CreateChangeSet", SAM)
    for action in ("DescribeChangeSet", "DescribeStackEvents", "DescribeStacks"):
        assert allows(deployed.deploy, f"cloudformation:{action}", ours)
    for action in ("ExecuteChangeSet", "GetTemplateSummary"):
        assert allows(deployed.deploy, f"cloudformation:{action}", ours)

    assert not allows(deployed.deploy, "cloudformation:CreateChangeSet", ours)
    other_role = {"cloudformation:RoleArn": f"arn:aws:iam::{ACCOUNT}:role/admin"}
    assert not allows(deployed.deploy, "cloudformation:CreateChangeSet", ours, other_role)
    for stack in ("other", "gidgetlambda-staging", "gidgetlambda-deploy"):
        theirs = f"{STACK}/{stack}/6ba7b810"
        assert not allows(deployed.deploy, "cloudformation:CreateChangeSet", theirs, through)
        assert not allows(deployed.deploy, "cloudformation:ExecuteChangeSet", theirs)
    for action in ("DeleteStack", "UpdateStack", "SetStackPolicy"):
        assert not allows(deployed.deploy, f"cloudformation:{action}", ours)


def test_the_pipeline_passes_its_execution_role_to_cloudformation_only(deployed: Deployed) -> None:
    role = deployed.outputs["ExecutionRoleArn"]
    to = "iam:PassedToService"
    assert allows(deployed.deploy, "iam:PassRole", role, {to: "cloudformation.amazonaws.com"})
    assert not allows(deployed.deploy, "iam:PassRole", role, {to: "lambda.amazonaws.com"})
    assert not allows(
        deployed.deploy,
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/admin",
        {to: "cloudformation.amazonaws.com"},
    )


def test_the_pipeline_itself_touches_no_function_and_reads_no_secret(deployed: Deployed) -> None:
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gidgetlambda-ReceiveFunction-AB12"
    for action in ("GetFunction", "GetFunctionConfiguration", "UpdateFunctionCode"):
        assert not allows(deployed.deploy, f"lambda:{action}", function)


def test_packages_go_to_a_private_bucket(deployed: Deployed) -> None:
    bucket = deployed.outputs["DeployBucket"]
    package = f"arn:aws:s3:::{bucket}/0f343b0931126a20f133d67c2b018a3b"
    assert allows(deployed.deploy, "s3:PutObject", package)
    assert allows(deployed.execution, "s3:GetObject", package)
    assert not allows(deployed.deploy, "s3:PutObject", "arn:aws:s3:::elsewhere/package")
    encryption = boto3.client("s3").get_bucket_encryption(Bucket=bucket)
    rule = one(encryption["ServerSideEncryptionConfiguration"]["Rules"])
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"

    properties = yaml_parse(TEMPLATE.read_text())["Resources"]["Packages"]["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    # A failed deployment rolls back to a package of any age.
    assert not any(
        "Expiration" in str(rule) for rule in properties["LifecycleConfiguration"].items()
    )


# What CloudFormation can do with the execution role


def test_cloudformation_alone_takes_the_execution_role(deployed: Deployed) -> None:
    name = name_of(deployed.outputs["ExecutionRoleArn"])
    role = boto3.client("iam").get_role(RoleName=name)["Role"]
    trust = one(role["AssumeRolePolicyDocument"]["Statement"])
    assert trust["Principal"] == {"Service": "cloudformation.amazonaws.com"}


def test_the_execution_role_has_what_the_bots_template_needs(
    deployed: Deployed, bot: dict[str, Any]
) -> None:
    kinds = {resource["Type"] for resource in bot["Resources"].values()}
    unknown = kinds - set(NEEDED)
    assert not unknown, f"say in NEEDED what CloudFormation calls for {sorted(unknown)}"
    granted = {action for statement in deployed.execution for action in listed(statement["Action"])}
    for kind in kinds:
        assert not needed(kind) - granted, f"{kind} needs more of infra/deploy-role.yaml"


def needed(kind: str) -> set[str]:
    actions = set()
    for part in NEEDED[kind].split("; "):
        service, _, names = part.partition(": ")
        actions |= {f"{service}:{name}" for name in names.split()}
    return actions


ARNS = {
    "AWS::Lambda::Function": (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:", "lambda:GetFunction"),
    "AWS::SQS::Queue": (f"arn:aws:sqs:{REGION}:{ACCOUNT}:", "sqs:CreateQueue"),
    "AWS::IAM::Role": (f"arn:aws:iam::{ACCOUNT}:role/", "iam:DeleteRole"),
    "AWS::CloudWatch::Alarm": (
        f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:",
        "cloudwatch:PutMetricAlarm",
    ),
    "AWS::CloudWatch::Dashboard": (
        f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/",
        "cloudwatch:PutDashboard",
    ),
    "AWS::SNS::Topic": (f"arn:aws:sns:{REGION}:{ACCOUNT}:", "sns:CreateTopic"),
    "AWS::Logs::LogGroup": (f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:", "logs:CreateLogGroup"),
}
NAME_PROPERTIES = ("LogGroupName", "DashboardName", "AlarmName", "RoleName", "QueueName")


def test_the_execution_role_reaches_everything_by_the_name_that_it_gets(
    deployed: Deployed, bot: dict[str, Any]
) -> None:
    for kind, (prefix, action) in ARNS.items():
        for logical_id, properties in resources(bot, kind).items():
            given = next((properties[key] for key in NAME_PROPERTIES if key in properties), None)
            arn = prefix + physical_name(logical_id, given)
            assert allows(deployed.execution, action, arn), f"{logical_id} is out of reach"


def physical_name(logical_id: str, given: Any, stack: str = "gidgetlambda") -> str:
    """The name that the template gives, else one as CloudFormation makes it."""
    if given is None:
        return f"{stack}-{logical_id}-1A2B3C4D5E6F"
    text = given["Fn::Sub"] if isinstance(given, dict) and "Fn::Sub" in given else given
    if text == {"Ref": "AWS::StackName"}:
        return stack
    assert isinstance(text, str), f"{logical_id} has a name that this test cannot tell"
    return text.replace("${AWS::StackName}", stack).replace("${AWS::Region}", REGION)


def test_no_name_is_so_long_that_cloudformation_cuts_it(bot: dict[str, Any]) -> None:
    pattern = yaml_parse(TEMPLATE.read_text())["Parameters"]["StackName"]["AllowedPattern"]
    longest = "a" * 32
    assert re.fullmatch(pattern, longest)
    assert not re.fullmatch(pattern, longest + "a")
    for kind in ("AWS::Lambda::Function", "AWS::IAM::Role", "AWS::SQS::Queue"):
        for logical_id in resources(bot, kind):
            assert len(physical_name(logical_id, None, longest)) <= 64, logical_id


@pytest.mark.parametrize("stack", ["gidgetlambda-staging", "other"])
def test_the_execution_role_reaches_nothing_of_another_stack(
    deployed: Deployed, bot: dict[str, Any], stack: str
) -> None:
    for kind, (prefix, action) in ARNS.items():
        for logical_id, properties in resources(bot, kind).items():
            given = next((properties[key] for key in NAME_PROPERTIES if key in properties), None)
            name = physical_name(logical_id, given, stack)
            assert not allows(deployed.execution, action, prefix + name), f"{name} is in reach"


def test_the_execution_role_maps_queues_to_the_stacks_functions_only(deployed: Deployed) -> None:
    functions = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
    mapping = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:14e0db71"
    for name, allowed in {
        "gidgetlambda-WorkFunction-AB12": True,
        "gidgetlambda-staging-WorkFunction-AB12": False,
        "other": False,
    }.items():
        of = {"lambda:FunctionArn": f"{functions}:{name}"}
        assert allows(deployed.execution, "lambda:CreateEventSourceMapping", "*", of) is allowed
        assert allows(deployed.execution, "lambda:DeleteEventSourceMapping", mapping, of) is allowed


def test_the_execution_role_opens_a_function_to_apis_only(deployed: Deployed) -> None:
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gidgetlambda-ReceiveFunction-AB12"
    by = "lambda:Principal"
    add = "lambda:AddPermission"
    assert allows(deployed.execution, add, function, {by: "apigateway.amazonaws.com"})
    assert not allows(deployed.execution, add, function, {by: "*"})
    assert not allows(deployed.execution, add, function, {by: "210987654321"})


# How it is kept from rising


def test_a_role_is_made_and_given_rights_within_the_boundary_only(deployed: Deployed) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/gidgetlambda-WorkRole-1A2B3C4D5E6F"
    within = {"iam:PermissionsBoundary": deployed.outputs["PermissionsBoundary"]}
    without = {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}
    for action in ("CreateRole", "PutRolePolicy", "PutRolePermissionsBoundary"):
        assert allows(deployed.execution, f"iam:{action}", role, within)
        assert not allows(deployed.execution, f"iam:{action}", role, without)
        assert not allows(deployed.execution, f"iam:{action}", role)
    for action in ("AttachRolePolicy", "DeleteRolePermissionsBoundary"):
        assert not allows(deployed.execution, f"iam:{action}", role, within)


def test_no_role_changes_what_bounds_it(deployed: Deployed) -> None:
    within = {"iam:PermissionsBoundary": deployed.outputs["PermissionsBoundary"]}
    for arn in (deployed.outputs["DeployRoleArn"], deployed.outputs["ExecutionRoleArn"]):
        for action in ("PutRolePolicy", "UpdateAssumeRolePolicy", "DeleteRole", "PassRole"):
            assert not allows(deployed.execution, f"iam:{action}", arn, within)
    for action in ("CreatePolicyVersion", "DeletePolicy", "SetDefaultPolicyVersion"):
        assert not allows(
            deployed.execution, f"iam:{action}", deployed.outputs["PermissionsBoundary"]
        )


def test_every_role_of_the_bot_takes_the_boundary(bot: dict[str, Any]) -> None:
    for name, role in resources(bot, "AWS::IAM::Role").items():
        assert {"Ref": "PermissionsBoundary"} in role["PermissionsBoundary"]["Fn::If"], name


def test_the_boundary_leaves_the_bots_own_roles_what_they_need(
    deployed: Deployed, bot: dict[str, Any]
) -> None:
    within = {action for one in deployed.boundary for action in listed(one["Action"])}
    for name, role in resources(bot, "AWS::IAM::Role").items():
        beyond = set(allowed_actions(role.get("Policies", []))) - within
        assert not beyond, f"{name} needs {sorted(beyond)} in the boundary"


def allowed_actions(node: Any) -> Iterator[str]:
    """The actions of every allowance in a policy, the alternatives of conditions included."""
    if isinstance(node, dict):
        if node.get("Effect") == "Allow":
            yield from listed(node["Action"])
            return
        node = list(node.values())
    if isinstance(node, list):
        for one_of_them in node:
            yield from allowed_actions(one_of_them)


def test_no_allowance_is_wider_than_aws_demands(deployed: Deployed) -> None:
    reaching = set()
    for statement in deployed.allowances:
        for action in listed(statement["Action"]):
            service, _, name = action.partition(":")
            assert name, f"{action} in {statement['Sid']}"
            assert "*" not in name, f"{action} in {statement['Sid']}"
            assert service != "*", f"{action} in {statement['Sid']}"
        if not all(ends_at_the_stack(arn, deployed) for arn in listed(statement["Resource"])):
            reaching.add(statement["Sid"])
    assert reaching == set(REACHES_FURTHER)


def ends_at_the_stack(arn: str, deployed: Deployed) -> bool:
    packages = f"arn:aws:s3:::{deployed.outputs['DeployBucket']}/*"
    return arn in (SAM, SERVICE_LINKED_ROLE, packages) or "gidgetlambda" in arn
