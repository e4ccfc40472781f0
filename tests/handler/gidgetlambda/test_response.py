import json
from collections.abc import Callable
from typing import Any

import pytest
from gidgetlambda import (
    BadGraphQLRequest,
    BadRequest,
    GitLabBroken,
    GraphQLAuthorizationFailure,
    GraphQLException,
    GraphQLResponseTypeError,
    HTTPException,
    InvalidField,
    QueryError,
    RateLimitExceeded,
    RedirectionException,
)
from gidgetlambda.response import (
    create_headers,
    decipher_graphql_response,
    decipher_response,
    next_link,
    retry_after,
)

JSON = {"content-type": "application/json"}
NOW = 1_744_578_123.0
EXHAUSTED = {"ratelimit-limit": "10", "ratelimit-remaining": "0", "ratelimit-reset": "1744578183"}


def error_of(
    status: int,
    body: Any,
    headers: dict[str, str] = JSON,
    decipher: Callable[..., Any] = decipher_response,
) -> Any:
    """Return the exception for a response; a body other than bytes is sent as JSON."""
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises((GraphQLException, HTTPException)) as error:
        decipher(status, headers, encoded)
    return error.value


# Success


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_returns_the_data(status: int) -> None:
    assert decipher_response(status, JSON, b'{"id": 1}') == ({"id": 1}, None, None)


@pytest.mark.parametrize(
    ("headers", "body", "data"),
    [
        (JSON, b"", None),
        ({}, b"", None),
        ({}, b"text", None),
        (JSON, b"null", None),
        ({"content-type": "application/json; charset=utf-8"}, '"é"'.encode(), "é"),
        ({"content-type": "Application/JSON"}, b"[]", []),
        ({"content-type": "application/scim+json"}, b"{}", {}),
        ({"content-type": "text/plain"}, "é".encode(), "é"),
        ({"content-type": "text/plain; charset=iso-8859-1"}, b"\xe9", "é"),
        *(
            ({"content-type": f"text/plain; charset={charset}"}, b"\xe9", "\ufffd")
            for charset in ("nonsense", "undefined", "idna", "punycode", "hex", "rot13", "mbcs")
        ),
        ({"content-type": "text/plain"}, b"\xff", "\ufffd"),
        ({"content-type": "application/octet-stream"}, b"\xff", b"\xff"),
    ],
)
def test_decodes_a_body_by_its_content_type(
    headers: dict[str, str], body: bytes, data: Any
) -> None:
    assert decipher_response(200, headers, body)[0] == data


@pytest.mark.parametrize("body", [b"{", b"<xml>", b"\xff", b"[" * 100_000], ids=len)
def test_broken_json_raises_gitlab_broken(body: bytes) -> None:
    with pytest.raises(GitLabBroken, match="not the JSON that Content-Type announces") as error:
        decipher_response(200, JSON, body)
    assert error.value.status_code == 200


# Errors


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"message": "404 Project Not Found"}, "404 Project Not Found"),
        ({"message": {"title": ["can't be blank"]}}, "title can't be blank"),
        (
            {"message": {"title": ["is missing", "is short"], "iid": ["is taken"]}},
            "title is missing, is short; iid is taken",
        ),
        ({"message": ["one", "two"]}, "one, two"),
        ({"error": "title is missing"}, "title is missing"),
        (
            {"error": "invalid_token", "error_description": "Token was revoked."},
            "invalid_token: Token was revoked.",
        ),
        ({"message": "Bad", "error": None}, "Bad"),
        ({"base": ["is wrong"]}, "base is wrong"),
        (["one", {"message": "two"}], "one, two"),
        ("plain", "plain"),
        ({}, "Not Found"),
        (None, "null"),
        (b"", "Not Found"),
        (b"<broken json", "<broken json"),
        (b"\xff", "\ufffd"),
    ],
)
def test_joins_the_forms_of_an_error(body: Any, text: str) -> None:
    error = error_of(404, body)
    assert isinstance(error, BadRequest)
    assert str(error) == text


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/octet-stream"])
def test_keeps_a_plain_text_as_the_message(content_type: str) -> None:
    assert str(error_of(404, b"Nothing here\n", {"content-type": content_type})) == "Nothing here"


