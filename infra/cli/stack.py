"""Where the deployed bot is: its stack, the stack's queues, and the URL that GitLab sends to.

What `sam deploy` wrote to samconfig.toml in the current folder is taken as it is there.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

import contextlib
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .aws import cloudformation, explained
from .failure import Failure

_DEFAULT_NAME = "gidgetlambda"
_CONFIG = Path("samconfig.toml")


@dataclass(frozen=True)
class Stack:
    """A stack in AWS CloudFormation.

    region: where the environment names none; `None` leaves it to the AWS profile.
    """

    name: str
    region: str | None = None

    @classmethod
    def named(cls, name: str | None) -> "Stack":
        """The stack of that name, else of `GIDGETLAMBDA_STACK`, else of samconfig.toml.

        Raises `Failure` where samconfig.toml cannot be read.
        """
        config = _config()
        name = name or os.environ.get("GIDGETLAMBDA_STACK") or config.get("stack_name")
        return cls(str(name or _DEFAULT_NAME), config.get("region"))

    def queue_urls(self) -> tuple[str, str]:
        """The URLs of the queue and of the parked queue. Raises `Failure`."""
        with self._explained("find the queues"):
            answer = cloudformation(self.region).describe_stack_resources(StackName=self.name)
        found = {
            resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
            for resource in answer["StackResources"]
        }
        queue, parked = found.get("TaskQueue"), found.get("ParkedQueue")
        if not queue or not parked:
            raise Failure(
                f"The stack {self.name} has no queues: it was deployed with Mode=inline, or is of "
                "another project. Queues that it had before are kept by AWS; name them by "
                "--queue-url and --parked-queue-url."
            )
        return queue, parked

    def webhook_url(self) -> str:
        """The URL that GitLab sends to. Raises `Failure`."""
        with self._explained("find the webhook's URL"):
            answer = cloudformation(self.region).describe_stacks(StackName=self.name)
        for output in answer["Stacks"][0].get("Outputs", []):
            if output.get("OutputKey") == "WebhookUrl":
                return str(output["OutputValue"])
        raise Failure(
            f"The stack {self.name} has no output WebhookUrl: it is of another project, or not yet "
            "deployed."
        )

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        with explained(what, thing=f"the stack {self.name}"):
            from botocore.exceptions import ClientError

            try:
                yield
            except ClientError as error:
                if "does not exist" not in str(error):
                    raise
                raise Failure(
                    f"Could not {what}: there is no stack {self.name} in this account and region. "
                    "Name it by --stack or GIDGETLAMBDA_STACK, and check AWS_PROFILE and "
                    "AWS_REGION."
                ) from None


def _config() -> dict[str, Any]:
    if not _CONFIG.is_file():
        return {}
    try:
        default = tomllib.loads(_CONFIG.read_text(encoding="utf-8")).get("default", {})
        found: dict[str, Any] = {}
        for command in ("global", "deploy"):
            found |= default.get(command, {}).get("parameters", {})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Failure(f"{_CONFIG} cannot be read: {error}. Mend it, as `sam` needs it.") from None
    return found
