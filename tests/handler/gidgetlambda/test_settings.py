import base64
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from gidgetlambda import SettingsError
from gidgetlambda.proxies import Proxies
from gidgetlambda.redactor import Redactor
from gidgetlambda.settings import (
    AwsSettings,
    ConnectionSettings,
    QueueSettings,
    ReceiveSettings,
    WorkSettings,
    aws,
    log_level,
    secrets,
)

KEY = b"not a secret, only a test's key!"
OTHER_KEY = b"another key, of yet another hook"
SIGNING_TOKEN, OTHER_SIGNING_TOKEN = (
    f"whsec_{base64.b64encode(key).decode()}" for key in (KEY, OTHER_KEY)
)
ACCESS_TOKEN = "glpat-fake"
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks.fifo"

receive: Callable[..., ReceiveSettings] = ReceiveSettings.from_env


def work(**environ: str) -> WorkSettings:
    return WorkSettings.from_env({"GL_ACCESS_TOKEN": ACCESS_TOKEN, **environ})


def test_reads_the_secret_tokens_and_the_signing_tokens() -> None:
    settings = receive({"GL_SECRET": "new", "GL_SECRET_PREVIOUS": " old ", "QUEUE_URL": QUEUE_URL})
    assert settings.credentials.tokens == ("new", "old")
    assert settings.credentials.signing_keys == ()
    assert settings.queue_url == QUEUE_URL
    settings = receive({"GL_SIGNING_TOKEN": f" {SIGNING_TOKEN}  {OTHER_SIGNING_TOKEN}\n"})
    assert settings.credentials.signing_keys == (KEY, OTHER_KEY)
    assert settings.queue_url is None


def test_works_on_gitlab_com_by_default() -> None:
    settings = work(GL_URL="")
    assert (settings.access_token, settings.url) == (ACCESS_TOKEN, "https://gitlab.com")
    assert settings.ignore_self is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("url", "https://gitlab.example.com", "https://gitlab.example.com"),
        ("url", "https://gitlab.example.com/", "https://gitlab.example.com"),
        ("url", "https://example.com/gitlab/", "https://example.com/gitlab"),
        ("url", " http://127.0.0.1:8080 ", "http://127.0.0.1:8080"),
        ("url", "http://[::1]:8080", "http://[::1]:8080"),
        ("ignore_self", "TRUE", True),
        ("ignore_self", "1", True),
        ("ignore_self", "yes", True),
        ("ignore_self", "false", False),
        ("ignore_self", "0", False),
        ("dry_run", "true", True),
        ("dry_run", "no", False),
        ("dry_run", "", False),
    ],
)
def test_reads_the_settings_for_working(name: str, text: str, value: object) -> None:
    assert getattr(work(**{f"GL_{name.upper()}": text}), name) == value


def test_arguments_override_the_environment() -> None:
    received = receive({"GL_SECRET": "a", "GL_SECRET_PREVIOUS": "b"}, secret="given")
    assert received.credentials.tokens == ("given", "b")
    context = ssl.create_default_context()
    environ = {"GL_ACCESS_TOKEN": "a b", "GL_URL": "nonsense", "GL_CA_FILE": "nowhere.pem"}
    given = {"access_token": "given", "url": "https://gitlab.example.com"}
    worked = WorkSettings.from_env(environ, **given, ssl_context=context)
    connections = ConnectionSettings(context, Proxies())
    assert worked == WorkSettings("given", "https://gitlab.example.com", None, connections)


# Malformed settings


