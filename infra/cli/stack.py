"""The stack of the deployed bot, as `sam deploy` records it in samconfig.toml, and its outputs.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from . import aws
from .failure import Failure

StackName = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        help="The bot's stack. Default: GIDGETLAMBDA_STACK, else the one in samconfig.toml.",
    ),
]
_CONFIG = Path("samconfig.toml")


@dataclass(frozen=True)
class Stack:
    """A stack in AWS CloudFormation.

    Attributes:
        region: used if the environment names none; `None` leaves it to the AWS profile.
    """

    name: str
    region: str | None = None

    @classmethod
    def named(cls, name: str | None) -> "Stack":
        """The stack `name`, else the one that `GIDGETLAMBDA_STACK` or samconfig.toml names."""
        config = _config()
        name = name or os.environ.get("GIDGETLAMBDA_STACK") or config.get("stack_name")
        return cls(str(name or "gidgetlambda"), config.get("region"))

    def outputs(self, *names: str) -> list[str]:
        """The values of these outputs, all of which exist."""
        action = f"find the {' and the '.join(names)} of the stack {self.name}"
        with aws.explained(action, f"the stack {self.name}"):
            client = aws.session(self.region).client("cloudformation", config=aws.CONFIG)
            try:
                (stack,) = client.describe_stacks(StackName=self.name)["Stacks"]
            except ClientError as error:
                if "does not exist" not in str(error):
                    raise
                raise Failure(
                    f"There is no stack {self.name} in this account and region. Name it with "
                    "--stack or GIDGETLAMBDA_STACK, and check AWS_PROFILE and AWS_REGION."
                ) from None
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
        if not outputs.keys() >= set(names):
            raise Failure(
                f"Could not {action}: it was deployed with Mode=inline, belongs to another "
                "project, or its first deployment is not complete."
            )
        return [outputs[name] for name in names]


def _config() -> dict[str, Any]:
    try:
        default = tomllib.loads(_CONFIG.read_text(encoding="utf-8")).get("default", {})
        common, deploy = default.get("global", {}), default.get("deploy", {})
        return {**common.get("parameters", {}), **deploy.get("parameters", {})}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Failure(f"{_CONFIG} cannot be read: {error}. Fix it: `sam` needs it too.") from None
