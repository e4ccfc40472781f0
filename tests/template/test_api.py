"""The HTTP API, the only entrance from outside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.template.stack import TemplateStack

STAGE = "HttpApiApiGatewayDefaultStage"


def test_every_path_of_the_app_leads_to_the_receiving_function(stack: TemplateStack) -> None:
    paths = stack.properties("HttpApi")["Body"]["paths"]
    assert {path: list(methods) for path, methods in paths.items()} == {
        path: ["x-amazon-apigateway-any-method"] for path in ("/", "/webhook", "/health")
    }
    for methods in paths.values():
        ((_, method),) = methods.items()
        assert "/ReceiveFunction.Arn/" in method["x-amazon-apigateway-integration"]["uri"]


def test_only_the_receiving_function_is_reachable_from_outside(stack: TemplateStack) -> None:
    permissions = stack.of("AWS::Lambda::Permission").values()
    assert {one["FunctionName"] for one in permissions} == {"ReceiveFunction"}
    assert {one["Principal"] for one in permissions} == {"apigateway.amazonaws.com"}
    assert stack.named("AWS::Lambda::Url") == set()


GITLABS_RATE = 13_000 / 60  # webhooks a second, for a namespace of gitlab.com's largest plan


def test_the_stage_has_no_prefix_but_an_access_log_and_a_throttle(stack: TemplateStack) -> None:
    stage = stack.properties(STAGE)
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    assert stage["AccessLogSettings"]["DestinationArn"] == "AccessLog.Arn"
    # GitLab counts a 429 as a failure of the webhook.
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > GITLABS_RATE


def test_access_log_lines_are_json_without_headers_or_query(stack: TemplateStack) -> None:
    line = json.loads(stack.properties(STAGE)["AccessLogSettings"]["Format"])
    assert {"path", "status", "method", "error"} <= line.keys()
    assert not any("header" in value.lower() or "query" in value.lower() for value in line.values())


def test_the_outputs_contain_the_urls_of_the_app(stack: TemplateStack) -> None:
    base = "https://HttpApi.execute-api.eu-west-1.amazonaws.com"
    assert stack.outputs["WebhookUrl"] == f"{base}/webhook"
    assert stack.outputs["HealthUrl"] == f"{base}/health"
