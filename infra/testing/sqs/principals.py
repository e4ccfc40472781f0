"""Roles, their access keys, and the signatures made with them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ..iam import Policy
from .faults import SqsError

REGION = "eu-west-1"

_AUTHORIZATION = re.compile(
    rf"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{{8}}/{REGION}/sqs/aws4_request"
    r", ?SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Principal:
    """A role and its keys."""

    role: str
    policy: Policy = field(repr=False)
    access_key: str
    secret_key: str
    session_token: str

    def environment(self) -> dict[str, str]:
        """Return the environment variables that give a Lambda function the keys of its role."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.session_token,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }


def authenticate(
    known: Iterable[Principal], method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Principal:
    """Return the principal that signed a request, whose headers' names are in lower case.

    Raises:
        SqsError: No known principal signed it.
    """
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if match is None:
        raise SqsError("MissingAuthenticationToken", "The request is not signed for SQS.", 403)
    principal = next((one for one in known if one.access_key == match["key"]), None)
    if principal is None or headers.get("x-amz-security-token") != principal.session_token:
        raise SqsError("UnrecognizedClientException", "The security token is invalid.", 403)
    signed = {name: headers.get(name, "") for name in match["headers"].split(";")}
    request = AWSRequest(method=method, url=url, data=body, headers=signed)
    request.context["timestamp"] = headers.get("x-amz-date", "")
    keys = Credentials(principal.access_key, principal.secret_key, principal.session_token)
    signer = SigV4Auth(keys, "sqs", REGION)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    if signer.signature(text, request) != match["signature"]:
        raise SqsError("SignatureDoesNotMatch", "The signature is not the calculated one.", 403)
    return principal
