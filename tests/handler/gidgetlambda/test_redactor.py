import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import httpx
import pytest
from gidgetlambda import BadRequest
from gidgetlambda.redactor import Redactor, shorten

SECRET = "s3cret-token"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor([SECRET, f"{SECRET}-longer", "séc ret", "abc", ""])


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"a {SECRET}, b{SECRET}c", "a ***, b***c"),
        (f"{SECRET}-longer", "***"),
        ("(séc ret)", "(***)"),
        ("a secret of 3 characters: abc", "a secret of 3 characters: abc"),
        ("é", "\\xe9"),
        ("\ud800", "\\ud800"),
        ("\U0001f600", "\\U0001f600"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\rb\x00\x7f", "a\\rb\\x00\\x7f"),
        ("\u2028", "\\u2028"),
        ("x" * 9000, "x" * 4000 + "..."),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_text_is_ascii_without_secrets(redactor: Redactor, text: str, clean: str) -> None:
    assert redactor.text(text) == clean


def test_redacts_before_truncating(redactor: Redactor) -> None:
    assert redactor.text("x" * 10 + SECRET, limit=14) == "x" * 10 + "***"


KEY = bytes(range(200, 232))
SECRETS = [
    SECRET,
    "glpat-Ab0_cd.01.1a2b3c4d5",
    "quote\"back\\slash'new\nline é&<tag> sign/+=end",
    "password with spaces",
    f"whsec_{base64.b64encode(KEY).decode()}",
]
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "repr": repr,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "repr of a repr": lambda secret: repr(repr(secret)),
    "JSON": json.dumps,
    "JSON in Unicode": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "quoted": quote,
    "quoted wholly": lambda secret: quote(secret, safe=""),
    "quoted with plus": quote_plus,
    "quoted in lower case": lambda secret: re.sub(
        "%..", lambda match: match[0].lower(), quote(secret, safe="")
    ),
    "quoted twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "HTML": html.escape,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 after a user": lambda secret: base64.b64encode(f"u:{secret}".encode()).decode(),
    "base64 within a text": lambda secret: base64.b64encode(f"x{secret} y".encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "a header": lambda secret: str({"authorization": f"Bearer {secret}"}),
    "an object": lambda secret: str(httpx.URL("https://g.example", params={"token": secret})),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS, ids=ascii)
def test_finds_a_secret_in_every_form(secret: str, form: str) -> None:
    shown = FORMS[form](secret)
    clean = Redactor([secret]).text(f"before {shown} after")
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert "***" in clean
    longest = max(re.findall("[A-Za-z0-9]+", secret), key=len)
    assert longest not in clean


@pytest.mark.parametrize(
    "shown",
    [
        KEY.hex(),
        KEY.hex().upper(),
        repr(KEY),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode(),
        repr({"key": KEY}),
    ],
)
def test_finds_the_key_of_a_signing_token(shown: str) -> None:
    clean = Redactor([SECRETS[-1]]).text(f"({shown})")
    assert "***" in clean
    assert len(clean) < 20


@pytest.mark.parametrize("limit", range(1, 40))
def test_a_shortened_text_shows_no_beginning_of_a_secret(redactor: Redactor, limit: int) -> None:
    text = shorten(f"at {SECRET}-longer!", limit)
    clean = redactor.text(f"{text} and {text}")
    assert all(SECRET[:length] not in clean for length in range(4, len(SECRET)))


def test_redacts_keys_and_nested_values(redactor: Redactor) -> None:
    value = {"a": [SECRET, (f"b{SECRET}", 1)], SECRET: {"c": None}, "d": 1.5, "e": True}
    clean = {"a": ["***", ["b***", 1]], "***": {"c": None}, "d": 1.5, "e": True}
    assert redactor.value(value) == clean


# Errors


def test_describes_an_error_in_one_line(redactor: Redactor) -> None:
    assert redactor.error(ValueError(f"no {SECRET}")) == "ValueError: no ***"
    assert redactor.error(KeyError("\ud800")) == "KeyError: '\\ud800'"


def test_names_the_request_of_an_http_error(redactor: Redactor) -> None:
    error = BadRequest(404, "404 Project Not Found")
    error.request = "GET https://gitlab.example.com/api/v4/projects/1"
    assert redactor.error(error) == f"BadRequest: 404 Project Not Found ({error.request})"


def test_describes_an_error_whose_str_fails(redactor: Redactor) -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("a bug")

    assert redactor.error(BrokenError()).startswith("BrokenError: (no message")
    assert "BrokenError" in redactor.traceback(BrokenError())


def test_redacts_a_traceback_with_causes_and_notes(redactor: Redactor) -> None:
    def fail() -> None:
        try:
            raise ValueError(f"inner {SECRET}")
        except ValueError as error:
            outer = RuntimeError(f"outer {SECRET}")
            outer.add_note(f"note {SECRET}")
            raise outer from error

    with pytest.raises(RuntimeError) as raised:
        fail()
    text = redactor.traceback(raised.value)
    assert SECRET not in text
    assert "inner ***" in text
    assert "note ***" in text


def test_keeps_the_end_of_a_long_traceback(redactor: Redactor) -> None:
    text = redactor.traceback(ValueError("x" * 9000 + "end"))
    assert len(text) <= 4000
    assert text.rstrip().endswith("end")