@pytest.mark.parametrize(
    ("read", "environ", "problems"),
    [
        (ReceiveSettings, {}, ["set GL_SIGNING_TOKEN or GL_SECRET"]),
        (ReceiveSettings, {"GL_SECRET": " "}, ["set GL_SIGNING_TOKEN or GL_SECRET"]),
        (ReceiveSettings, {"GL_SECRET_PREVIOUS": "x"}, ["set GL_SIGNING_TOKEN or GL_SECRET"]),
        (
            ReceiveSettings,
            {"GL_SECRET": "quoted\n", "GL_SECRET_PREVIOUS": "b\0", "GL_SIGNING_TOKEN": "whsec_!!"},
            ["GL_SECRET_PREVIOUS contains a control", "GL_SIGNING_TOKEN must be base64"],
        ),
        (
            ReceiveSettings,
            {"GL_SECRET": "a\nquoted", "GL_SIGNING_TOKEN": f"{SIGNING_TOKEN} whsec_c2VjcmV0"},
            ["GL_SECRET contains a control", "GL_SIGNING_TOKEN must hold 24 to 64 bytes, not 6"],
        ),
        (
            WorkSettings,
            {"GL_URL": "quoted", "GL_IGNORE_SELF": "quoted"},
            ["set GL_ACCESS_TOKEN", "GL_URL must be a URL", "GL_IGNORE_SELF must be true or false"],
        ),
        (QueueSettings, {}, ["set QUEUE_URL to", "set PARKED_QUEUE_URL to"]),
        (
            QueueSettings,
            {"QUEUE_URL": "https://quoted/tasks", "PARKED_QUEUE_URL": QUEUE_URL},
            ["QUEUE_URL must be the URL of a FIFO queue"],
        ),
    ],
)
def test_names_every_problem_and_quotes_no_value(
    read: Any, environ: dict[str, str], problems: list[str]
) -> None:
    with pytest.raises(SettingsError) as error:
        read.from_env(environ)
    assert len(error.value.problems) == len(problems)
    for problem, beginning in zip(error.value.problems, problems, strict=True):
        assert problem.startswith(beginning)
    assert str(error.value) == "; ".join(error.value.problems)
    assert "quoted" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GL_URL", "gitlab.example.com"),
        ("GL_URL", "ftp://gitlab.example.com"),
        ("GL_URL", "https:///api"),
        ("GL_URL", "https://bob:hunter2@gitlab.example.com"),
        ("GL_URL", "https://hunter2@gitlab.example.com"),
        ("GL_URL", "https://gitlab.example.com?private_token=hunter2"),
        ("GL_URL", "https://gitlab.example.com#hunter2"),
        ("GL_URL", "https://gitlab.example.com:hunter2"),
        ("GL_URL", "https://[hunter2"),
        ("GL_URL", "https://bob:hunter2@\u2100.example.com"),
        ("GL_URL", "https://gitlab.example.com/a b"),
        ("GL_URL", "https://gitlab.example.com/\x00"),
        ("GL_ACCESS_TOKEN", "hunter2 hunter2"),
        ("GL_ACCESS_TOKEN", "húnter2"),
        ("GL_ACCESS_TOKEN", "hunter2\x7f"),
    ],
)
def test_rejects_a_malformed_url_or_token_without_quoting_it(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as error:
        work(**{name: text})
    (problem,) = error.value.problems
    assert problem.startswith(name)
    assert "unter2" not in problem


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_rejects_a_ca_file_without_certificates(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=r"GL_CA_FILE .*ca.pem' must be a PEM file with cert"):
        work(GL_CA_FILE=str(path))


# Secrets


def test_repr_contains_no_secret() -> None:
    access = aws({"AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_SESSION_TOKEN": "s3cret"})
    received = receive({"GL_SECRET": "s3cret", "GL_SIGNING_TOKEN": SIGNING_TOKEN})
    for settings in (access, received, work(GL_ACCESS_TOKEN="s3cret")):
        assert "s3cret" not in repr(settings)
        assert "not a secret" not in repr(settings)


def test_redacts_every_secret_of_the_environment_valid_or_not() -> None:
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


# AWS and the log


@pytest.mark.parametrize(
    ("environ", "region", "endpoint"),
    [
        ({}, "", None),
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b", "AWS_ENDPOINT_URL": "c"}, "a", "c"),
        (
            {"AWS_DEFAULT_REGION": "b", "AWS_ENDPOINT_URL_SQS": "d", "AWS_ENDPOINT_URL": "c"},
            "b",
            "d",
        ),
    ],
)
def test_reads_the_access_to_aws(
    environ: dict[str, str], region: str, endpoint: str | None
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/key"}
    expected = AwsSettings(region, endpoint, "AKIDEXAMPLE", "secret/key", None)
    assert aws(keys | environ) == expected


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("DEBUG", logging.DEBUG),
        (" warning ", logging.WARNING),
        ("", logging.INFO),
        ("loud", logging.INFO),
    ],
)
def test_reads_the_log_level(text: str, level: int) -> None:
    assert log_level({"LOG_LEVEL": text}) == level
    assert log_level({}) == logging.INFO


# Certificate authorities


@pytest.fixture
def authorities(tmp_path: Path) -> dict[str, str]:
    """Files and folders of certificates by their names in the test."""
    pem = trustme.CA().cert_pem.bytes()
    (tmp_path / "ca.pem").write_bytes(pem)
    (tmp_path / "text.pem").write_text("nothing")
    for folder in ("hashed", "empty"):
        (tmp_path / folder).mkdir()
    (tmp_path / "hashed" / "0a1b2c3d.0").write_bytes(pem)
    names = ("ca.pem", "text.pem", "hashed", "empty", "missing")
    return {name: str(tmp_path / name) for name in names}


@pytest.mark.parametrize(
    ("environ", "certificates"),
    [
        ({"SSL_CERT_FILE": "ca.pem"}, 1),
        ({"SSL_CERT_FILE": "ca.pem", "SSL_CERT_DIR": "hashed"}, 1),
        ({"SSL_CERT_DIR": "hashed"}, 0),  # OpenSSL reads the folder in a handshake
    ],
)
def test_the_environment_replaces_the_public_authorities(
    authorities: dict[str, str], environ: dict[str, str], certificates: int
) -> None:
    given = {name: authorities[value] for name, value in environ.items()}
    context = ConnectionSettings.from_env(given).ssl_context
    assert len(context.get_ca_certs()) == certificates
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SSL_CERT_FILE", "missing"),
        ("SSL_CERT_FILE", "text.pem"),
        ("SSL_CERT_FILE", "empty"),
        ("SSL_CERT_DIR", "missing"),
        ("SSL_CERT_DIR", "empty"),
        ("SSL_CERT_DIR", "ca.pem"),
        ("GL_CA_FILE", "missing"),
        ("GL_CA_FILE", "text.pem"),
    ],
)
def test_names_a_malformed_setting_of_authorities(
    authorities: dict[str, str], name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{name} .* must be a"):
        work(**{name: authorities[value]})
