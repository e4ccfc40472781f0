"""AWS as the commands reach it: the region, the clients, and errors that tell the remedy.

Only the commands that need AWS come here; boto3 is imported when they call it, since `run` and
`demo` have no use for it.

https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
"""

import contextlib
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .failure import Failure

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

_QUEUE_HOST = re.compile(r"https://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.")
_GET_CREDENTIALS = (
    "Log in (`aws sso login` or `aws configure`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY."
)
_REFUSED_CREDENTIALS = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "RequestExpired",
)


def region_of(queue_url: str) -> str | None:
    """The region in a queue's URL, `None` where it names none."""
    found = _QUEUE_HOST.match(queue_url)
    return (found[1] or found[2]) if found else None


def sqs(region: str | None = None) -> "SQSClient":
    """SQS; call it where errors are `explained`.

    region: where the environment names none.
    """
    client: SQSClient = _client("sqs", region)
    return client


def cloudformation(region: str | None = None) -> "CloudFormationClient":
    """CloudFormation; call it where errors are `explained`.

    region: where the environment names none.
    """
    client: CloudFormationClient = _client("cloudformation", region)
    return client


def _client(service: Any, region: str | None) -> Any:
    import boto3
    from botocore.config import Config

    # boto3 by itself does not read AWS_REGION, which Lambda, CI and the other SDKs set.
    wanted = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or region
    settings = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard"})
    return boto3.session.Session(region_name=wanted or None).client(service, config=settings)


@contextlib.contextmanager
def explained(what: str, *, thing: str = "") -> Iterator[None]:
    """Turn what boto3 raises into a `Failure`.

    what: what is being done, in words that follow "could not" ("list the parked tasks").
    thing: what it is done to, as its owner knows it ("the queue https://…").
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError as error:
        raise Failure(
            f"Could not {what}: {error.name} is not installed. It comes with the development "
            "environment: run `make venv` and use .venv/bin/gidgetlambda."
        ) from None
    try:
        yield
    except ClientError as error:
        raise Failure(_answer(error, what, thing)) from None
    except BotoCoreError as error:
        raise Failure(_trouble(error, what)) from None


def error_code(error: Any) -> str:
    """What AWS calls the error, without its namespace ("QueueDoesNotExist")."""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]


def _answer(error: Any, what: str, thing: str) -> str:
    code, message = error_code(error), str(error.response.get("Error", {}).get("Message", ""))
    action = error.operation_name
    if code in ("NonExistentQueue", "QueueDoesNotExist"):
        return (
            f"Could not {what}: there is no such queue: {thing or 'it'}. Check the URL, the region "
            "and the account; or leave it out and name the stack by --stack."
        )
    if code in _REFUSED_CREDENTIALS:
        return f"Could not {what}: AWS refused the credentials ({code}). {_GET_CREDENTIALS}"
    if code.startswith("AccessDenied") or code in ("AuthorizationError", "UnauthorizedOperation"):
        return (
            f"Could not {what}: these credentials may not do {action} on {thing or 'it'}. Use "
            f"others, or have that action allowed to them. AWS says: {message}"
        )
    if code in ("Throttling", "ThrottlingException", "RequestThrottled"):
        return f"Could not {what}: AWS answers {code}, too many requests. Try again in a minute."
    return f"Could not {what}{f' ({thing})' if thing else ''}: {action}: {code}: {message}"


def _trouble(error: Exception, what: str) -> str:
    kind = type(error).__name__
    if kind == "NoRegionError":
        return f"Could not {what}: no AWS region is set. Set AWS_REGION."
    if kind == "ProfileNotFound":
        return f"Could not {what}: {error}. Check AWS_PROFILE against ~/.aws/config."
    if "Credential" in kind or "SSO" in kind or "Token" in kind or kind.startswith("Login"):
        return f"Could not {what}: there are no AWS credentials ({kind}). {_GET_CREDENTIALS}"
    if (
        "Connect" in kind
        or "Timeout" in kind
        or kind in ("HTTPClientError", "ProxyConnectionError")
    ):
        return (
            f"Could not {what}: AWS cannot be reached ({error}). Check the network, AWS_REGION and "
            "AWS_ENDPOINT_URL."
        )
    return f"Could not {what}: {kind}: {error}"
