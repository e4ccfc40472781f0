import pytest
from gidgetlambda import BadRequest
from gidgetlambda.redactor import Redactor

SECRET = "s3cret-token"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor([SECRET, f"{SECRET}-longer", "séc ret", "abc", ""])


def test_secrets_are_taken_out(redactor: Redactor) -> None:
    assert redactor.text(f"a {SECRET}, b{SECRET}c") == "a ***, b***c"


def test_of_two_secrets_the_longer_goes_first(redactor: Redactor) -> None:
    assert redactor.text(f"{SECRET}-longer") == "***"


def test_a_secret_with_blanks_and_letters_beyond_ascii(redactor: Redactor) -> None:
    assert redactor.text("(séc ret)") == "(***)"


def test_a_secret_too_short_to_be_one_stays(redactor: Redactor) -> None:
    assert redactor.text("abc") == "abc"


def test_no_secret_in_its_repr(redactor: Redactor) -> None:
    assert SECRET not in repr(redactor)


def test_a_secret_that_is_cut_off_is_not_half_shown(redactor: Redactor) -> None:
    assert redactor.text("x" * 10 + SECRET, limit=14) == "x" * 10 + "***"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain", "plain"),
        ("é", "\\xe9"),
        ("\ud800", "\\ud800"),
        ("\U0001f600", "\\U0001f600"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\rb\x00\x7f", "a\\rb\\x00\\x7f"),
        ("\u2028", "\\u2028"),
    ],
    ids=ascii,
)
def test_texts_become_ascii_without_control_characters(
    redactor: Redactor, text: str, told: str
) -> None:
    assert redactor.text(text) == told


def test_a_long_text_is_cut(redactor: Redactor) -> None:
    assert redactor.text("x" * 9000) == "x" * 4000 + "..."


def test_values_are_cleaned_wherever_they_hold_a_text(redactor: Redactor) -> None:
    value = {"a": [SECRET, (f"b{SECRET}", 1)], SECRET: {"c": None}, "d": 1.5, "e": True}
    cleaned = {"a": ["***", ["b***", 1]], "***": {"c": None}, "d": 1.5, "e": True}
    assert redactor.value(value) == cleaned


# Errors


def test_an_error_in_one_line(redactor: Redactor) -> None:
    assert redactor.error(ValueError(f"no {SECRET}")) == "ValueError: no ***"
    assert redactor.error(KeyError("\ud800")) == "KeyError: '\\ud800'"


def test_an_http_error_names_its_request(redactor: Redactor) -> None:
    error = BadRequest(404, "404 Project Not Found")
    error.request = "GET https://gitlab.example.com/api/v4/projects/1"
    assert redactor.error(error) == f"BadRequest: 404 Project Not Found ({error.request})"


def test_an_error_that_cannot_be_told(redactor: Redactor) -> None:
    class UntoldError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert redactor.error(UntoldError()).startswith("UntoldError")
    assert "UntoldError" in redactor.traceback(UntoldError())


def test_a_traceback_shows_no_secret_of_its_causes(redactor: Redactor) -> None:
    def fail() -> None:
        try:
            raise ValueError(f"inner {SECRET}")
        except ValueError as error:
            raised = RuntimeError(f"outer {SECRET}")
            raised.add_note(f"note {SECRET}")
            raise raised from error

    with pytest.raises(RuntimeError) as raised:
        fail()
    told = redactor.traceback(raised.value)
    assert SECRET not in told
    assert "inner ***" in told
    assert "note ***" in told


def test_of_a_long_traceback_the_end_is_kept(redactor: Redactor) -> None:
    told = redactor.traceback(ValueError("x" * 9000 + "end"))
    assert len(told) <= 4000
    assert told.rstrip().endswith("end")
