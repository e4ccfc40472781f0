"""The built package under Lambda's emulator, with the sandbox as its GitLab."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.server import serve
from infra.testing.emulator import Emulator
from infra.testing.events import function_url_event, http_api_event, rest_api_event
from infra.testing.functions import FunctionTransport

HANDLER = "receive.lambda_handler"
SIGNING_TOKEN = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_TOKEN = "whsec_" + base64.b64encode(bytes(32)).decode()
WEBHOOK = "https://bot.example.com/webhook"


@pytest.fixture
def transport() -> FunctionTransport:
    """The transport from GitLab to the function, which is made after GitLab."""
    return FunctionTransport()


@pytest.fixture
def sandbox(transport: FunctionTransport) -> Iterator[Sandbox]:
    """A sandbox whose webhooks reach the function as events of an HTTP API."""
    instance = Sandbox(webhook_transport=transport)
    with serve(instance):
        yield instance


@pytest.fixture
def function(
    lambda_runtime: None, built: Path, sandbox: Sandbox, transport: FunctionTransport
) -> Iterator[Emulator]:
    settings = {
        "GL_URL": sandbox.url,
        "GL_ACCESS_TOKEN": BOT_TOKEN,
        "GL_SIGNING_TOKEN": SIGNING_TOKEN,
        "GL_SECRET": "sandbox-secret",
    }
    with Emulator(built, HANDLER, env=settings) as emulator:
        transport.add(emulator)
        yield emulator


def test_a_signed_delivery_in_a_comment_out(
    function: Emulator, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.add_hook(WEBHOOK, signing_token=SIGNING_TOKEN)

    issue = sandbox.open_issue("It does not start", by="alice")
    delivery, *_ = sandbox.settle()

    assert delivery.response_status == "200"
    (note,) = issue.notes
    assert "Thanks for the report @alice!" in note.body
    with capsys.disabled():
        print(
            f"\nunder the Lambda runtime: init {function.init_milliseconds:.0f} ms, "
            f"peak memory {function.peak_memory_mb:.0f} MB"
        )


@pytest.mark.usefixtures("function")
def test_a_delivery_with_the_secret_token_is_answered_as_well(sandbox: Sandbox) -> None:
    sandbox.add_hook(WEBHOOK, token="sandbox-secret")
    issue = sandbox.open_issue("It does not start", by="bob")
    sandbox.settle()
    assert ["@bob" in note.body for note in issue.notes] == [True]


@pytest.mark.usefixtures("function")
def test_a_forged_delivery_is_refused(sandbox: Sandbox) -> None:
    sandbox.add_hook(WEBHOOK, signing_token=OTHER_TOKEN, token="sandbox-secret")
    issue = sandbox.open_issue("It does not start")
    (delivery,) = sandbox.settle()
    assert delivery.response_status == "401"
    assert issue.notes == []


@pytest.mark.parametrize("build", [http_api_event, rest_api_event, function_url_event])
def test_every_form_of_event_is_answered(
    function: Emulator, build: Callable[..., dict[str, Any]]
) -> None:
    assert function.invoke(build("GET", "/health"))["statusCode"] == 200
    assert function.invoke(build("GET", "/"))["statusCode"] == 405
    assert function.invoke(build("POST", "/webhook", {}, b"{}"))["statusCode"] == 401


def test_no_secret_is_logged(function: Emulator, sandbox: Sandbox) -> None:
    sandbox.add_hook(WEBHOOK, signing_token=SIGNING_TOKEN, token="sandbox-secret")
    sandbox.open_issue("It does not start")
    sandbox.settle()
    function.wait_for_log('"message": ?"delivery"')
    assert not [
        secret for secret in (BOT_TOKEN, SIGNING_TOKEN, "sandbox-secret") if secret in function.log
    ]
