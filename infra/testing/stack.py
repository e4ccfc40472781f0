"""A stack's queues, roles and functions, made from the template on the stand-in for SQS.

What runs is the functions' code in processes of their own (`functions`), each with the environment
and the role that the template gives it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .functions import FunctionProcess
from .poller import Poller
from .sqs import Policy, Principal, Sqs
from .template import Template


@dataclass(frozen=True)
class Spec:
    """A function as the template describes it.

    timeout: in seconds.
    log_level: below which Lambda takes lines away.
    """

    handler: str
    environment: Mapping[str, str]
    timeout: float
    role: Principal
    log_level: str


class Stack:
    """What the template makes of queues, roles and functions.

    Args:
        sqs: where the queues are made.
        template: with its parameters.
    """

    def __init__(self, sqs: Sqs, template: Template) -> None:
        self.sqs = sqs
        self._template = template
        self._queues: dict[str, str] = {}
        self._roles: dict[str, Principal] = {}

    def queue(self, name: str = "TaskQueue") -> str:
        """A queue's URL, by its logical name; it is made when first asked for."""
        if name not in self._queues:
            properties = self._template.properties(name, self._name_of)
            properties.pop("Tags", None)
            given = properties.pop("QueueName", None)
            fifo = ".fifo" if properties.get("FifoQueue") else ""
            attributes = {key: _attribute(value) for key, value in properties.items()}
            self._queues[name] = self.sqs.create_queue(given or f"{name}{fifo}", **attributes)
        return self._queues[name]

    @property
    def parked_queue(self) -> str:
        return self.queue("ParkedQueue")

    def role(self, name: str) -> Principal:
        """A role, by its logical name, with the policies that the template gives it."""
        if name not in self._roles:
            properties = self._template.properties(name, self._name_of)
            documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
            self._roles[name] = self.sqs.add_role(name, Policy.of(documents))
        return self._roles[name]

    def spec(self, name: str) -> Spec:
        """A function, by its logical name."""
        properties = self._template.properties(name, self._name_of)
        role = self.role(properties["Role"].removeprefix("role:"))
        variables: dict[str, Any] = properties.get("Environment", {}).get("Variables", {})
        return Spec(
            handler=properties["Handler"],
            environment={key: str(value) for key, value in variables.items()},
            timeout=float(properties["Timeout"]),
            role=role,
            log_level=properties["LoggingConfig"]["ApplicationLogLevel"],
        )

    def environment(self, name: str, **changes: str) -> dict[str, str]:
        """A function's whole environment: its variables, its role's keys, where SQS is."""
        spec = self.spec(name)
        return {
            **self.sqs.environment(spec.role),
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": f"{spec.timeout:g}",
            "AWS_LAMBDA_LOG_LEVEL": spec.log_level,
            **spec.environment,
            **changes,
        }

    def function(
        self, name: str, *, handler: str = "", log: Path | None = None, **changes: str
    ) -> FunctionProcess:
        """A function in a process of its own.

        Args:
            handler: instead of the template's.
            log: a file for what it prints.
            changes: of its environment variables.
        """
        spec = self.spec(name)
        extra: dict[str, Any] = {"log": log} if log else {}
        return FunctionProcess(
            handler or spec.handler,
            self.environment(name, **changes),
            timeout=spec.timeout,
            **extra,
        )

    def poller(self, function: Any, name: str = "WorkFunction") -> Poller:
        """What feeds the queue's messages to a function, in the role of the work function."""
        return Poller(self.sqs, self.spec(name).role, self.queue(), function)

    def _name_of(self, logical_id: str, attribute: str | None) -> str | None:
        kind = self._template.resources[logical_id]
        if kind == "AWS::SQS::Queue":
            url = self.queue(logical_id)
            return {None: url, "Arn": self.sqs.arn(url)}.get(attribute)
        if kind == "AWS::IAM::Role" and attribute == "Arn":
            return f"role:{logical_id}"
        return None


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)
