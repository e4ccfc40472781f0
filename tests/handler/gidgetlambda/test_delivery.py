import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gidgetlambda import ValidationFailure
from gidgetlambda.delivery import Credentials, Delivery, admit, join_headers, signing_key
from gidgetlambda.errors import MalformedDelivery

from infra.sandbox.webhooks import sign

BODY = b'{"object_kind": "issue"}'
NOW = 1_744_578_123
SIGNING_TOKEN = "whsec_" + base64.b64encode(b"not a secret, only a test's key!").decode()
OTHER_SIGNING_TOKEN = "whsec_" + base64.b64encode(b"another key, of yet another hook").decode()
JSON = {"content-type": "application/json", "x-gitlab-event": "Issue Hook"}

TOKEN_ONLY = Credentials(tokens=("s3cret",))
ROTATING = Credentials(tokens=("s3cret", "previous"))
SIGNED_ONLY = Credentials(signing_keys=(signing_key(SIGNING_TOKEN),))
BOTH = Credentials(tokens=("s3cret",), signing_keys=(signing_key(SIGNING_TOKEN),))

VECTOR = Path(__file__).parents[4] / "shared" / "payloads" / "signing_test_vector.json"


def signed(*, with_token: str = SIGNING_TOKEN, timestamp: str = str(NOW)) -> dict[str, str]:
    return {
        **JSON,
        "webhook-id": "delivery-1",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(with_token, "delivery-1", timestamp, BODY),
    }


def tokened(token: str, **more: str) -> dict[str, str]:
    return JSON | {"x-gitlab-token": token} | more


def let_in(
    headers: dict[str, str], credentials: Credentials, body: bytes = BODY, now: float = NOW
) -> Delivery:
    return admit(headers, body, credentials, now=now)


def refused(
    headers: dict[str, str], credentials: Credentials, body: bytes = BODY, now: float = NOW
) -> str:
    with pytest.raises(ValidationFailure) as refusal:
        admit(headers, body, credentials, now=now)
    return str(refusal.value)


# Signed deliveries


def test_a_right_signature_is_let_in() -> None:
    delivery = let_in(signed(), SIGNED_ONLY)
    assert delivery.event.event == "Issue Hook"
    assert delivery.event.delivery_id == "delivery-1"
    assert not delivery.signature_unchecked


@pytest.mark.parametrize("token", ["s3cret", "wrong", ""])
def test_a_signature_decides_whatever_the_token_says(token: str) -> None:
    let_in(signed() | {"x-gitlab-token": token}, BOTH)
    forged = signed(with_token=OTHER_SIGNING_TOKEN) | {"x-gitlab-token": token}
    assert "signature" in refused(forged, BOTH)


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (300, True), (301, False), (10**9, False)])
@pytest.mark.parametrize("direction", [1, -1])
def test_a_signature_lasts_five_minutes_either_way(age: int, fresh: bool, direction: int) -> None:
    if fresh:
        let_in(signed(), SIGNED_ONLY, now=NOW + direction * age)
    else:
        assert "300 s" in refused(signed(), SIGNED_ONLY, now=NOW + direction * age)


def test_any_of_several_signatures_and_any_of_several_keys_will_do() -> None:
    other, right = signed(with_token=OTHER_SIGNING_TOKEN), signed()
    entries = [other["webhook-signature"], "v1a,QUJD", right["webhook-signature"]]
    let_in(right | {"webhook-signature": " ".join(entries)}, SIGNED_ONLY)
    keys = (signing_key(OTHER_SIGNING_TOKEN), signing_key(SIGNING_TOKEN))
    let_in(right, Credentials(signing_keys=keys))
    let_in(other, Credentials(signing_keys=keys))


