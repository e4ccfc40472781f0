"""template.yaml with its parameters filled in: the properties that CloudFormation would see.

It resolves the intrinsic functions that the template uses, and raises on another one. The names of
resources that nobody creates here (a log group's ARN, say) are invented.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from samtranslator.plugins.globals.globals import Globals
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"

_PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::NoValue": None,
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "bot",
    "AWS::URLSuffix": "amazonaws.com",
}

NameOf = Callable[[str, str | None], str | None]


def read(parameters: Mapping[str, str]) -> "Template":
    """Return this project's template."""
    return Template(TEMPLATE.read_text(), parameters)


class Template:
    """A template with its parameters.

    Args:
        text: The template, as YAML.
        parameters: The parameters that differ from their defaults.

    Raises:
        KeyError: The template does not have a parameter, or a parameter has no value.
    """

    def __init__(self, text: str, parameters: Mapping[str, str]) -> None:
        self._template: dict[str, Any] = yaml_parse(text)
        declared: dict[str, Any] = self._template.get("Parameters", {})
        if unknown := parameters.keys() - declared.keys():
            raise KeyError(f"the template has no parameter {', '.join(sorted(unknown))}")
        self._values = _PSEUDO_PARAMETERS | {
            name: parameters[name] if name in parameters else parameter["Default"]
            for name, parameter in declared.items()
        }

    @property
    def resources(self) -> dict[str, str]:
        """The resources whose condition holds, each with its type."""
        return {
            name: resource["Type"]
            for name, resource in self._template["Resources"].items()
            if "Condition" not in resource or self._holds(resource["Condition"])
        }

    def properties(self, resource: str, name_of: NameOf) -> dict[str, Any]:
        """Return a resource's properties, resolved.

        Args:
            resource: The logical name.
            name_of: Returns the `!GetAtt` of a resource, or its `!Ref` for the attribute `None`, or
                `None` to have it invented.
        """
        known = self.resources
        if resource not in known:
            raise KeyError(f"the template makes no {resource} with these parameters")

        def name(logical_id: str, attribute: str | None) -> str:
            if logical_id not in known:
                raise KeyError(f"{resource} names {logical_id}, which is not made")
            return name_of(logical_id, attribute) or _invented(logical_id, attribute)

        written = self._template["Resources"][resource].get("Properties", {})
        merged = Globals(self._template).merge(known[resource], written)
        return dict(self._resolve(merged, name))

    def _holds(self, condition: str) -> bool:
        return bool(self._resolve(self._template["Conditions"][condition], _invented))

    def _resolve(self, value: Any, name: NameOf) -> Any:
        """Resolve a value and those in it, without items that are `AWS::NoValue`."""
        if isinstance(value, list):
            return [one for one in (self._resolve(one, name) for one in value) if one is not None]
        if not isinstance(value, dict):
            return value
        match list(value.items()):
            case [("Ref", to)]:
                return self._values[to] if to in self._values else name(to, None)
            case [("Condition", str(condition))]:
                return self._holds(condition)
            case [("Fn::If", [condition, yes, no])]:
                return self._resolve(yes if self._holds(condition) else no, name)
            case [("Fn::GetAtt", [logical_id, attribute])]:
                return name(logical_id, attribute)
            case [("Fn::Sub", argument)]:
                return self._substitute(argument, name)
            case [(key, argument)] if key.startswith("Fn::"):
                return _call(key, self._resolve(argument, name))
        pairs = ((key, self._resolve(one, name)) for key, one in value.items())
        return {key: one for key, one in pairs if one is not None}

    def _substitute(self, argument: Any, name: NameOf) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})
        known = self._values | self._resolve(given, name)

        def value(match: re.Match[str]) -> str:
            to, _, attribute = match[1].partition(".")
            return str(known[match[1]] if match[1] in known else name(to, attribute or None))

        return re.sub(r"\$\{([^!{}][^{}]*)\}", value, text)


def _call(function: str, values: list[Any]) -> Any:
    match function, values:
        case "Fn::And", _:
            return all(values)
        case "Fn::Or", _:
            return any(values)
        case "Fn::Not", [value]:
            return not value
        case "Fn::Equals", [one, other]:
            return str(one) == str(other)
        case "Fn::Join", [delimiter, parts]:
            return delimiter.join(parts.split(",") if isinstance(parts, str) else parts)
    raise NotImplementedError(f"{function} is not resolved here: add it")


def _invented(logical_id: str, attribute: str | None) -> str:
    arn = f"arn:aws:test:eu-west-1:123456789012:{logical_id}:{attribute}"
    return arn if attribute else logical_id
