"""Delivery: turns headers and body into an authenticated event, or refuses the delivery.

This module performs no I/O; the current time is an argument. Authentication precedes parsing,
covers the raw bytes and fails closed.

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
from .event import Event, raw_bytes, same_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SIGNING_TOKEN_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
SIGNATURE_TOLERANCE = 300.0  # seconds, the default of Standard Webhooks
SIGNATURE_ENTRY = re.compile(r"(v\d+[a-z]?),([A-Za-z0-9+/]+={0,2})")
MALFORMED_SIGNATURE = "webhook-signature is malformed: it must be 'v1,' and base64"
TIMESTAMP = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Credentials:
    """The credentials that deliveries are checked against.

    Attributes:
        tokens: The accepted secret tokens: the current and the previous one.
        signing_keys: The decoded signing tokens.
    """

    tokens: tuple[str, ...] = field(default=(), repr=False)
    signing_keys: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Delivery:
    """An accepted delivery.

    Attributes:
        event: The event that the delivery contains.
        signature_unchecked: Whether the delivery is signed but no signing token is configured.
    """

    event: Event
    signature_unchecked: bool


def join_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers as a mapping with lower-case names, joining repeated ones by commas.

    HTTP APIs of API Gateway join repeated headers in the same way. A joined value matches no token
    and no signature, so a repeated security header is refused whichever way the delivery arrives.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = _header_text(raw_name).lower(), _header_text(raw_value)
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def accept(
    headers: Mapping[str, str], body: bytes, credentials: Credentials, *, now: float
) -> Delivery:
    """Authenticate a delivery, then read its event.

    Args:
        headers: The result of `join_headers`.
        body: The raw bytes.
        credentials: The configured tokens and keys.
        now: The current time in seconds since the epoch.

    Raises:
        ValidationFailure: The delivery is not authentic (401).
        MalformedDelivery: The delivery cannot be read (400, 415).
    """
    signature_unchecked = authenticate(headers, body, credentials, now=now)
    return Delivery(Event.parse(headers, body), signature_unchecked)


def authenticate(
    headers: Mapping[str, str], body: bytes, credentials: Credentials, *, now: float
) -> bool:
    """Check the signature or the secret token of a delivery.

    If the delivery is signed and a signing key is configured, the signature alone decides.
    Otherwise, the secret token decides.

    Args:
        headers: The result of `join_headers`.
        body: The raw bytes.
        credentials: The configured tokens and keys.
        now: The current time in seconds since the epoch.

    Returns:
        Whether the delivery carries a signature that was not checked.

    Raises:
        ValidationFailure: The delivery is not authentic.
    """
    signatures = check_headers(headers, credentials, now=now)
    if signatures is None:
        return "webhook-signature" in headers
    _verify_signature(headers, body, signatures, credentials.signing_keys)
    return False


def check_headers(
    headers: Mapping[str, str], credentials: Credentials, *, now: float
) -> list[bytes] | None:
    """Check everything that the headers show, so that a stranger's body is not even read.

    Args:
        headers: The result of `join_headers`.
        credentials: The configured tokens and keys.
        now: The current time in seconds since the epoch.

    Returns:
        The signatures that the body has to be checked against; `None` if the secret token decides.

    Raises:
        ValidationFailure: The delivery is not authentic, whatever its body is.
    """
    if "webhook-signature" in headers and credentials.signing_keys:
        return _recent_signatures(headers, now)
    if not credentials.tokens:
        raise ValidationFailure(
            "the delivery is not signed: set the signing token on the webhook in GitLab"
        )
    _verify_token(headers.get("x-gitlab-token"), credentials.tokens)
    return None


def signing_key(signing_token: str) -> bytes:
    """Decode a signing token: `whsec_` and 24 to 64 bytes in base64.

    Raises:
        ValueError: The token is malformed; the message does not quote it.
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


def _recent_signatures(headers: Mapping[str, str], now: float) -> list[bytes]:
    """Return the signatures of a delivery whose signed headers are well-formed and recent."""
    timestamp = headers.get("webhook-timestamp", "")
    if not headers.get("webhook-id") or not TIMESTAMP.fullmatch(timestamp):
        raise ValidationFailure(
            "the delivery is signed, but webhook-id or webhook-timestamp is missing or malformed"
        )
    signatures = _signatures(headers["webhook-signature"])
    if abs(now - int(timestamp)) > SIGNATURE_TOLERANCE:
        raise ValidationFailure(
            f"webhook-timestamp is more than {SIGNATURE_TOLERANCE:.0f} s from the current time: "
            "check the clocks of both servers, or have GitLab send the event again"
        )
    return signatures


def _verify_signature(
    headers: Mapping[str, str], body: bytes, signatures: list[bytes], keys: tuple[bytes, ...]
) -> None:
    delivery_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    signed = b".".join((raw_bytes(delivery_id), timestamp.encode(), body))
    expected = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    # Every pair is compared, so that the time taken does not reveal which pair matches.
    matches = [hmac.compare_digest(given, own) for given in signatures for own in expected]
    if not any(matches):
        raise ValidationFailure(
            "webhook-signature does not match: set the webhook's signing token in GL_SIGNING_TOKEN"
        )


def _signatures(header: str) -> list[bytes]:
    """Return the v1 signatures of a header, which is malformed if any of its entries is."""
    signatures = []
    for entry in header.split(" "):
        match = SIGNATURE_ENTRY.fullmatch(entry)
        if match is None:
            raise ValidationFailure(MALFORMED_SIGNATURE)
        version, encoded = match.groups()
        if version == "v1":
            signatures.append(_signature(encoded))
    return signatures


def _signature(encoded: str) -> bytes:
    try:
        signature = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValidationFailure(MALFORMED_SIGNATURE) from None
    # Base64 can encode the same bytes in several ways; only the canonical one is accepted.
    if base64.b64encode(signature).decode() != encoded:
        raise ValidationFailure(MALFORMED_SIGNATURE)
    return signature


def _verify_token(given: str | None, tokens: tuple[str, ...]) -> None:
    if given is None:
        raise ValidationFailure(
            "X-Gitlab-Token is missing: set the secret token on the webhook in GitLab"
        )
    # Every token is compared, so that the time taken does not reveal which token matches.
    matches = [same_secret(given, token) for token in tokens]
    if not any(matches):
        raise ValidationFailure(
            "X-Gitlab-Token does not match: set the webhook's secret token in GL_SECRET"
        )


def _header_text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