def test_truncates_a_long_error_page() -> None:
    assert len(str(error_of(502, b"x" * 10**6, {"content-type": "text/html"}))) == 2000


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (199, HTTPException),
        (203, HTTPException),
        (300, RedirectionException),
        (399, RedirectionException),
        (400, BadRequest),
        (403, BadRequest),
        (499, BadRequest),
        (500, GitLabBroken),
        (999, GitLabBroken),
    ],
)
def test_status_selects_the_exception(status: int, kind: type[HTTPException]) -> None:
    error = error_of(status, b"")
    assert type(error) is kind
    assert error.status_code == status
    assert str(error)


@pytest.mark.parametrize(
    ("body", "errors", "text"),
    [
        ({"message": {"title": ["is short"]}}, {"title": ["is short"]}, "title is short"),
        (
            {"message": "Failed", "errors": [{"field": "title"}]},
            [{"field": "title"}],
            "Failed",
        ),
        ({"message": "Failed"}, "Failed", "Failed"),
        ({"error": "is wrong"}, "is wrong", "is wrong"),
        (["one"], None, "one"),
        (b"plain", None, "plain"),
        (b"", None, "Unprocessable Entity"),
    ],
)
def test_422_keeps_the_errors_of_the_fields(body: Any, errors: Any, text: str) -> None:
    error = error_of(422, body)
    assert isinstance(error, InvalidField)
    assert error.errors == errors
    if body:
        assert str(error) == text


def test_redirection_names_the_location() -> None:
    error = error_of(301, b"", {"location": "https://gitlab.example.com/new"})
    assert str(error) == "moved to https://gitlab.example.com/new"


# Passing failures, which only the body can show

READ_ONLY = "You cannot perform write operations on a read-only instance"
HTML = {"content-type": "text/html; charset=utf-8"}
PAGE = b"<!DOCTYPE html>\n<html><title>Sign in</title></html>"
EITHER = pytest.mark.parametrize("decipher", [decipher_response, decipher_graphql_response])


