"""The roles in infra/deploy-role.yaml: who may assume them, and what they may do."""

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

from infra.testing.iam import allows, listed
from tests.template.stack import Resource, expanded_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.testing.iam import Statement

TEMPLATE = Path(__file__).parents[2] / "infra" / "deploy-role.yaml"
ACCOUNT, REGION = "123456789012", "eu-west-1"
HERE = f"{REGION}:{ACCOUNT}"
STACKS = f"arn:aws:cloudformation:{HERE}:stack"
ROLES = f"arn:aws:iam::{ACCOUNT}:role"
SAM = f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31"
SERVICE_LINKED_ROLE = (
    f"{ROLES}/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"
)

# moto does not create bucket policies, and warns about them.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..S3..BucketPolicy:UserWarning")

# The actions that CloudFormation needs for each type of resource: the permissions of the handlers
# in the type's schema (`aws cloudformation describe-type --type RESOURCE --type-name ...`), without
# those for properties that the template does not use.
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
    "AWS::Logs::MetricFilter": "logs: DeleteMetricFilter DescribeMetricFilters PutMetricFilter",
    "AWS::Logs::QueryDefinition": (
        "logs: DeleteQueryDefinition DescribeQueryDefinitions PutQueryDefinition"
    ),
    "AWS::SNS::Subscription": (
        "sns: GetSubscriptionAttributes SetSubscriptionAttributes Subscribe Unsubscribe"
    ),
    "AWS::SNS::Topic": (
        "sns: CreateTopic DeleteTopic GetDataProtectionPolicy GetTopicAttributes "
        "ListSubscriptionsByTopic ListTagsForResource SetTopicAttributes Subscribe TagResource "
        "UntagResource Unsubscribe"
    ),
    "AWS::SQS::QueuePolicy": "sqs: GetQueueAttributes SetQueueAttributes",
    "AWS::SQS::Queue": (
        "sqs: CreateQueue DeleteQueue GetQueueAttributes ListQueueTags SetQueueAttributes TagQueue "
        "UntagQueue"
    ),
}

# Every allowance that is not limited to the stack's own resources, and the reason.
UNLIMITED = {
    "Mappings": "a mapping's id is random; the condition on the function limits it to the stack",
    "ReadAndTagMappings": "a mapping's id is random, and its tags and content are no secret",
    "Apis": "an API's id is random, and no condition identifies its stack",
    "ListLogs": "DescribeLogGroups takes no name",
    "AccessLogs": "API Gateway's documentation requires these without a resource",
    "SavedQueries": "a saved query's id is random, and these actions take no resource",
    "ListAlarms": "DescribeAlarms takes no name",
    "Subscriptions": "these take no topic",
    "LookAtNetworks": "EC2's Describe actions take no resource",
    "JoinNetworks": "Lambda's documentation requires these without a resource",
}


@dataclass(frozen=True)
class DeployRoles:
    """The deployed template: its outputs and the statements of its policies.

    Attributes:
        trust: The statement that decides who may assume the pipeline's role.
    """

    outputs: dict[str, str]
    trust: Statement
    deploy: list[Statement]
    execution: list[Statement]
    boundary: list[Statement]


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        yield


@pytest.fixture(scope="module")
def deployed(aws: None) -> DeployRoles:
    return deploy(ProjectPath="bots/triage", StackName="gidgetlambda")


def deploy(**parameters: str) -> DeployRoles:
    """Deploy the template with an existing provider, because moto's CloudFormation creates none."""
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
    boundary = iam.get_policy_version(PolicyArn=outputs["PermissionsBoundary"], VersionId="v1")
    (trust,) = trust_of(outputs["DeployRoleArn"])
    return DeployRoles(
        outputs,
        trust,
        deploy=inline_policy(outputs["DeployRoleArn"]),
        execution=inline_policy(outputs["ExecutionRoleArn"]),
        boundary=statements(boundary["PolicyVersion"]["Document"]),
    )


def trust_of(role_arn: str) -> list[Statement]:
    role = boto3.client("iam").get_role(RoleName=role_arn.rpartition("/")[2])["Role"]
    return statements(role["AssumeRolePolicyDocument"])


def inline_policy(role_arn: str) -> list[Statement]:
    iam, name = boto3.client("iam"), role_arn.rpartition("/")[2]
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return statements(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])


def statements(document: Any) -> list[Statement]:
    # moto returns the policies that CloudFormation created as Python source.
    parsed: Any = ast.literal_eval(document) if isinstance(document, str) else document
    return list(parsed["Statement"])


