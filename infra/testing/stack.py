"""A stack's queues, roles and functions, made from the template on the stand-in for SQS."""

import json
from pathlib import Path
from typing import Any

from .functions import Function, FunctionProcess
from .poller import Poller
from .sqs import Policy, Principal, Sqs
from .template import Template


class FunctionStack:
    """The queues, roles and functions of a template, each made when it is first needed."""

    def __init__(self, sqs: Sqs, template: Template) -> None:
        self.sqs = sqs
        self._template = template
        self._queues: dict[str, str] = {}
        self._roles: dict[str, Principal] = {}

    def queue(self, name: str = "TaskQueue") -> str:
        """Return the URL of a queue, by its logical name."""
        if name not in self._queues:
            properties = self.properties(name)
            properties.pop("Tags", None)
            attributes = {key: _attribute(value) for key, value in properties.items()}
            self._queues[name] = self.sqs.create_queue(f"{name}.fifo", **attributes)
        return self._queues[name]

    @property
    def parked_queue(self) -> str:
        return self.queue("ParkedQueue")

    def role(self, name: str) -> Principal:
        """Return a role, by its logical name, with the policies that the template gives it."""
        if name not in self._roles:
            policies = self.properties(name).get("Policies", ())
            statements = [
                one for policy in policies for one in policy["PolicyDocument"]["Statement"]
            ]
            self._roles[name] = self.sqs.add_role(name, Policy(tuple(statements)))
        return self._roles[name]

    def properties(self, name: str) -> dict[str, Any]:
        return self._template.properties(name, self._name_of)

    def environment(self, name: str, **changes: str) -> dict[str, str]:
        """Return a function's environment: its variables, its role's keys, the address of SQS."""
        properties = self.properties(name)
        variables: dict[str, Any] = properties.get("Environment", {}).get("Variables", {})
        return {
            **self.sqs.environment(self.role(properties["Role"])),
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(properties["Timeout"]),
            "AWS_LAMBDA_LOG_LEVEL": properties["LoggingConfig"]["ApplicationLogLevel"],
            **{key: str(value) for key, value in variables.items()},
            **changes,
        }

    def function(
        self, name: str, *, handler: str, log: Path | None = None, **changes: str
    ) -> FunctionProcess:
        """Return a function in a process of its own, with another handler and other variables."""
        return FunctionProcess(handler, self.environment(name, **changes), log)

    def poller(self, function: Function) -> Poller:
        """Return the event source mapping from the task queue to a function, in its role."""
        role = self.role(self.properties("WorkFunction")["Role"])
        return Poller(self.sqs, role, self.queue(), function)

    def _name_of(self, logical_id: str, attribute: str | None) -> str | None:
        kind = self._template.resources[logical_id]
        if kind == "AWS::SQS::Queue":
            url = self.queue(logical_id)
            return {None: url, "Arn": self.sqs.arn(url)}.get(attribute)
        return logical_id if kind == "AWS::IAM::Role" else None


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)
