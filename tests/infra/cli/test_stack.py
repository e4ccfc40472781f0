"""The stack of the deployed bot and its outputs, with moto's CloudFormation."""

import json
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from typer.testing import Result

from infra.cli.console import Failure
from infra.cli.stack import DeployedStack

WEBHOOK_URL = "https://abc.execute-api.eu-west-1.amazonaws.com/webhook"
QUEUES = {
    name: {
        "Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": f"{name}.fifo", "FifoQueue": True},
    }
    for name in ("TaskQueue", "ParkedQueue")
}
OUTPUTS = {
    "WebhookUrl": {"Value": WEBHOOK_URL},
    "TaskQueueUrl": {"Value": {"Ref": "TaskQueue"}},
    "ParkedQueueUrl": {"Value": {"Ref": "ParkedQueue"}},
}


@pytest.fixture(autouse=True)
def account(
    invoke: Callable[..., Result], moto_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Provide an empty AWS account."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server)


def deploy(name: str, *, region: str = "eu-west-1", mode: str = "queued") -> None:
    template = {"Resources": QUEUES, "Outputs": OUTPUTS if mode == "queued" else {}}
    client = boto3.client("cloudformation", region_name=region)
    client.create_stack(StackName=name, TemplateBody=json.dumps(template))


def test_the_project_template_has_the_outputs() -> None:
    template = (Path(__file__).parents[3] / "template.yaml").read_text(encoding="utf-8")
    for name in OUTPUTS:
        assert f"\n  {name}:\n" in template.partition("\nOutputs:")[2]


def outputs(stack: str, *names: str) -> list[str]:
    return DeployedStack.named(stack).outputs(*names, alternative="Or name it.")


def test_commands_use_the_queues_of_a_stack(invoke: Callable[..., Result]) -> None:
    deploy("bot")
    tasks, parked = outputs("bot", "TaskQueueUrl", "ParkedQueueUrl")
    assert tasks.endswith("/TaskQueue.fifo")
    boto3.client("sqs", region_name="eu-west-1").send_message(
        QueueUrl=parked, MessageBody="hello", MessageGroupId="g", MessageDeduplicationId="1"
    )
    result = invoke("parked", "list", "--stack", "bot")
    assert result.exit_code == 0, result.output
    assert "(not a task)" in result.stdout


def test_the_name_comes_from_the_option_the_environment_or_samconfig(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert DeployedStack.named(None).name == "gidgetlambda"
    common = '[default.global.parameters]\nstack_name = "common"\n'
    Path("samconfig.toml").write_text(common)
    assert DeployedStack.named(None).name == "common"
    deployed = '[default.deploy.parameters]\nstack_name = "deployed"\nregion = "us-east-2"\n'
    Path("samconfig.toml").write_text(common + deployed)
    assert DeployedStack.named(None) == DeployedStack("deployed", "us-east-2")
    monkeypatch.setenv("GIDGETLAMBDA_STACK", "environment")
    assert DeployedStack.named(None).name == "environment"
    assert DeployedStack.named("option").name == "option"


def test_the_region_comes_from_the_environment_or_samconfig(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy("bot", region="us-east-2")
    Path("samconfig.toml").write_text('[default.deploy.parameters]\nregion = "us-east-2"\n')
    with pytest.raises(Failure, match=r"bot does not exist.* check AWS_PROFILE.* Or name it\."):
        outputs("bot", "WebhookUrl")
    monkeypatch.delenv("AWS_REGION")
    assert outputs("bot", "WebhookUrl") == [WEBHOOK_URL]


@pytest.mark.parametrize("text", ["stack_name =", "\x00", "default = 3", "default = {deploy = 1}"])
def test_reports_a_samconfig_that_is_not_valid(text: str) -> None:
    Path("samconfig.toml").write_text(text)
    with pytest.raises(Failure, match=r"samconfig\.toml cannot be read"):
        DeployedStack.named(None)


def test_reports_missing_outputs() -> None:
    deploy("inline", mode="inline")
    with pytest.raises(Failure, match=r"Mode=inline.* Or name it\."):
        outputs("inline", "TaskQueueUrl")