def test_with_only_a_token_configured_a_signature_goes_unchecked_and_is_told() -> None:
    headers = signed(with_token=OTHER_SIGNING_TOKEN) | {"x-gitlab-token": "s3cret"}
    assert let_in(headers, TOKEN_ONLY).signature_unchecked
    refused(headers | {"x-gitlab-token": "wrong"}, TOKEN_ONLY)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v2,QUJD"},
        {"webhook-signature": "not a signature"},
        {"webhook-signature": "v1,QUJD,v1,QUJD"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v1,QUI="},
        {"webhook-signature": "v1,QUJ="},
        {"webhook-id": ""},
        {"webhook-id": "delivery-1,delivery-1"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": f"{NOW}.0"},
        {"webhook-timestamp": f" {NOW}"},
        {"webhook-timestamp": f"0{NOW}"},
        {"webhook-timestamp": f"+{NOW}"},
        {"webhook-timestamp": "١٧٤٤٥٧٨١٢٣"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": f"{NOW},{NOW}"},
        {"x-gitlab-token": "s3cret", "webhook-signature": "v1,QUJD"},
    ],
)
def test_a_malformed_signature_is_refused(changes: dict[str, str]) -> None:
    refused(signed() | changes, BOTH)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_a_signature_without_what_it_signs_is_refused(name: str) -> None:
    headers = signed()
    del headers[name]
    assert name in refused(headers, BOTH)


def test_an_id_and_a_timestamp_alone_are_no_signature() -> None:
    headers = signed() | {"x-gitlab-token": "s3cret"}
    del headers["webhook-signature"]
    assert not let_in(headers, BOTH).signature_unchecked


# Unsigned deliveries


@pytest.mark.parametrize("token", ["s3cret", "previous"])
def test_the_secret_token_and_the_previous_one_are_let_in(token: str) -> None:
    let_in(tokened(token), ROTATING)


@pytest.mark.parametrize(
    "token",
    ["wrong", "", "s3cre", "s3crets", "S3CRET", "s3cret,s3cret", "s3cret, s3cret", "é", "\ud800"],
    ids=ascii,
)
def test_another_token_is_refused(token: str) -> None:
    for credentials in (TOKEN_ONLY, ROTATING, BOTH):
        assert "s3cret" not in refused(tokened(token), credentials)


def test_a_missing_token_is_refused_with_the_remedy() -> None:
    assert "set the secret token" in refused(JSON, TOKEN_ONLY)


def test_an_unsigned_delivery_is_refused_where_only_a_signing_token_is_configured() -> None:
    assert "not signed" in refused(tokened("s3cret"), SIGNED_ONLY)


def test_nothing_configured_lets_nobody_in() -> None:
    refused(JSON, Credentials())
    refused(tokened(""), Credentials())
    refused(signed(), Credentials())


def test_a_token_beyond_ascii_is_compared() -> None:
    credentials = Credentials(tokens=("sécret",))
    let_in(tokened("sécret"), credentials)
    refused(tokened("secret"), credentials)


# Before and after authentication


def test_authentication_comes_before_parsing() -> None:
    refused({"content-type": "text/plain"}, TOKEN_ONLY, b"not json")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-type": "application/json"}, BODY, 400),
        (JSON | {"x-gitlab-event": " "}, BODY, 400),
        (JSON, b"{", 400),
        (JSON, b"[]", 400),
        (JSON | {"content-type": "text/plain"}, BODY, 415),
    ],
)
def test_what_is_authentic_and_cannot_be_read(
    headers: dict[str, str], body: bytes, status: int
) -> None:
    with pytest.raises(MalformedDelivery) as refusal:
        admit(headers | {"x-gitlab-token": "s3cret"}, body, TOKEN_ONLY, now=NOW)
    assert refusal.value.status_code == status


# Every byte counts


def bytes_changed(text: bytes) -> Iterator[bytes]:
    for place in range(len(text)):
        for flipped in (1, 0x20, 0x80):
            yield text[:place] + bytes([text[place] ^ flipped]) + text[place + 1 :]
        yield text[:place] + text[place + 1 :]
        yield text[:place] + b"0" + text[place:]


def every_forgery(headers: dict[str, str], body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    for changed in bytes_changed(body):
        yield headers, changed
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        for changed in bytes_changed(headers[name].encode()):
            # As a server hands it on: raw bytes, or nothing where HTTP forbids them.
            yield headers | join_headers([(name.encode(), changed)]), body


def assert_no_forgery_is_let_in(
    headers: dict[str, str], body: bytes, credentials: Credentials
) -> None:
    tried = 0
    for forged_headers, forged_body in every_forgery(headers, body):
        if (forged_headers, forged_body) == (headers, body):
            continue
        refused(forged_headers, credentials, forged_body)
        tried += 1
    assert tried > 400


def test_a_signed_delivery_with_any_byte_changed_is_refused() -> None:
    headers = signed()
    let_in(headers, SIGNED_ONLY)
    assert_no_forgery_is_let_in(headers, BODY, SIGNED_ONLY)


@pytest.mark.skipif(not VECTOR.is_file(), reason="shared/payloads is not beside this checkout")
def test_the_shared_vector_verifies_and_none_of_its_bytes_can_be_changed() -> None:
    vector: dict[str, Any] = json.loads(VECTOR.read_text())
    headers, body = JSON | vector["headers"], vector["body"].encode()
    now = float(headers["webhook-timestamp"])
    credentials = Credentials(signing_keys=(signing_key(vector["signing_token"]),))
    assert admit(headers, body, credentials, now=now).event.kind == "push"
    assert_no_forgery_is_let_in(headers, body, credentials)


# Headers


def test_repeated_headers_are_joined_so_that_no_secret_among_them_fits() -> None:
    pairs = [(b"X-Gitlab-Token", b"s3cret"), (b"x-gitlab-token", b"s3cret")]
    headers = JSON | join_headers(pairs)
    assert headers["x-gitlab-token"] == "s3cret,s3cret"
    refused(headers, TOKEN_ONLY)


def test_headers_are_utf_8_or_latin_1() -> None:
    pairs = [(b"a", "é".encode()), (b"b", b"\xe9"), ("é".encode(), b"")]
    assert join_headers(pairs) == {"a": "é", "b": "é", "é": ""}


# Signing tokens


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_signing_token_holds_a_key(size: int) -> None:
    assert signing_key("whsec_" + base64.b64encode(b"k" * size).decode()) == b"k" * size


@pytest.mark.parametrize(
    ("token", "complaint"),
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
def test_a_malformed_signing_token_is_told_without_quoting_it(token: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as error:
        signing_key(token)
    assert "c2Vjcm" not in str(error.value)


def test_credentials_and_deliveries_show_no_secret() -> None:
    assert "s3cret" not in repr(BOTH)
    assert "not a secret" not in repr(BOTH)
    assert "s3cret" not in repr(let_in(tokened("s3cret"), TOKEN_ONLY))
