"""Who signed a request: access keys, and the roles they belong to.

After https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
"""

import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .policies import Policy
from .refusal import Refusal

REGION = "eu-west-1"

_SKEW = 15 * 60.0  # seconds
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/sqs/aws4_request"
    r", ?SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Principal:
    """A role and the keys that it was given. The words are plain, so nobody takes them for real."""

    role: str
    policy: Policy = field(repr=False)

    @property
    def access_key(self) -> str:
        return f"TESTKEY{self.role.upper()}"

    @property
    def secret_key(self) -> str:
        return f"secret-of-{self.role}"

    @property
    def session_token(self) -> str:
        return f"session-of-{self.role}"

    def environment(self) -> dict[str, str]:
        """The environment variables by which a Lambda function has its role's keys."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.session_token,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }


class Principals:
    """Those who may sign requests."""

    def __init__(self) -> None:
        self._known: dict[str, Principal] = {}

    def add(self, principal: Principal) -> None:
        self._known[principal.access_key] = principal

    def authenticate(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Principal:
        """Tell who signed a request. Raises Refusal.

        Args:
            url: as the client saw it.
            headers: with names in lower case.
        """
        match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if match is None:
            raise _refusal("MissingAuthenticationToken", "The request is not signed for SQS.")
        principal = self._known.get(match["key"])
        if principal is None:
            raise _refusal("UnrecognizedClientException", "The security token is invalid.")
        if headers.get("x-amz-security-token") != principal.session_token:
            raise _refusal("InvalidClientTokenId", "The session token is not of this key.")
        date = headers.get("x-amz-date", "")
        if not date.startswith(match["day"]) or abs(_seconds(date) - time.time()) > _SKEW:
            raise _refusal("SignatureDoesNotMatch", f"Signature expired: {date}")
        signed = {name: headers.get(name, "") for name in match["headers"].split(";")}
        expected = _signature(principal, match["region"], method, url, signed, body)
        if not hmac.compare_digest(expected, match["signature"]):
            raise _refusal("SignatureDoesNotMatch", "The signature is not what was calculated.")
        return principal


def _signature(
    principal: Principal,
    region: str,
    method: str,
    url: str,
    signed: Mapping[str, str],
    body: bytes,
) -> str:
    credentials = Credentials(
        principal.access_key, principal.secret_key, token=principal.session_token
    )
    request = AWSRequest(method=method, url=url, data=body, headers=dict(signed))
    request.context["timestamp"] = signed.get("x-amz-date", "")
    signer = SigV4Auth(credentials, "sqs", region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(text, request))


def _seconds(date: str) -> float:
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _refusal(code: str, message: str) -> Refusal:
    return Refusal(code, message, status=403, common=True)
