"""The signatures, compared with botocore's."""

import datetime
import time
from unittest import mock

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from gidgetlambda.settings import AwsSettings
from gidgetlambda.sigv4 import signed_headers
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_795_692_896.0
KEYS = st.text("ABCXYZabcxyz019+/", min_size=1, max_size=40)
VALUES = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1).map(str.strip)


@given(
    body=st.binary(max_size=200),
    target=VALUES.filter(bool),
    keys=st.tuples(KEYS, KEYS),
    session_token=st.none() | KEYS,
    region=st.sampled_from(["eu-west-1", "us-gov-east-1", ""]),
    url=st.sampled_from(
        [
            "https://sqs.eu-west-1.amazonaws.com/",
            "https://sqs.eu-west-1.amazonaws.com",
            "https://sqs.eu-west-1.amazonaws.com:443/",
            "http://127.0.0.1:5000/",
            "http://localhost:4566/a path/%20",
        ]
    ),
)
def test_signs_as_botocore(
    body: bytes,
    target: str,
    keys: tuple[str, str],
    session_token: str | None,
    region: str,
    url: str,
) -> None:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}
    aws = AwsSettings(region, None, *keys, session_token)
    own = signed_headers(url, headers, body, aws, service="sqs", now=NOW)

    request = AWSRequest(method="POST", url=url, data=body, headers=headers)
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment):
        SigV4Auth(Credentials(*keys, session_token), "sqs", region).add_auth(request)
    expected = {name.lower(): value for name, value in request.headers.items()}
    assert {name: own[name] for name in expected} == expected


def test_signs_with_the_current_time() -> None:
    aws = AwsSettings("eu-west-1", None, "AKIDEXAMPLE", "secret-key", None)
    signed = signed_headers(
        "https://sqs.example.com/", {}, b"", aws, service="sqs", now=time.time()
    )
    assert signed["x-amz-date"].startswith(time.strftime("%Y%m%dT", time.gmtime()))
    assert "secret-key" not in str(signed)
