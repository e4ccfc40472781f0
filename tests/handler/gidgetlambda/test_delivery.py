import base64
from collections.abc import Iterator

import pytest
from gidgetlambda import ValidationFailure
from gidgetlambda.delivery import Credentials, Delivery, accept, join_headers, signing_key
from gidgetlambda.errors import MalformedDelivery

from infra.sandbox.webhooks import sign
from tests.event_payloads import outside_signing_vector

BODY = b'{"object_kind": "issue"}'
NOW = 1_744_578_123
SIGNING_TOKEN = "whsec_" + base64.b64encode(b"not a secret, only a test's key!").decode()
OTHER_SIGNING_TOKEN = "whsec_" + base64.b64encode(b"another key, of yet another hook").decode()
JSON = {"content-type": "application/json", "x-gitlab-event": "Issue Hook"}

TOKEN_ONLY = Credentials(tokens=("s3cret",))
ROTATING = Credentials(tokens=("s3cret", "previous"))
SIGNED_ONLY = Credentials(signing_keys=(signing_key(SIGNING_TOKEN),))
BOTH = Credentials(tokens=("s3cret",), signing_keys=(signing_key(SIGNING_TOKEN),))


def signed(*, with_token: str = SIGNING_TOKEN) -> dict[str, str]:
    return {
        **JSON,
        "webhook-id": "delivery-1",
        "webhook-timestamp": str(NOW),
        "webhook-signature": sign(with_token, "delivery-1", str(NOW), BODY),
    }


def tokened(token: str) -> dict[str, str]:
    return JSON | {"x-gitlab-token": token}


def accepted(
    headers: dict[str, str], credentials: Credentials, body: bytes = BODY, now: float = NOW
) -> Delivery:
    return accept(headers, body, credentials, now=now)


def refused(
    headers: dict[str, str], credentials: Credentials, body: bytes = BODY, now: float = NOW
) -> str:
    with pytest.raises(ValidationFailure) as refusal:
        accept(headers, body, credentials, now=now)
    return str(refusal.value)


# Signed deliveries


@pytest.mark.parametrize("direction", [1, -1])
def test_signature_is_valid_for_five_minutes_before_and_after(direction: int) -> None:
    for age in (0, 300):
        accepted(signed(), SIGNED_ONLY, now=NOW + direction * age)
    for age in (301, 10**9):
        assert "300 s" in refused(signed(), SIGNED_ONLY, now=NOW + direction * age)


def test_accepts_any_of_several_signatures_and_keys() -> None:
    other, right = signed(with_token=OTHER_SIGNING_TOKEN), signed()
    entries = [other["webhook-signature"], "v1a,QUJD", right["webhook-signature"]]
    accepted(right | {"webhook-signature": " ".join(entries)}, SIGNED_ONLY)
    keys = (signing_key(OTHER_SIGNING_TOKEN), signing_key(SIGNING_TOKEN))
    accepted(right, Credentials(signing_keys=keys))
    accepted(other, Credentials(signing_keys=keys))


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v2,QUJD"},
        {"webhook-signature": "not a signature"},
        {"webhook-signature": "v1,QUJD,v1,QUJD"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v1,QUJ="},
        {"webhook-id": None},
        {"webhook-id": ""},
        {"webhook-id": "delivery-1,delivery-1"},
        {"webhook-timestamp": None},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": f"{NOW}.0"},
        {"webhook-timestamp": f" {NOW}"},
        {"webhook-timestamp": "١٧٤٤٥٧٨١٢٣"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": f"{NOW},{NOW}"},
    ],
    ids=lambda changes: ascii(changes)[1:40],
)
def test_refuses_a_malformed_signature_despite_a_right_token(
    changes: dict[str, str | None],
) -> None:
    headers = signed() | {"x-gitlab-token": "s3cret"} | changes
    refused({name: value for name, value in headers.items() if value is not None}, BOTH)


def test_id_and_timestamp_alone_are_not_a_signature() -> None:
    headers = signed() | {"x-gitlab-token": "s3cret"}
    del headers["webhook-signature"]
    assert not accepted(headers, BOTH).signature_unchecked


# Unsigned deliveries


def test_accepts_a_non_ascii_token() -> None:
    accepted(tokened("sécret"), Credentials(tokens=("sécret",)))