@EITHER
@pytest.mark.parametrize(
    ("status", "body", "headers", "down"),
    [
        (408, b"", {}, False),
        (425, {"message": "Too Early"}, JSON, False),
        (409, {"message": "Resource lock"}, JSON, False),
        (409, {"message": "409 Conflict: Resource lock"}, JSON, False),
        (409, {"error": "resource lock"}, JSON, False),
        (500, {"message": "500 Internal Server Error"}, JSON, False),
        (500, PAGE, HTML, True),
        (502, b"Bad gateway", {"content-type": "text/plain"}, True),
        (503, b"", {}, True),
        (504, PAGE, HTML, True),
        (403, {"message": READ_ONLY}, JSON, True),
        (403, {"message": f"403 Forbidden - {READ_ONLY}."}, JSON, True),
        (403, {"error": READ_ONLY}, JSON, True),
        (403, READ_ONLY.encode(), {"content-type": "text/plain"}, True),
        (200, PAGE, HTML, True),
        (201, PAGE, {"content-type": "Application/XHTML+XML"}, True),
        (401, PAGE, HTML, True),
        (403, PAGE, HTML, True),
        (404, PAGE, HTML, True),
        (200, b"Wait", HTML, True),
        (200, b"\xef\xbb\xbf\n <HTML lang=en>", JSON, True),
        (200, PAGE, {}, True),
        (403, PAGE, {"content-type": "text/plain"}, True),
        (422, b"<html>", JSON, True),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_passing_failure_is_gitlab_broken(
    status: int, body: Any, headers: dict[str, str], down: bool, decipher: Callable[..., Any]
) -> None:
    error = error_of(status, body, headers, decipher)
    assert type(error) is GitLabBroken
    assert (error.status_code, error.down) == (status, down)


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind"),
    [
        (409, {"message": "Another open merge request already exists"}, JSON, BadRequest),
        (409, {"message": "SHA does not match HEAD of source branch"}, JSON, BadRequest),
        (400, {"message": "Resource lock"}, JSON, BadRequest),
        (403, {"message": "403 Forbidden - Your account has been blocked."}, JSON, BadRequest),
        (301, PAGE, HTML, RedirectionException),
        (429, PAGE, HTML, RateLimitExceeded),
        (403, PAGE, {**HTML, **EXHAUSTED}, RateLimitExceeded),
    ],
)
def test_other_refusals_keep_the_class_of_their_status(
    status: int, body: Any, headers: dict[str, str], kind: type[Exception]
) -> None:
    assert type(error_of(status, body, headers)) is kind


@pytest.mark.parametrize(
    ("headers", "body", "data"),
    [
        ({"content-type": "text/plain; charset=utf-8"}, PAGE, PAGE.decode()),
        ({"content-type": "application/octet-stream"}, PAGE, PAGE),
        ({**HTML, "content-disposition": "attachment; filename=x.html"}, PAGE, PAGE.decode()),
        (JSON, b'"<html>"', "<html>"),
        (HTML, b"", None),
    ],
)
def test_a_file_is_a_value_even_if_it_is_html(
    headers: dict[str, str], body: bytes, data: Any
) -> None:
    assert decipher_response(200, headers, body)[0] == data


def test_the_head_of_a_page_is_gitlab_broken() -> None:
    with pytest.raises(GitLabBroken, match="HTML and not JSON"):
        decipher_response(200, HTML, b"", method="HEAD")


# Rate limits


@pytest.mark.parametrize(
    ("status", "body", "headers", "text", "wait"),
    [
        (429, b"Retry later", {"retry-after": "7"}, "Retry later", True),
        (
            429,
            {"message": {"error": "Too many requests."}},
            JSON,
            "Too many requests.",
            False,
        ),
        (403, b"", EXHAUSTED, "rate limit exceeded", True),
    ],
)
def test_429_and_exhausted_403_are_rate_limits(
    status: int, body: Any, headers: dict[str, str], text: str, wait: bool
) -> None:
    error = error_of(status, body, headers)
    assert isinstance(error, RateLimitExceeded)
    assert (error.status_code, str(error)) == (status, text)
    assert (error.retry_after is not None) == wait
    assert error.rate_limit.remaining == 0
    assert (error.rate_limit.limit > 0) == (headers is EXHAUSTED)


def test_403_with_requests_remaining_is_a_bad_request() -> None:
    headers = JSON | EXHAUSTED | {"ratelimit-remaining": "1"}
    assert type(error_of(403, {"message": "403 Forbidden"}, headers)) is BadRequest


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 30 "}, 30.0),
        ({"retry-after": "9" * 5000}, 999_999_999.0),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "١٢"}, None),
        ({"retry-after": "Sun, 13 Apr 2025 21:02:13 GMT"}, 10.0),
        ({"retry-after": "Sun, 13 Apr 2025 21:02:13 -0000"}, 10.0),
        ({"retry-after": "Sun, 13 Apr 2025 20:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 13 Apr 99999 20:00:00 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359"}, 0.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -9999"}, None),
        ({"retry-after": "Sun, 13 Apr 2025 21:02:13 +999999999999"}, None),
        ({"retry-after": "Sun, 13 Apr" + " " * 10_000}, None),
        ({"ratelimit-limit": "1", "ratelimit-remaining": "0", "ratelimit-reset": "inf"}, None),
        ({"ratelimit-limit": "1", "ratelimit-remaining": "0", "ratelimit-reset": "1e99"}, None),
        ({"ratelimit-limit": "x", "ratelimit-remaining": "0", "ratelimit-reset": "1"}, None),
        (EXHAUSTED, 60.0),
        (EXHAUSTED | {"ratelimit-remaining": "1"}, None),
        (EXHAUSTED | {"ratelimit-reset": "1"}, 0.0),
        (EXHAUSTED | {"retry-after": "5"}, 5.0),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=NOW) == seconds