@pytest.fixture(scope="module")
def bot() -> Resource:
    """Return the resources of the bot's own template, expanded."""
    resources: Resource = expanded_template()["Resources"]
    return resources


def of_type(bot: Resource, kind: str) -> Resource:
    return {name: its["Properties"] for name, its in bot.items() if its["Type"] == kind}


# Who may assume the pipeline's role


def test_only_one_branch_of_one_project_may_assume_the_pipelines_role(
    deployed: DeployRoles,
) -> None:
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


def test_a_self_managed_gitlab_may_have_a_sub_path(aws: None) -> None:
    deployed = deploy(
        GitLabUrl="https://example.com/gitlab", ProjectPath="a/b/c", Branch="release/1"
    )
    assert deployed.trust["Principal"]["Federated"].endswith(":oidc-provider/example.com/gitlab")
    assert deployed.trust["Condition"]["StringEquals"] == {
        "example.com/gitlab:aud": "https://example.com/gitlab",
        "example.com/gitlab:sub": "project_path:a/b/c:ref_type:branch:ref:release/1",
    }


def test_the_role_trusts_the_created_provider() -> None:
    resources = yaml_parse(TEMPLATE.read_text())["Resources"]
    assert resources["Provider"] == {
        "Type": "AWS::IAM::OIDCProvider",
        "Condition": "MakeProvider",
        "Properties": {"Url": {"Ref": "GitLabUrl"}, "ClientIdList": [{"Ref": "GitLabUrl"}]},
    }
    trust = resources["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]
    _, values = trust["Fn::Sub"]
    created, existing = {"Fn::GetAtt": ["Provider", "Arn"]}, {"Ref": "ExistingProviderArn"}
    assert values["Provider"] == {"Fn::If": ["MakeProvider", created, existing]}


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
def test_no_parameter_can_widen_the_trust(parameter: str, value: str) -> None:
    pattern = yaml_parse(TEMPLATE.read_text())["Parameters"][parameter]["AllowedPattern"]
    assert re.fullmatch(pattern, value) is None


# What the roles may do. In the tables, {Name} is an output of the stack.

OURS = f"{STACKS}/gidgetlambda/6ba7b810"
OTHERS = [f"{STACKS}/{name}/1" for name in ("other", "gidgetlambda-staging", "gidgetlambda-deploy")]
BY_EXECUTION_ROLE = {"cloudformation:RoleArn": "{ExecutionRoleArn}"}
TO_CLOUDFORMATION = {"iam:PassedToService": "cloudformation.amazonaws.com"}
PACKAGE = "arn:aws:s3:::{DeployBucket}/0f343b0931126a20f133d67c2b018a3b"
FUNCTIONS = f"arn:aws:lambda:{HERE}:function"
FUNCTION = f"{FUNCTIONS}:gidgetlambda-ReceiveFunction-AB12"
STAGING_FUNCTION = f"{FUNCTIONS}:gidgetlambda-staging-WorkFunction-AB12"
MAPPING = f"arn:aws:lambda:{HERE}:event-source-mapping:14e0db71"
ROLE = f"{ROLES}/gidgetlambda-WorkRole-1A2B3C4D5E6F"
OWN_ROLES = ["{DeployRoleArn}", "{ExecutionRoleArn}"]
BOUNDED = {"iam:PermissionsBoundary": "{PermissionsBoundary}"}
BOUNDED_OTHERWISE = {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}

Case = tuple[str, str, dict[str, str]]


def each(
    actions: str, resources: str | list[str], context: dict[str, str] | None = None
) -> list[Case]:
    """Return the cases of several actions, as in `iam: GetRole PassRole`, on some resources."""
    return [
        (action, resource, context or {})
        for action in sorted(expand(actions))
        for resource in listed(resources)
    ]


def expand(actions: str) -> set[str]:
    return {
        f"{service}:{name}"
        for service, _, names in (part.partition(": ") for part in actions.split("; "))
        for name in names.split()
    }


PIPELINE_MAY = [
    *each("cloudformation: CreateChangeSet", OURS, BY_EXECUTION_ROLE),
    *each("cloudformation: CreateChangeSet", SAM),
    *each("cloudformation: DescribeChangeSet DescribeStackEvents DescribeStacks", OURS),
    *each("cloudformation: ExecuteChangeSet GetTemplateSummary TagResource UntagResource", OURS),
    *each("iam: PassRole", "{ExecutionRoleArn}", TO_CLOUDFORMATION),
    *each("s3: PutObject", PACKAGE),
]
PIPELINE_MAY_NOT = [
    *each("cloudformation: CreateChangeSet", OURS),
    *each("cloudformation: CreateChangeSet", OURS, {"cloudformation:RoleArn": f"{ROLES}/admin"}),
    *each("cloudformation: ExecuteChangeSet", OTHERS),
    *each("cloudformation: CreateChangeSet", OTHERS, BY_EXECUTION_ROLE),
    *each("cloudformation: DeleteStack UpdateStack SetStackPolicy", OURS),
    *each("iam: PassRole", "{ExecutionRoleArn}", {"iam:PassedToService": "lambda.amazonaws.com"}),
    *each("iam: PassRole", f"{ROLES}/admin", TO_CLOUDFORMATION),
    *each("lambda: GetFunction GetFunctionConfiguration UpdateFunctionCode", FUNCTION),
    *each("s3: PutObject", "arn:aws:s3:::elsewhere/package"),
]
EXECUTION_MAY = [
    *each("s3: GetObject", PACKAGE),
    *each("lambda: AddPermission", FUNCTION, {"lambda:Principal": "apigateway.amazonaws.com"}),
    *each("lambda: CreateEventSourceMapping", "*", {"lambda:FunctionArn": FUNCTION}),
    *each("lambda: DeleteEventSourceMapping", MAPPING, {"lambda:FunctionArn": FUNCTION}),
    *each("iam: CreateRole PutRolePolicy PutRolePermissionsBoundary", ROLE, BOUNDED),
]
EXECUTION_MAY_NOT = [
    *each("lambda: AddPermission", FUNCTION, {"lambda:Principal": "*"}),
    *each("lambda: AddPermission", FUNCTION, {"lambda:Principal": "210987654321"}),
    *each("lambda: CreateEventSourceMapping", "*", {"lambda:FunctionArn": STAGING_FUNCTION}),
    *each("lambda: DeleteEventSourceMapping", MAPPING, {"lambda:FunctionArn": STAGING_FUNCTION}),
    *each("lambda: CreateEventSourceMapping", "*", {"lambda:FunctionArn": f"{FUNCTIONS}:other"}),
    # No role gets permissions beyond the boundary.
    *each("iam: CreateRole PutRolePolicy PutRolePermissionsBoundary", ROLE),
    *each("iam: CreateRole PutRolePolicy PutRolePermissionsBoundary", ROLE, BOUNDED_OTHERWISE),
    *each("iam: AttachRolePolicy DeleteRolePermissionsBoundary", ROLE, BOUNDED),
    # The roles of the deployment and the boundary stay as they are.
    *each("iam: DeleteRole PutRolePolicy UpdateAssumeRolePolicy", OWN_ROLES, BOUNDED),
    *each("iam: PassRole", OWN_ROLES, BOUNDED),
    *each("iam: CreatePolicyVersion DeletePolicy SetDefaultPolicyVersion", "{PermissionsBoundary}"),
]


@pytest.mark.parametrize(
    ("role", "cases", "allowed"),
    [
        ("deploy", PIPELINE_MAY, True),
        ("deploy", PIPELINE_MAY_NOT, False),
        ("execution", EXECUTION_MAY, True),
        ("execution", EXECUTION_MAY_NOT, False),
    ],
    ids=["pipeline may", "pipeline may not", "execution may", "execution may not"],
)
def test_what_a_role_may_do(
    deployed: DeployRoles, role: str, cases: list[Case], allowed: bool
) -> None:
    policy: list[Statement] = getattr(deployed, role)
    for action, resource, context in cases:
        arn = resource.format(**deployed.outputs)
        values = {key: value.format(**deployed.outputs) for key, value in context.items()}
        assert allows(policy, action, arn, values) is allowed, (action, arn, values)


def test_packages_are_in_a_private_encrypted_bucket_and_do_not_expire() -> None:
    bucket = yaml_parse(TEMPLATE.read_text())["Resources"]["Packages"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    # A failed deployment rolls back to a package of any age.
    assert "Expiration" not in str(bucket["LifecycleConfiguration"])


def test_only_cloudformation_assumes_the_execution_role(deployed: DeployRoles) -> None:
    (trust,) = trust_of(deployed.outputs["ExecutionRoleArn"])
    assert trust["Principal"] == {"Service": "cloudformation.amazonaws.com"}


# The execution role and the bot's template


def test_the_execution_role_has_the_actions_that_the_template_needs(
    deployed: DeployRoles, bot: Resource
) -> None:
    kinds = {resource["Type"] for resource in bot.values()}
    unknown = kinds - set(NEEDED)
    assert not unknown, f"add the actions for {sorted(unknown)} to NEEDED"
    granted = {action for statement in deployed.execution for action in listed(statement["Action"])}
    for kind in kinds:
        missing = expand(NEEDED[kind]) - granted
        assert not missing, f"{kind} needs {sorted(missing)} in infra/deploy-role.yaml"


ARNS = {
    "AWS::Lambda::Function": (f"{FUNCTIONS}:", "lambda:GetFunction"),
    "AWS::SQS::Queue": (f"arn:aws:sqs:{HERE}:", "sqs:CreateQueue"),
    "AWS::SQS::QueuePolicy": (f"arn:aws:sqs:{HERE}:", "sqs:SetQueueAttributes"),
    "AWS::IAM::Role": (f"{ROLES}/", "iam:DeleteRole"),
    "AWS::CloudWatch::Alarm": (f"arn:aws:cloudwatch:{HERE}:alarm:", "cloudwatch:PutMetricAlarm"),
    "AWS::CloudWatch::Dashboard": (
        f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/",
        "cloudwatch:PutDashboard",
    ),
    "AWS::SNS::Topic": (f"arn:aws:sns:{HERE}:", "sns:CreateTopic"),
    "AWS::Logs::LogGroup": (f"arn:aws:logs:{HERE}:log-group:", "logs:CreateLogGroup"),
}
NAME_PROPERTIES = ("LogGroupName", "DashboardName", "AlarmName", "RoleName", "QueueName")


@pytest.mark.parametrize(
    ("stack", "allowed"),
    [("gidgetlambda", True), ("gidgetlambda-staging", False), ("other", False)],
)
def test_the_execution_role_reaches_the_resources_of_one_stack(
    deployed: DeployRoles, bot: Resource, stack: str, allowed: bool
) -> None:
    for kind, (prefix, action) in ARNS.items():
        for logical_id, properties in of_type(bot, kind).items():
            arn = prefix + physical_name(logical_id, properties, stack)
            assert allows(deployed.execution, action, arn) is allowed, arn


def test_no_name_is_so_long_that_cloudformation_truncates_it(bot: Resource) -> None:
    pattern = yaml_parse(TEMPLATE.read_text())["Parameters"]["StackName"]["AllowedPattern"]
    longest = "a" * 32
    assert re.fullmatch(pattern, longest)
    for kind in ("AWS::Lambda::Function", "AWS::IAM::Role", "AWS::SQS::Queue"):
        for logical_id in of_type(bot, kind):
            assert len(physical_name(logical_id, {}, longest)) <= 64, logical_id


def physical_name(logical_id: str, properties: Resource, stack: str) -> str:
    """Return the name in the template, or one in the form that CloudFormation generates."""
    given = next((properties[key] for key in NAME_PROPERTIES if key in properties), None)
    if given is None:
        return f"{stack}-{logical_id}-1A2B3C4D5E6F"
    text: str = given["Fn::Sub"]
    return text.replace("${AWS::StackName}", stack).replace("${AWS::Region}", REGION)


def test_every_role_of_the_bot_gets_the_boundary_and_stays_within_it(
    deployed: DeployRoles, bot: Resource
) -> None:
    within = {action for one in deployed.boundary for action in listed(one["Action"])}
    for name, role in of_type(bot, "AWS::IAM::Role").items():
        assert {"Ref": "PermissionsBoundary"} in role["PermissionsBoundary"]["Fn::If"], name
        beyond = set(allowed_actions(role["Policies"])) - within
        assert not beyond, f"{name} needs {sorted(beyond)} in the boundary"


def allowed_actions(node: Any) -> Iterator[str]:
    """Yield the actions of every allowance in a policy, under every condition."""
    if isinstance(node, dict):
        if node.get("Effect") == "Allow":
            yield from listed(node["Action"])
            return
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from allowed_actions(item)


def test_every_allowance_is_as_narrow_as_aws_permits(deployed: DeployRoles) -> None:
    limited = {SAM, SERVICE_LINKED_ROLE, f"arn:aws:s3:::{deployed.outputs['DeployBucket']}/*"}
    unlimited = set()
    for statement in (*deployed.deploy, *deployed.execution, *deployed.boundary):
        if statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                assert re.fullmatch(r"[a-z0-9-]+:\w+", action), (statement["Sid"], action)
            arns = set(listed(statement["Resource"])) - limited
            if any("gidgetlambda" not in arn for arn in arns):
                unlimited.add(statement["Sid"])
    assert unlimited == UNLIMITED.keys()
