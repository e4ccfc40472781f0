import base64
import logging

import pytest
from gidgetlambda import SettingsError
from gidgetlambda.redactor import Redactor
from gidgetlambda.settings import ReceiveSettings, WorkSettings, log_level, secrets

SIGNING_TOKEN = "whsec_" + base64.b64encode(b"not a secret, only a test's key!").decode()
OTHER_SIGNING_TOKEN = "whsec_" + base64.b64encode(b"another key, of yet another hook").decode()
ACCESS_TOKEN = "glpat-fake"


def receive_problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        ReceiveSettings.from_env(environ)
    assert str(error.value) == "; ".join(error.value.problems)
    return list(error.value.problems)


def work_problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        WorkSettings.from_env(environ)
    return list(error.value.problems)


# Receiving


def test_a_secret_token_and_the_previous_one() -> None:
    settings = ReceiveSettings.from_env({"GL_SECRET": "new", "GL_SECRET_PREVIOUS": " old "})
    assert settings.credentials.tokens == ("new", "old")
    assert settings.credentials.signing_keys == ()


def test_several_signing_tokens_are_parted_by_blanks() -> None:
    environ = {"GL_SIGNING_TOKEN": f" {SIGNING_TOKEN}  {OTHER_SIGNING_TOKEN}\n"}
    keys = ReceiveSettings.from_env(environ).credentials.signing_keys
    assert keys == (b"not a secret, only a test's key!", b"another key, of yet another hook")


@pytest.mark.parametrize(
    "environ", [{}, {"GL_SECRET": ""}, {"GL_SECRET": " ", "GL_SIGNING_TOKEN": ""}]
)
def test_no_secret_of_either_kind_is_a_problem(environ: dict[str, str]) -> None:
    (problem,) = receive_problems(**environ)
    assert problem.startswith("set GL_SIGNING_TOKEN or GL_SECRET")


def test_a_previous_secret_alone_is_no_secret() -> None:
    assert len(receive_problems(GL_SECRET_PREVIOUS="old")) == 1


def test_every_problem_is_named_at_once_and_no_value() -> None:
    problems = receive_problems(
        GL_SECRET="top\nsecret", GL_SECRET_PREVIOUS="older\x00secret", GL_SIGNING_TOKEN="whsec_!!"
    )
    assert [problem.split()[0] for problem in problems] == [
        "GL_SECRET",
        "GL_SECRET_PREVIOUS",
        "GL_SIGNING_TOKEN",
    ]
    told = " ".join(problems)
    assert not any(part in told for part in ("top", "older", "!!"))


def test_one_malformed_signing_token_among_good_ones_is_a_problem() -> None:
    (problem,) = receive_problems(GL_SIGNING_TOKEN=f"{SIGNING_TOKEN} whsec_c2VjcmV0")
    assert problem == "GL_SIGNING_TOKEN must hold 24 to 64 bytes, not 6"


# Working


def test_defaults() -> None:
    settings = WorkSettings.from_env({"GL_ACCESS_TOKEN": ACCESS_TOKEN, "GL_URL": ""})
    assert settings.access_token == ACCESS_TOKEN
    assert settings.url == "https://gitlab.com"
    assert settings.ignore_self is None
    assert settings.ca_file is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://gitlab.example.com", "https://gitlab.example.com"),
        ("https://gitlab.example.com/", "https://gitlab.example.com"),
        ("https://example.com/gitlab/", "https://example.com/gitlab"),
        (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_address_of_an_instance(text: str, url: str) -> None:
    assert WorkSettings.from_env({"GL_ACCESS_TOKEN": ACCESS_TOKEN, "GL_URL": text}).url == url


@pytest.mark.parametrize(
    "text",
    [
        "gitlab.example.com",
        "ftp://gitlab.example.com",
        "https://",
        "https:///api",
        "https://bob:hunter2@gitlab.example.com",
        "https://hunter2@gitlab.example.com",
        "https://gitlab.example.com?private_token=hunter2",
        "https://gitlab.example.com#hunter2",
        "https://gitlab.example.com:hunter2",
        "https://gitlab.example.com:99999",
        "https://[hunter2",
        "https://bob:hunter2@\u2100.example.com",
        "https://gitlab.example.com/a b",
        "https://gitlab.exa mple.com",
        "https://gitlab.example.com/\x00",
    ],
)
def test_a_malformed_address_is_a_problem_and_not_quoted(text: str) -> None:
    (problem,) = work_problems(GL_ACCESS_TOKEN=ACCESS_TOKEN, GL_URL=text)
    assert problem.startswith("GL_URL must be")
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("TRUE", True), ("1", True), ("yes", True), ("false", False), ("0", False)],
)
def test_ignore_self(text: str, value: bool) -> None:
    environ = {"GL_ACCESS_TOKEN": ACCESS_TOKEN, "GL_IGNORE_SELF": text}
    assert WorkSettings.from_env(environ).ignore_self is value


@pytest.mark.parametrize("token", ["top secret", "top\nsecret", "tóp", "top\x7f"])
def test_a_malformed_access_token_is_a_problem_and_not_quoted(token: str) -> None:
    (problem,) = work_problems(GL_ACCESS_TOKEN=token)
    assert problem.startswith("GL_ACCESS_TOKEN has a blank or a character beyond ASCII")
    assert "top" not in problem


def test_every_problem_of_working_is_named_at_once() -> None:
    problems = work_problems(GL_URL="gitlab", GL_IGNORE_SELF="perhaps")
    assert [name for problem in problems for name in problem.split() if name.startswith("GL_")] == [
        "GL_ACCESS_TOKEN",
        "GL_URL",
        "GL_IGNORE_SELF",
    ]


# Secrets


def test_no_secret_in_a_repr() -> None:
    receive = ReceiveSettings.from_env({"GL_SECRET": "s3cret", "GL_SIGNING_TOKEN": SIGNING_TOKEN})
    work = WorkSettings.from_env({"GL_ACCESS_TOKEN": ACCESS_TOKEN})
    for settings in (receive, work):
        assert "s3cret" not in repr(settings)
        assert "not a secret" not in repr(settings)
        assert ACCESS_TOKEN not in repr(settings)


def test_every_secret_is_hidden_sound_or_not() -> None:
    environ = {
        "GL_SECRET": " it is a secret ",
        "GL_SECRET_PREVIOUS": "older",
        "GL_SIGNING_TOKEN": f"{SIGNING_TOKEN} {OTHER_SIGNING_TOKEN}",
        "GL_ACCESS_TOKEN": ACCESS_TOKEN,
        "AWS_SECRET_ACCESS_KEY": "secret/key",
        "AWS_SESSION_TOKEN": "session/token",
    }
    redactor = Redactor(secrets(environ))
    for value in (*environ.values(), SIGNING_TOKEN, OTHER_SIGNING_TOKEN):
        assert redactor.text(f"({value.strip()})") == "(***)"
    assert redactor.text("what it is") == "what it is"


# The log's level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("DEBUG", logging.DEBUG),
        (" warning ", logging.WARNING),
        ("", logging.INFO),
        ("loud", logging.INFO),
    ],
)
def test_log_level(text: str, level: int) -> None:
    assert log_level({"LOG_LEVEL": text}) == level
    assert log_level({}) == logging.INFO
