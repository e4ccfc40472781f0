"""The three forms of an HTTP request that AWS passes to a function.

The events lack the parts that no adapter reads (certificates, tracing, an authorizer).
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

Headers = Mapping[str, str] | Iterable[tuple[str, str]]  # pairs, to send one several times

_API_DOMAIN = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
_SOURCE_IP = "192.0.2.1"


def http_api_event(
    method: str,
    path: str,
    headers: Headers = (),
    body: bytes = b"",
    *,
    encoded: bool = False,
    domain: str = _API_DOMAIN,
) -> dict[str, Any]:
    """Make the event of an HTTP API's `$default` route, payload format 2.0.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

    Args:
        method: The method, such as "POST".
        path: The path, with the query string, if any.
        headers: The header fields; the API joins fields of one name by commas.
        body: The body as sent; UTF-8 unless `encoded`.
        encoded: Whether the event contains the body in base64.
        domain: The host that the client called.
    """
    parts = urlsplit(path)
    fields = _joined(_grouped(headers, spell=str.lower))
    http = {"method": method, "path": parts.path, "protocol": "HTTP/1.1", "sourceIp": _SOURCE_IP}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": fields,
        "requestContext": {
            "domainName": domain,
            "http": http,
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
        },
        "isBase64Encoded": encoded,
    }
    if query := parse_qs(parts.query, keep_blank_values=True):
        event["queryStringParameters"] = _joined(query)
    if body:
        event["body"] = _body(body, encoded=encoded)
    return event


# https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
function_url_event = partial(http_api_event, domain="a1b2c3d4e5.lambda-url.eu-west-1.on.aws")


def rest_api_event(
    method: str, path: str, headers: Headers = (), body: bytes = b"", *, encoded: bool = False
) -> dict[str, Any]:
    """Make the event of a REST API (proxy integration); the arguments are `http_api_event`'s.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    parts = urlsplit(path)
    fields = _grouped(headers)
    query = parse_qs(parts.query, keep_blank_values=True)
    return {
        "resource": parts.path,
        "path": parts.path,
        "httpMethod": method,
        "headers": _last(fields),
        "multiValueHeaders": fields or None,
        "queryStringParameters": _last(query),
        "multiValueQueryStringParameters": query or None,
        "requestContext": {
            "domainName": _API_DOMAIN,
            "identity": {"sourceIp": _SOURCE_IP},
            "path": f"/prod{parts.path}",  # the stage is part of the URL only
            "stage": "prod",
        },
        "body": _body(body, encoded=encoded) if body else None,
        "isBase64Encoded": encoded,
    }


def answer_body(answer: Mapping[str, Any]) -> bytes:
    """Return the body of a function's answer, decoded if it is in base64."""
    body = str(answer.get("body") or "")
    return base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()


def _grouped(headers: Headers, *, spell: Callable[[str], str] = str) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        grouped.setdefault(spell(name), []).append(value)
    return grouped


def _joined(grouped: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: ",".join(values) for name, values in grouped.items()}


def _last(grouped: Mapping[str, list[str]]) -> dict[str, str] | None:
    return {name: values[-1] for name, values in grouped.items()} or None


def _body(body: bytes, *, encoded: bool) -> str:
    return base64.b64encode(body).decode() if encoded else body.decode()