@pytest.mark.parametrize(
    "token",
    ["wrong", "", "s3cre", "s3crets", "S3CRET", "s3cret,s3cret", "s3cret, s3cret", "é", "\ud800"],
    ids=ascii,
)
def test_refuses_a_wrong_token_without_quoting_the_right_one(token: str) -> None:
    for credentials in (TOKEN_ONLY, ROTATING, BOTH):
        assert "s3cret" not in refused(tokened(token), credentials)


@pytest.mark.parametrize("headers", [JSON, tokened(""), signed()])
def test_refuses_everything_without_credentials(headers: dict[str, str]) -> None:
    refused(headers, Credentials())


def test_authenticates_before_parsing() -> None:
    unreadable = {"content-type": "text/plain"}
    refused(unreadable, TOKEN_ONLY, b"not json")
    with pytest.raises(MalformedDelivery):
        accept(unreadable | tokened("s3cret"), b"not json", TOKEN_ONLY, now=NOW)


# Forgeries


def bytes_changed(text: bytes) -> Iterator[bytes]:
    for place in range(len(text)):
        for flipped in (1, 0x20, 0x80):
            yield text[:place] + bytes([text[place] ^ flipped]) + text[place + 1 :]
        yield text[:place] + text[place + 1 :]
        yield text[:place] + b"0" + text[place:]


def forgeries(headers: dict[str, str], body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    for changed in bytes_changed(body):
        yield headers, changed
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        for changed in bytes_changed(headers[name].encode()):
            # A server passes on the raw bytes of a header.
            yield headers | join_headers([(name.encode(), changed)]), body


def assert_refuses_every_forgery(
    headers: dict[str, str], body: bytes, credentials: Credentials, now: float
) -> None:
    tried = 0
    for forged in forgeries(headers, body):
        if forged != (headers, body):
            refused(forged[0], credentials, forged[1], now)
            tried += 1
    assert tried > 400


def test_refuses_a_signed_delivery_with_any_byte_changed() -> None:
    accepted(signed(), SIGNED_ONLY)
    assert_refuses_every_forgery(signed(), BODY, SIGNED_ONLY, NOW)


def test_accepts_a_signature_by_openssl() -> None:
    # printf %s 'delivery-1.1744578123.{"object_kind": "issue"}' |
    #     openssl dgst -sha256 -hmac "not a secret, only a test's key!" -binary | base64
    signature = "v1,+xpsMycZms6yjZmgh+6LodWkCWtHehzOTGM/xg4njQk="
    accepted(signed() | {"webhook-signature": signature}, SIGNED_ONLY)


def test_accepts_the_outside_vector_and_refuses_its_forgeries() -> None:
    vector = outside_signing_vector()
    headers, body = JSON | vector["headers"], vector["body"].encode()
    now = float(headers["webhook-timestamp"])
    credentials = Credentials(signing_keys=(signing_key(vector["signing_token"]),))
    assert accepted(headers, credentials, body, now).event.kind == "push"
    assert_refuses_every_forgery(headers, body, credentials, now)


# Headers and tokens


def test_headers_are_utf_8_or_latin_1() -> None:
    pairs = [(b"a", "é".encode()), (b"b", b"\xe9"), ("é".encode(), b"")]
    assert join_headers(pairs) == {"a": "é", "b": "é", "é": ""}


@pytest.mark.parametrize("size", [24, 32, 64])
def test_decodes_a_signing_token(size: int) -> None:
    assert signing_key("whsec_" + base64.b64encode(b"k" * size).decode()) == b"k" * size


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        ("", "must begin with whsec_"),
        ("c2VjcmV0c2VjcmV0", "must begin with whsec_"),
        ("whsec_", "must hold 24 to 64 bytes, not 0"),
        ("whsec_c2VjcmV0", "must hold 24 to 64 bytes, not 6"),
        ("whsec_" + base64.b64encode(b"k" * 65).decode(), "must hold 24 to 64 bytes, not 65"),
        ("whsec_c2VjcmV0!", "must be base64"),
        ("whsec_c2VjcmV", "must be base64"),
        ("whsec_é", "must be base64"),
        ("whsec_whsec_c2VjcmV0", "must be base64"),
    ],
)
def test_rejects_a_malformed_signing_token_without_quoting_it(token: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as error:
        signing_key(token)
    assert "c2Vjcm" not in str(error.value)


def test_repr_hides_secrets() -> None:
    assert "s3cret" not in repr(BOTH)
    assert "not a secret" not in repr(BOTH)
    assert "s3cret" not in repr(accepted(tokened("s3cret"), TOKEN_ONLY))
