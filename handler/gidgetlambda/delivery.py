"""Delivery: headers and body → an authenticated Event, or a refusal.

Takes values and returns values; the current time is one of them. Authentication comes before
parsing, over the raw bytes, and fails closed.

https://docs.gitlab.com/user/project/integrations/webhooks/#validate-payloads-by-using-a-signing-token
https://www.standardwebhooks.com
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import ValidationFailure
from .event import Event, same_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SIGNING_TOKEN_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
SIGNATURE_TOLERANCE = 300.0  # seconds, the default of Standard Webhooks
SIGNATURE_ENTRY = re.compile(r"(v\d+[a-z]?),([A-Za-z0-9+/]+={0,2})")
TIMESTAMP = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Credentials:
    """What a delivery is checked against.

    tokens: the secret tokens that are accepted (the current and the previous one).
    signing_keys: the decoded signing tokens.
    """

    tokens: tuple[str, ...] = field(default=(), repr=False)
    signing_keys: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Delivery:
    """A delivery that was let in.

    signature_unchecked: it is signed and no signing token is configured to check it with.
    """

    event: Event
    signature_unchecked: bool


def join_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as a mapping with lower-case names; repeated ones are joined by commas.

    API Gateway joins them so before anybody can count them. Joined values match no token and no
    signature, so that a repeated security header is refused either way.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = _header_text(raw_name).lower(), _header_text(raw_value)
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def admit(
    headers: Mapping[str, str], body: bytes, credentials: Credentials, *, now: float
) -> Delivery:
    """The delivery, if it is proven to come from GitLab and can be read.

    headers: as `join_headers` gives them.
    body: the raw bytes.
    now: the current time in seconds since the epoch.

    Raises:
        ValidationFailure: the delivery is not authenticated (401).
        MalformedDelivery: the delivery cannot be read (400, 415).
    """
    signature_unchecked = authenticate(headers, body, credentials, now=now)
    return Delivery(Event.parse(headers, body), signature_unchecked)


def authenticate(
    headers: Mapping[str, str], body: bytes, credentials: Credentials, *, now: float
) -> bool:
    """Prove that GitLab sent this; return whether a signature went unchecked.

    A signature decides as soon as there is a key to check it with, whatever the token says.

    Raises `ValidationFailure`.
    """
    signed = "webhook-signature" in headers
    if signed and credentials.signing_keys:
        _verify_signature(headers, body, credentials.signing_keys, now)
        return False
    if not credentials.tokens:
        raise ValidationFailure(
            "the delivery is not signed: set the signing token on the webhook in GitLab"
        )
    _verify_token(headers.get("x-gitlab-token"), credentials.tokens)
    return signed


def signing_key(signing_token: str) -> bytes:
    """The key in a signing token (`whsec_` and the base64 of 24 to 64 bytes).

    Raises `ValueError`, which does not quote the token.
    """
    encoded = signing_token.removeprefix(SIGNING_TOKEN_PREFIX)
    if encoded == signing_token:
        raise ValueError(f"must begin with {SIGNING_TOKEN_PREFIX}")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"must be base64 after {SIGNING_TOKEN_PREFIX}") from None
    if not 24 <= len(key) <= 64:
        raise ValueError(f"must hold 24 to 64 bytes, not {len(key)}")
    return key


def _verify_signature(
    headers: Mapping[str, str], body: bytes, keys: tuple[bytes, ...], now: float
) -> None:
    delivery_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not delivery_id or not TIMESTAMP.fullmatch(timestamp):
        raise ValidationFailure("the delivery is signed without webhook-id or webhook-timestamp")
    signatures = _signatures(headers["webhook-signature"])
    signed = b".".join((_raw(delivery_id), timestamp.encode(), body))
    expected = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    # Every pair is compared, so that the time taken tells nothing of which one fits.
    matches = [hmac.compare_digest(given, own) for given in signatures for own in expected]
    if not any(matches):
        raise ValidationFailure("the signature is not of the configured signing token")
    if abs(now - int(timestamp)) > SIGNATURE_TOLERANCE:
        raise ValidationFailure(
            f"the signature is older or newer than {SIGNATURE_TOLERANCE:.0f} s: is the clock right?"
        )


def _signatures(header: str) -> list[bytes]:
    """The v1 signatures of a header; one malformed entry spoils it all."""
    signatures = []
    for entry in header.split(" "):
        match = SIGNATURE_ENTRY.fullmatch(entry)
        if match is None:
            raise ValidationFailure("webhook-signature is malformed")
        version, encoded = match.groups()
        if version == "v1":
            signatures.append(_signature(encoded))
    return signatures


def _signature(encoded: str) -> bytes:
    try:
        signature = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValidationFailure("webhook-signature is malformed") from None
    # Base64 has several spellings of the same bytes; only the one that GitLab writes is accepted.
    if base64.b64encode(signature).decode() != encoded:
        raise ValidationFailure("webhook-signature is malformed")
    return signature


def _verify_token(given: str | None, tokens: tuple[str, ...]) -> None:
    if given is None:
        raise ValidationFailure(
            "X-Gitlab-Token is missing: set the secret token on the webhook in GitLab"
        )
    # Every token is compared, so that the time taken tells nothing of which one fits.
    matches = [same_secret(given, token) for token in tokens]
    if not any(matches):
        raise ValidationFailure("X-Gitlab-Token is not the configured secret token")


def _header_text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
