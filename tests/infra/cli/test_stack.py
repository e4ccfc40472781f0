"""Where the deployed bot is: found as its owner names it, against moto's CloudFormation."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from infra.cli import app
from infra.cli.failure import Failure
from infra.cli.stack import Stack

WEBHOOK_URL = "https://abc.execute-api.eu-west-1.amazonaws.com/webhook"
QUEUES = {
    "ParkedQueue": {
        "Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": "parked.fifo", "FifoQueue": True},
    },
    "TaskQueue": {
        "Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": "tasks.fifo", "FifoQueue": True},
    },
}
TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
OUTPUTS = {"WebhookUrl": {"Value": WEBHOOK_URL}}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of moto's server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def account(moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty account, and a folder without samconfig.toml."""
    for name in tuple(os.environ):
        if name.startswith(("AWS_", "GIDGETLAMBDA_")):
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.chdir(tmp_path)
    httpx.post(f"{moto}/moto-api/reset", trust_env=False).raise_for_status()


def deploy(name: str, *, region: str = "eu-west-1", queued: bool = True) -> None:
    template = {"Resources": QUEUES if queued else TOPIC, "Outputs": OUTPUTS if queued else {}}
    client = boto3.client("cloudformation", region_name=region)
    client.create_stack(StackName=name, TemplateBody=json.dumps(template))


def test_a_stack_tells_its_queues_and_its_webhook_url() -> None:
    deploy("bot")
    stack = Stack.named("bot")
    queue, parked = stack.queue_urls()
    assert queue.endswith("/tasks.fifo")
    assert parked.endswith("/parked.fifo")
    assert stack.webhook_url() == WEBHOOK_URL


def test_the_stack_is_named_by_option_environment_samconfig_or_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Stack.named(None).name == "gidgetlambda"
    Path("samconfig.toml").write_text('[default.global.parameters]\nstack_name = "common"\n')
    assert Stack.named(None).name == "common"
    Path("samconfig.toml").write_text(
        '[default.global.parameters]\nstack_name = "common"\n'
        '[default.deploy.parameters]\nstack_name = "deployed"\nregion = "us-east-2"\n'
    )
    assert Stack.named(None) == Stack("deployed", "us-east-2")
    monkeypatch.setenv("GIDGETLAMBDA_STACK", "of-environment")
    assert Stack.named(None).name == "of-environment"
    assert Stack.named("of-option").name == "of-option"


def test_the_region_is_that_of_samconfig_unless_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy("bot", region="us-east-2")
    Path("samconfig.toml").write_text('[default.deploy.parameters]\nregion = "us-east-2"\n')
    with pytest.raises(Failure, match="there is no stack bot"):
        Stack.named("bot").webhook_url()
    monkeypatch.delenv("AWS_REGION")
    assert Stack.named("bot").webhook_url() == WEBHOOK_URL


@pytest.mark.parametrize("text", ["stack_name =", "\x00", "default = 3", "default = {deploy = 1}"])
def test_a_samconfig_that_cannot_be_read_is_told(text: str) -> None:
    Path("samconfig.toml").write_text(text)
    with pytest.raises(Failure, match=r"samconfig\.toml cannot be read"):
        Stack.named(None)


def test_a_stack_that_is_not_there_is_told() -> None:
    for ask in (Stack.named("other").queue_urls, Stack.named("other").webhook_url):
        with pytest.raises(Failure, match="there is no stack other in this account and region"):
            ask()


def test_a_stack_without_queues_is_told() -> None:
    deploy("inline", queued=False)
    with pytest.raises(Failure, match="Mode=inline"):
        Stack.named("inline").queue_urls()
    with pytest.raises(Failure, match="no output WebhookUrl"):
        Stack.named("inline").webhook_url()


def test_parked_tasks_are_those_of_the_stack() -> None:
    deploy("bot")
    _, parked = Stack.named("bot").queue_urls()
    boto3.client("sqs", region_name="eu-west-1").send_message(
        QueueUrl=parked, MessageBody="hello", MessageGroupId="g", MessageDeduplicationId="1"
    )
    result = CliRunner().invoke(app, ["parked", "list", "--stack", "bot"])
    assert result.exit_code == 0, result.output
    assert "(no task)" in result.stdout
    missing = CliRunner().invoke(app, ["parked", "list"])
    assert missing.exit_code == 1
    assert "there is no stack gidgetlambda" in missing.stderr
