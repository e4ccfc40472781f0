"""SigV4: signs requests to AWS's JSON APIs, which are POST requests without a query.

botocore signs as well, and its import takes longer than everything else in a first delivery. This
module performs no I/O.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings import AwsSettings

ALGORITHM = "AWS4-HMAC-SHA256"
PORTS = {"http": 80, "https": 443}


def signed_headers(
    url: str, headers: Mapping[str, str], body: bytes, aws: AwsSettings, *, service: str, now: float
) -> dict[str, str]:
    """Return the headers of a signed POST request.

    Args:
        url: The URL, without a query.
        headers: The headers to sign, with names in lower case.
        body: The body.
        aws: The region and the credentials.
        service: The service's name: "sqs".
        now: The current time in seconds since the epoch.
    """
    timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    parts = urlsplit(url)
    signed = {**headers, "host": _host(parts.scheme, parts.hostname or "", parts.port)}
    signed["x-amz-date"] = timestamp
    if aws.session_token is not None:
        signed["x-amz-security-token"] = aws.session_token
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
    path = quote(parts.path or "/", safe="/~")
    digest = hashlib.sha256(body).hexdigest()
    request = "\n".join(("POST", path, "", lines, names, digest))
    scope = f"{timestamp[:8]}/{aws.region}/{service}/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    to_sign = "\n".join((ALGORITHM, timestamp, scope, hashed))
    signature = _hmac(_key(aws.secret_access_key, scope), to_sign).hex()
    signed["authorization"] = (
        f"{ALGORITHM} Credential={aws.access_key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    return signed


def _key(secret_access_key: str, scope: str) -> bytes:
    """Derive the key for one day, region and service."""
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _host(scheme: str, name: str, port: int | None) -> str:
    host = f"[{name}]" if ":" in name else name
    return host if port is None or PORTS.get(scheme) == port else f"{host}:{port}"
