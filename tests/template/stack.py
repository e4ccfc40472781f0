"""template.yaml as CloudFormation receives it: expanded by SAM's transform, with parameters.

Nothing is deployed: a reference to a resource is its name, such as `TaskQueue` or `TaskQueue.Arn`.
`test_deployed` deploys the template.
"""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from boto3.session import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from infra.testing.iam import listed
from infra.testing.template import Template

ROOT = Path(__file__).parents[2]
REGION = "eu-west-1"
BUCKET, KEY = "packages", "package.zip"
SECRETS = {
    "AccessToken": "the-bots-own-token",
    "WebhookSecret": "the-webhook-secret",
    "SigningToken": "whsec_c2lnbmluZw==",
}
VPC = {"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"}

Resource = dict[str, Any]


def written_template() -> Resource:
    """Return the template as the file contains it."""
    return dict(yaml_parse((ROOT / "template.yaml").read_text()))


def expanded_template() -> Resource:
    """Return the template after SAM's transform, without parameters."""
    template = written_template()
    # The transform runs after `sam package` has uploaded the code.
    template["Globals"]["Function"]["CodeUri"] = {"Bucket": BUCKET, "Key": KEY}
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    return dict(translator.translate(template, parameter_values={}))


class TemplateStack:
    """The resources of an expanded template with certain parameters.

    Args:
        template: An expanded template.
        parameters: Values of parameters; secrets that are left out have a value from `SECRETS`.
    """

    def __init__(self, template: Resource, **parameters: str) -> None:
        # `Template` resolves resources only; outputs have conditions and values like resources.
        template = copy.deepcopy(template)
        for name, output in template["Outputs"].items():
            template["Resources"][f"Output{name}"] = {
                **output,
                "Type": "Output",
                "Properties": {"Value": output["Value"]},
            }
        self._template = Template(json.dumps(template), {**SECRETS, **parameters})

    @property
    def resources(self) -> dict[str, str]:
        """The type of each resource, by name."""
        every = self._template.resources
        return {name: kind for name, kind in every.items() if kind != "Output"}

    def named(self, kind: str) -> set[str]:
        """Return the names of all resources of one type, such as `AWS::SQS::Queue`."""
        return {name for name, its in self._template.resources.items() if its == kind}

    def properties(self, name: str) -> Resource:
        return self._template.properties(name, lambda to, part: f"{to}.{part}" if part else to)

    def of(self, kind: str) -> dict[str, Resource]:
        """Return the properties of all resources of one type, by name."""
        return {name: self.properties(name) for name in sorted(self.named(kind))}

    @property
    def outputs(self) -> dict[str, str]:
        """The values of the stack's outputs."""
        return {
            name.removeprefix("Output"): properties["Value"]
            for name, properties in self.of("Output").items()
        }

    def variables(self, function: str) -> dict[str, str]:
        environment: dict[str, str] = self.properties(function)["Environment"]["Variables"]
        return environment

    def statements(self, function: str) -> list[Resource]:
        """Return all policy statements of a function's role."""
        role = self.properties(self.properties(function)["Role"].removesuffix(".Arn"))
        assert "ManagedPolicyArns" not in role
        return [
            statement
            for policy in role["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def granted(self, function: str) -> dict[str, set[str]]:
        """Return the actions that a function is allowed, by resource."""
        allowed: dict[str, set[str]] = defaultdict(set)
        for statement in self.statements(function):
            if statement["Effect"] == "Allow":
                allowed[statement["Resource"]] |= set(listed(statement["Action"]))
        return allowed
