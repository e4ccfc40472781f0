"""The sample bot's package under Lambda's emulator in inline mode, with the sandbox as GitLab."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.server import serve
from infra.testing.emulator import Emulator
from infra.testing.events import function_url_event, http_api_event, rest_api_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.package import Package
    from infra.testing.functions import FunctionTransport

SECRET = "the-webhook-secret"
SIGNING_TOKEN = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def sandbox(transport: FunctionTransport) -> Iterator[Sandbox]:
    """Yield a sandbox whose webhooks reach the function as events of an HTTP API."""
    with Sandbox(webhook_transport=transport) as instance, serve(instance):
        yield instance


@pytest.fixture
def function(
    lambda_runtime: None, sample: Package, sandbox: Sandbox, transport: FunctionTransport
) -> Iterator[Emulator]:
    settings = {
        "GL_URL": sandbox.url,
        "GL_ACCESS_TOKEN": BOT_TOKEN,
        "GL_SIGNING_TOKEN": SIGNING_TOKEN,
        "GL_SECRET": SECRET,
    }
    with Emulator(sample.folder, "receive.lambda_handler", env=settings) as emulator:
        transport.add(emulator)
        yield emulator


def test_a_signed_delivery_leads_to_a_comment_and_no_secret_is_logged(
    function: Emulator, sandbox: Sandbox, record_property: Callable[[str, object], None]
) -> None:
    url = "https://bot.example.com/webhook"
    sandbox.add_hook(url, signing_token=SIGNING_TOKEN, token=SECRET)
    issue = sandbox.open_issue("It does not start", by="alice")
    delivery, *_ = sandbox.settle()

    assert delivery.response_status == "200"
    (note,) = issue.notes
    assert "Thanks for the report @alice!" in note.body
    function.wait_for_log('"message": ?"delivery"')
    secrets = (BOT_TOKEN, SIGNING_TOKEN, SIGNING_TOKEN.removeprefix("whsec_"), SECRET)
    assert [secret for secret in secrets if secret in function.log] == []
    record_property(
        "figure",
        f"inline under the Lambda runtime: init {function.init_milliseconds:.0f} ms, "
        f"peak memory {function.peak_memory_mb:.0f} MB",
    )


def test_answers_every_form_of_http_event(function: Emulator) -> None:
    for event in (http_api_event, rest_api_event, function_url_event):
        assert function.invoke(event("GET", "/health"))["statusCode"] == 200
        assert function.invoke(event("GET", "/"))["statusCode"] == 405
        assert function.invoke(event("POST", "/webhook", {}, b"{}"))["statusCode"] == 401
