"""AWS sessions, and AWS's errors as messages that name the remedy.

https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
"""

import contextlib
import os
import re
from collections.abc import Iterator

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from .console import Failure

CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard"})

_LOG_IN = (
    "Log in (`aws sso login` or `aws configure`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY."
)
# The keys are patterns for AWS's error codes and boto3's exceptions. The first match counts.
_EXPLANATIONS = {
    "NonExistentQueue|QueueDoesNotExist": "there is no such queue. Check the URL, the region and "
    "the account; or omit the URL and name the stack with --stack.",
    "ValidationError": "{error}. Name the stack with --stack or GIDGETLAMBDA_STACK, and check "
    "AWS_PROFILE and AWS_REGION.",
    "AccessDenied|AuthorizationError|UnauthorizedOperation": "these credentials do not allow it. "
    "Use others, or have the action allowed. {error}",
    "Expired|InvalidClientTokenId|InvalidAccessKey|SignatureDoesNotMatch|UnrecognizedClient": (
        "AWS refused the credentials ({code}). " + _LOG_IN
    ),
    "Throttl": "AWS answered {code}: too many requests. Try again in a minute.",
    "NoRegion": "no AWS region is set. Set AWS_REGION.",
    "ProfileNotFound": "{error}. Check AWS_PROFILE against ~/.aws/config.",
    "Credential|SSO|Token|^Login": "there are no AWS credentials ({code}). " + _LOG_IN,
    "Connect|Timeout|HTTPClient": "AWS cannot be reached ({error}). Check the network, AWS_REGION "
    "and AWS_ENDPOINT_URL.",
    "": "{code}: {error}",
}
_ABOUT_ONE_MESSAGE = re.compile(
    "InvalidMessageContents|InvalidParameterValue|ReceiptHandleIsInvalid|MessageNotInflight"
)


class MessageRefused(Failure):
    """SQS refuses to move or delete one message. It may accept others."""


def session(region: str | None = None) -> boto3.session.Session:
    """Return a session in the environment's region, else in `region`, else in the profile's."""
    # boto3 ignores AWS_REGION, which Lambda, CI systems and the other SDKs set.
    wanted = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or region
    found = boto3.session.Session(region_name=wanted or None)
    if not found.region_name:  # boto3 takes an empty variable for a region
        raise NoRegionError
    return found


@contextlib.contextmanager
def explained(action: str, advice: str = "") -> Iterator[None]:
    """Turn boto3's exceptions into a `Failure`.

    Args:
        action: Follows "could not" in the message ("list the tasks on https://…").
        advice: A sentence that ends the message.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        code = type(error).__name__
        if isinstance(error, ClientError):
            code = error.response.get("Error", {}).get("Code", "").rpartition(".")[2]
        text = next(text for pattern, text in _EXPLANATIONS.items() if re.search(pattern, code))
        kind = MessageRefused if _ABOUT_ONE_MESSAGE.search(code) else Failure
        explanation = text.format(code=code, error=error)
        raise kind(f"Could not {action}: {explanation} {advice}".rstrip()) from None
