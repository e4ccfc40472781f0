"""The stack of the deployed bot, as `sam deploy` records it in samconfig.toml, and its outputs.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from botocore.exceptions import ClientError

from . import aws
from .console import Failure

StackName = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        help="The bot's stack. Default: GIDGETLAMBDA_STACK, else the one in samconfig.toml. Its "
        "region: AWS_REGION, else the one in samconfig.toml, else that of the AWS profile.",
    ),
]
_CONFIG = Path("samconfig.toml")


@dataclass(frozen=True)
class DeployedStack:
    """A stack in AWS CloudFormation.

    Attributes:
        name: The stack's name.
        region: The region to use if the environment names none; `None` means the profile's.
    """

    name: str
    region: str | None = None

    @classmethod
    def saved(cls) -> Self:
        """Return the stack that samconfig.toml names."""
        config = _read_config()
        return cls(str(config.get("stack_name", "gidgetlambda")), config.get("region"))

    @classmethod
    def named(cls, name: str | None) -> Self:
        """Return the stack `name`, else that of `GIDGETLAMBDA_STACK`, else of samconfig.toml."""
        saved = cls.saved()
        return cls(name or os.environ.get("GIDGETLAMBDA_STACK") or saved.name, saved.region)

    def exists(self) -> bool:
        """Return whether the stack was deployed, and not only prepared.

        Raises:
            Failure: AWS does not say it.
        """
        with aws.explained(f"find the stack {self.name}"):
            client = aws.session(self.region).client("cloudformation", config=aws.CONFIG)
            try:
                (stack,) = client.describe_stacks(StackName=self.name)["Stacks"]
            except ClientError as error:
                if "does not exist" in str(error):
                    return False
                raise
        return stack["StackStatus"] not in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")

    def outputs(self, *names: str, alternative: str) -> list[str]:
        """Return the values of some outputs.

        Args:
            names: The outputs' names.
            alternative: A sentence for the error message: what to do without the stack.

        Raises:
            Failure: The stack or one of the outputs does not exist or cannot be read.
        """
        action = f"find the {' and the '.join(names)} of the stack {self.name}"
        with aws.explained(action, alternative):
            client = aws.session(self.region).client("cloudformation", config=aws.CONFIG)
            (stack,) = client.describe_stacks(StackName=self.name)["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
        if not outputs.keys() >= set(names):
            raise Failure(
                f"Could not {action}: it was deployed with Mode=inline, belongs to another "
                f"project, or its first deployment is not complete. {alternative}"
            )
        return [outputs[name] for name in names]


def _read_config() -> dict[str, Any]:
    try:
        default = tomllib.loads(_CONFIG.read_text(encoding="utf-8")).get("default", {})
        common, deploy = default.get("global", {}), default.get("deploy", {})
        return {**common.get("parameters", {}), **deploy.get("parameters", {})}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Failure(f"{_CONFIG} cannot be read: {error}. Fix it: `sam` needs it too.") from None
