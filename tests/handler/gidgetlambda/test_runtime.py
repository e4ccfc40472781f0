import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from gidgetlambda import Event, GitLabAPI, Router
from gidgetlambda.runtime import Options, Runtime

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.server import serve
from tests.handler import payloads

pytestmark = pytest.mark.anyio


async def nothing(event: Event, gl: GitLabAPI) -> None: ...


def runtime_for(url: str | None = None, **options: Any) -> Runtime:
    router = Router()
    router.add(nothing, "Issue Hook")
    return Runtime("tester", router, Options(access_token=BOT_TOKEN, url=url, **options))


async def outcome_of(runtime: Runtime) -> str:
    """Run the handler once, which requests the account of the token; close the connections."""
    event = Event(payloads.issue(), event="Issue Hook")
    outcomes = await runtime.worker.run_all(event, runtime.router.explain(event))
    await runtime.aclose()
    (outcome,) = outcomes.values()
    return str(outcome)


async def test_passes_every_option_to_the_handlers_gitlab() -> None:
    cache: dict[str, Any] = {}
    runtime = runtime_for("https://gitlab.example.com/sub", api_version="v5", cache=cache)
    one, other = runtime._gitlab(), runtime._gitlab()
    await runtime.aclose()
    assert one.api_url == "https://gitlab.example.com/sub/api/v5/"
    assert (one.requester, one.access_token) == ("tester", BOT_TOKEN)
    assert one._cache is cache
    assert one is not other
    assert one._sender._client is other._sender._client


def test_opens_new_connections_in_a_new_event_loop(sandbox: Sandbox) -> None:
    runtime = runtime_for(sandbox.url)
    assert [asyncio.run(outcome_of(runtime)) for _ in range(2)] == ["done", "done"]

    async def new_api() -> GitLabAPI:
        return runtime._gitlab()

    one, other = (asyncio.run(new_api()) for _ in range(2))
    assert one._sender._client is not other._sender._client


def test_redacts_the_secrets_of_the_options_and_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GL_ACCESS_TOKEN", "glpat-fake")
    redactor = runtime_for(secret="s3cret").redactor
    assert redactor.text(f"s3cret, {BOT_TOKEN}, glpat-fake") == "***, ***, ***"


# A GitLab with a private certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a self-signed certificate for 127.0.0.1 and its key."""
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gitlab.example.com")])
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(days=1),
        not_valid_after=now + datetime.timedelta(days=1),
    )
    signed = builder.add_extension(addresses, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return path


@pytest.mark.parametrize("trusted_by", ["GL_CA_FILE", "relative GL_CA_FILE", "ssl_context", None])
async def test_trusts_a_private_certificate_that_is_configured(
    in_process: Sandbox,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted_by: str | None,
) -> None:
    context = None
    if trusted_by == "ssl_context":
        context = ssl.create_default_context(cafile=certificate)
    elif trusted_by == "GL_CA_FILE":
        monkeypatch.setenv("GL_CA_FILE", str(certificate))
    elif trusted_by:
        monkeypatch.chdir(certificate.parent)
        monkeypatch.setenv("GL_CA_FILE", certificate.name)

    async def do_not_wait(gl: GitLabAPI, seconds: float) -> None: ...

    monkeypatch.setattr(GitLabAPI, "sleep", do_not_wait)
    with serve(in_process.app, certificate=str(certificate), key=str(certificate)) as url:
        outcome = await outcome_of(runtime_for(url, ssl_context=context))
    if trusted_by:
        assert outcome == "done"
    else:
        assert "CERTIFICATE_VERIFY_FAILED" in outcome
