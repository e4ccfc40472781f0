"""template.yaml as CloudFormation gets it: expanded by SAM's own transform, its conditions decided.

Nothing is deployed here: a reference to a resource reads as its name, `TaskQueue` or
`TaskQueue.Arn`. What moto makes of the template is in `test_deployed`.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from boto3.session import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from infra.testing.template import Template

ROOT = Path(__file__).parents[2]
REGION = "eu-west-1"
BUCKET, KEY = "packages", "package.zip"
SECRETS = {
    "AccessToken": "the-access-token",
    "WebhookSecret": "the-webhook-secret",
    "SigningToken": "whsec_c2lnbmluZw==",
}
VPC = {"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"}

Resource = dict[str, Any]


def written() -> Resource:
    """The template as it stands in the file."""
    return dict(yaml_parse((ROOT / "template.yaml").read_text()))


def expanded() -> Resource:
    """The template after SAM's transform, its conditions still open."""
    template = written()
    # The transform runs after `sam package` has put the code into a bucket.
    template["Globals"]["Function"]["CodeUri"] = {"Bucket": BUCKET, "Key": KEY}
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    return dict(translator.translate(template, parameter_values={}))


class Stack:
    """What CloudFormation would make of an expanded template with certain parameters.

    Secrets that are not given have a value all the same, since the template asks for them.
    """

    def __init__(self, template: Resource, **parameters: str) -> None:
        # JSON is YAML; outputs have conditions and values as resources do.
        template = copy.deepcopy(template)
        for name, output in template["Outputs"].items():
            condition = {key: output[key] for key in ("Condition",) if key in output}
            template["Resources"][f"Output{name}"] = {
                "Type": "Output",
                "Properties": {"Value": output["Value"]},
                **condition,
            }
        self._template = Template(json.dumps(template), {**SECRETS, **parameters})

    @property
    def resources(self) -> dict[str, str]:
        """The names of what is made, each with its type."""
        made = self._template.resources
        return {name: kind for name, kind in made.items() if kind != "Output"}

    def named(self, kind: str) -> set[str]:
        """The names of all of one type, such as `AWS::SQS::Queue`."""
        return {name for name, its in self._template.resources.items() if its == kind}

    def properties(self, name: str) -> Resource:
        """A resource's properties."""
        return self._template.properties(name, lambda to, part: f"{to}.{part}" if part else to)

    def of(self, kind: str) -> dict[str, Resource]:
        """The properties of all of one type, by name."""
        return {name: self.properties(name) for name in sorted(self.named(kind))}

    @property
    def outputs(self) -> dict[str, str]:
        """What the stack tells."""
        return {
            name.removeprefix("Output"): properties["Value"]
            for name, properties in self.of("Output").items()
        }

    def variables(self, function: str) -> dict[str, str]:
        """A function's environment."""
        environment: dict[str, str] = self.properties(function)["Environment"]["Variables"]
        return environment

    def statements(self, function: str) -> list[Resource]:
        """All statements of the role that a function has."""
        role = self.properties(self.properties(function)["Role"].removesuffix(".Arn"))
        assert "ManagedPolicyArns" not in role
        return [
            statement
            for policy in role["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def granted(self, function: str) -> dict[str, set[str]]:
        """For each resource what a function may do with it."""
        allowed: dict[str, set[str]] = {}
        for statement in self.statements(function):
            if statement["Effect"] == "Allow":
                actions = statement["Action"]
                of = allowed.setdefault(statement["Resource"], set())
                of |= {actions} if isinstance(actions, str) else set(actions)
        return allowed