# The next page


@pytest.mark.parametrize(
    ("link", "following"),
    [
        (None, None),
        ("", None),
        ('<https://g/api?page=2>; rel="next"', "https://g/api?page=2"),
        (
            '<https://g/api?page=1>; rel="prev", <https://g/api?page=3>; rel="next", '
            '<https://g/api?page=1>; rel="first"',
            "https://g/api?page=3",
        ),
        ('<https://g/api?a=1,2;3>; rel="next"', "https://g/api?a=1,2;3"),
        ("<https://g/api>; rel=next", "https://g/api"),
        ('<https://g/api>; title="a, b; c"; rel="next"', "https://g/api"),
        ('<https://g/api>; REL="next"', "https://g/api"),
        ('<https://g/api>; rel="last next"', "https://g/api"),
        ('<https://g/api>; rel="nextish"', None),
        ('<https://g/api>; title="rel=next"', None),
        ("nonsense", None),
        ("<" * 65_000 + "next", None),
        ('<a>; rel="prev' + "," * 65_000 + '; rel="next"', None),
        ("<a>" + "; x=" * 65_000 + '; rel="next"', None),
        ("<a>" + " ;" * 65_000 + "next", None),
        ('<https://g/api>; title="a; rel=next"', None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_next_link(link: str | None, following: str | None) -> None:
    assert next_link(link) == following


# GraphQL


def test_graphql_returns_the_data() -> None:
    body = b'{"data": {"currentUser": null}, "errors": []}'
    assert decipher_graphql_response(200, JSON, body) == {"currentUser": None}


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (200, {"errors": [{"message": "no such field"}]}, QueryError, "no such field"),
        (200, {"data": {}, "errors": [{"message": "partly"}]}, QueryError, "partly"),
        (200, {"errors": "strange"}, QueryError, "strange"),
        (200, {"errors": [{"message": "a"}, {"message": READ_ONLY}]}, GitLabBroken, READ_ONLY),
        (200, {"errors": [{}]}, QueryError, "errors"),
        (200, {}, GraphQLException, "without data"),
        (200, [], GraphQLResponseTypeError, "expected JSON"),
        (200, b"", GraphQLException, "without a body"),
        (401, {"errors": [{"message": "Invalid token"}]}, GraphQLAuthorizationFailure, "Invalid"),
        (401, {"message": "401 Unauthorized"}, GraphQLAuthorizationFailure, "401 Unauthorized"),
        (400, {"errors": [{"message": "bad"}]}, BadGraphQLRequest, "bad"),
        (404, [], BadGraphQLRequest, "[]"),
        (302, {}, GraphQLException, "302"),
        (429, b"Retry later", RateLimitExceeded, "Retry later"),
        (500, {"message": "500 Internal Server Error"}, GitLabBroken, "500"),
        (502, b"", GitLabBroken, "Bad Gateway"),
        (200, b"{", GitLabBroken, "not the JSON"),
    ],
)
def test_graphql_errors(status: int, body: Any, kind: type[Exception], text: str) -> None:
    error = error_of(status, body, decipher=decipher_graphql_response)
    assert type(error) is kind
    assert text in str(error)
    if isinstance(error, GraphQLException):
        assert hasattr(error, "response")


def test_graphql_keeps_a_text_that_is_not_json() -> None:
    error = error_of(200, b"Hello", {"content-type": "text/plain"}, decipher_graphql_response)
    assert isinstance(error, GraphQLResponseTypeError)
    assert error.response == "Hello"
    assert "text/plain" in str(error)


# Requests


def test_create_headers() -> None:
    assert create_headers("bot") == {
        "user-agent": "bot",
        "accept": "application/json",
        "accept-encoding": "gzip",
    }
    headers = create_headers("bot", access_token="glpat-fake")
    assert headers["authorization"] == "Bearer glpat-fake"
