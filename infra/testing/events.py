"""The three forms in which AWS hands an HTTP request to a function, made from the request itself.

Each builder takes what a client sends and gives the event as its page describes it. What no adapter
reads (certificates, tracing, an authorizer) is left out.
"""

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
"""Header fields; pairs, to send one several times."""

_ACCOUNT = "123456789012"
_API = "a1b2c3d4e5"
_REGION = "eu-west-1"
_REQUEST = "d0c5d3a1-6b7f-4c57-9a4e-0d6f1e8b2c3a"
_SOURCE_IP = "192.0.2.1"
_TIME = "01/Nov/2026:12:00:00 +0000"
_TIME_EPOCH = 1_793_534_400_000


def http_api_event(
    method: str, path: str, headers: Headers = (), body: bytes = b"", *, encoded: bool = False
) -> dict[str, Any]:
    """Make the event of an HTTP API, payload format 2.0.

    Args:
        method: such as "POST".
        path: with the query string, if any.
        headers: fields of one name are joined by commas, as the API does it.
        body: as sent; UTF-8 unless `encoded`.
        encoded: whether the body is passed on in base64.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    route = f"ANY {urlsplit(path).path}"
    domain = f"{_API}.execute-api.{_REGION}.amazonaws.com"
    return _version_2(method, path, headers, body, encoded=encoded, route=route, domain=domain)


def function_url_event(
    method: str, path: str, headers: Headers = (), body: bytes = b"", *, encoded: bool = False
) -> dict[str, Any]:
    """Make the event of a Lambda function URL; the arguments are those of `http_api_event`.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
    """
    domain = f"{_API}.lambda-url.{_REGION}.on.aws"
    return _version_2(method, path, headers, body, encoded=encoded, route="$default", domain=domain)


def rest_api_event(
    method: str,
    path: str,
    headers: Headers = (),
    body: bytes = b"",
    *,
    encoded: bool = False,
    stage: str = "prod",
) -> dict[str, Any]:
    """Make the event of a REST API (proxy integration); the arguments are those of
    `http_api_event`, and the stage, which stands before the path in the URL only.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    url = urlsplit(path)
    fields = _grouped(_pairs(headers))
    query = _grouped(parse_qsl(url.query, keep_blank_values=True))
    return {
        "resource": url.path,
        "path": url.path,
        "httpMethod": method,
        "headers": _last(fields) or None,
        "multiValueHeaders": fields or None,
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": _API,
            "domainName": f"{_API}.execute-api.{_REGION}.amazonaws.com",
            "httpMethod": method,
            "identity": {"sourceIp": _SOURCE_IP, "userAgent": None},
            "path": f"/{stage}{url.path}",
            "protocol": "HTTP/1.1",
            "requestId": _REQUEST,
            "requestTime": _TIME,
            "requestTimeEpoch": _TIME_EPOCH,
            "resourcePath": url.path,
            "stage": stage,
        },
        "body": _body(body, encoded=encoded),
        "isBase64Encoded": encoded,
    }


def answer_body(answer: Mapping[str, Any]) -> bytes:
    """Give the body of a function's answer, decoded where it says that it is in base64."""
    body = str(answer.get("body") or "")
    return base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()


def _version_2(
    method: str,
    path: str,
    headers: Headers,
    body: bytes,
    *,
    encoded: bool,
    route: str,
    domain: str,
) -> dict[str, Any]:
    url = urlsplit(path)
    fields = _joined((name.lower(), value) for name, value in _pairs(headers))
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": url.path,
        "rawQueryString": url.query,
        "headers": fields,
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": _API,
            "domainName": domain,
            "domainPrefix": _API,
            "http": {
                "method": method,
                "path": url.path,
                "protocol": "HTTP/1.1",
                "sourceIp": _SOURCE_IP,
                "userAgent": fields.get("user-agent", ""),
            },
            "requestId": _REQUEST,
            "routeKey": route,
            "stage": "$default",
            "time": _TIME,
            "timeEpoch": _TIME_EPOCH,
        },
        "isBase64Encoded": encoded,
    }
    if query := parse_qsl(url.query, keep_blank_values=True):
        event["queryStringParameters"] = _joined(query)
    if body:
        event["body"] = _body(body, encoded=encoded)
    return event


def _pairs(headers: Headers) -> list[tuple[str, str]]:
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped = defaultdict(list)
    for name, value in pairs:
        grouped[name].append(value)
    return dict(grouped)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: ",".join(values) for name, values in _grouped(pairs).items()}


def _last(grouped: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in grouped.items()}


def _body(body: bytes, *, encoded: bool) -> str | None:
    if not body:
        return None
    return base64.b64encode(body).decode() if encoded else body.decode()
