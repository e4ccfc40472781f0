import datetime
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from gidgetlambda import Event, GitLabAPI, GitLabBot, Router, SettingsError

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.testing.server import serve
from tests.handler import payloads

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
TRUST = httpx.create_ssl_context()


async def nothing(event: Event, gl: GitLabAPI, *args: Any, **kwargs: Any) -> None:
    pass


async def whoami(event: Event, gl: GitLabAPI) -> None:
    assert (await gl.getitem("/user"))["username"] == "playground-bot"


def an_event() -> Event:
    return Event(payloads.issue(), event="Issue Hook")


async def deliver(bot: GitLabBot, data: Any, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(bot.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        named = {"X-Gitlab-Event": "Issue Hook", **headers}
        return await client.post("/webhook", headers=named, json=data)


# Routers


def test_the_router_is_made_when_asked_for() -> None:
    bot = GitLabBot("tester")
    assert bot.router is bot.router
    assert isinstance(bot.router, Router)


def test_routers_are_registered_once_and_first() -> None:
    first, second = Router(), Router()
    first.add(nothing, "Issue Hook")
    second.add(nothing, "Push Hook")
    bot = GitLabBot("tester")
    bot.register_routers(first, second)
    assert [route.event_type for route in bot.router.routes] == ["Issue Hook", "Push Hook"]
    with pytest.raises(TypeError, match="has a router already: call register_routers once"):
        bot.register_routers(first)


def test_a_used_router_is_not_replaced() -> None:
    bot = GitLabBot("tester")
    bot.router.add(nothing, "Issue Hook")
    with pytest.raises(TypeError, match="has a router already"):
        bot.register_routers(Router())


# Arguments, as gidgetlab has them, before the environment


async def test_arguments_go_before_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GL_SECRET", "of the environment")
    monkeypatch.setenv("GL_ACCESS_TOKEN", "glpat-of-the-environment")
    monkeypatch.setenv("GL_URL", "http://127.0.0.1:1")
    bot = GitLabBot(
        "tester", secret="given", access_token=BOT_TOKEN, url=sandbox.url, ssl_context=TRUST
    )
    told: list[str] = []

    @bot.router.register("Issue Hook")
    async def who(event: Event, gl: GitLabAPI) -> None:
        told.append((await gl.getitem("/user"))["username"])

    answer = await deliver(bot, payloads.issue(), **{"X-Gitlab-Token": "given"})
    refused = await deliver(bot, payloads.issue(), **{"X-Gitlab-Token": "of the environment"})
    await bot.aclose()
    assert answer.json()["status"] == "done"
    assert refused.status_code == 401
    assert told == ["playground-bot"]


async def test_the_environment_where_nothing_is_given(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GL_SECRET", "s3cret")
    monkeypatch.setenv("GL_ACCESS_TOKEN", BOT_TOKEN)
    monkeypatch.setenv("GL_URL", sandbox.url)
    bot = GitLabBot("tester", secret="", access_token=None, ssl_context=TRUST)
    bot.router.add(nothing, "Issue Hook")
    answer = await deliver(bot, payloads.issue(), **{"X-Gitlab-Token": "s3cret"})
    await bot.aclose()
    assert answer.json()["status"] == "done"


async def test_every_argument_reaches_the_handlers_gitlab() -> None:
    cache: dict[str, Any] = {}
    bot = GitLabBot(
        "my-bot",
        secret="s",
        access_token="glpat-fake",
        cache=cache,
        ssl_context=TRUST,
        wait_consistency=False,
        url="https://gitlab.example.com/sub",
        api_version="v5",
    )
    gl = bot.worker._gitlab()
    await bot.aclose()
    assert gl.api_url == "https://gitlab.example.com/sub/api/v5/"
    assert (gl.requester, gl.access_token, gl._cache) == ("my-bot", "glpat-fake", cache)
    assert gl._cache is cache


async def test_the_tasks_of_a_loop_share_one_connection_and_no_state() -> None:
    bot = GitLabBot("my-bot", access_token="glpat-fake", ssl_context=TRUST)
    one, other = bot.worker._gitlab(), bot.worker._gitlab()
    await bot.aclose()
    assert one is not other
    assert one._client is other._client


def test_a_bot_outlives_an_event_loop(sandbox: Sandbox) -> None:
    import asyncio

    bot = GitLabBot("t", secret="s", access_token=BOT_TOKEN, url=sandbox.url, ssl_context=TRUST)
    bot.router.add(nothing, "Issue Hook")

    async def once() -> str:
        answer = await deliver(bot, payloads.issue(), **{"X-Gitlab-Token": "s"})
        await bot.aclose()
        return str(answer.json()["status"])

    assert [asyncio.run(once()) for _ in range(2)] == ["done", "done"]


# A private authority


@dataclass(frozen=True)
class Authority:
    """A private authority, and a certificate of it for 127.0.0.1."""

    ca_file: Path
    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    now = datetime.datetime.now(datetime.UTC)
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A private authority")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])

    def certificate(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer_name=ca_name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(days=1),
            not_valid_after=now + datetime.timedelta(days=1),
        )

    ca = certificate(ca_name, ca_key).add_extension(x509.BasicConstraints(True, None), True)
    server = certificate(x509.Name([]), server_key).add_extension(address, True)
    found = Authority(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    for path, builder in ((found.ca_file, ca), (found.certificate, server)):
        path.write_bytes(builder.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    private = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    found.key.write_bytes(private)
    return found


@pytest.mark.parametrize("trusted_by", ["GL_CA_FILE", "relative GL_CA_FILE", "ssl_context", None])
async def test_a_gitlab_of_a_private_authority(
    in_process: Sandbox,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    trusted_by: str | None,
) -> None:
    context = None
    if trusted_by == "ssl_context":
        context = ssl.create_default_context(cafile=authority.ca_file)
    elif trusted_by == "GL_CA_FILE":
        monkeypatch.setenv("GL_CA_FILE", str(authority.ca_file))
    elif trusted_by:
        monkeypatch.chdir(authority.ca_file.parent)
        monkeypatch.setenv("GL_CA_FILE", authority.ca_file.name)

    async def at_once(gl: GitLabAPI, seconds: float) -> None:
        pass

    monkeypatch.setattr(GitLabAPI, "sleep", at_once)
    certificate, key = str(authority.certificate), str(authority.key)
    with serve(in_process.app, certificate=certificate, key=key) as url:
        bot = GitLabBot("t", secret="s", access_token=BOT_TOKEN, url=url, ssl_context=context)
        bot.router.add(whoami, "Issue Hook")
        (outcome,) = (await bot.worker.run_all(an_event(), bot.router.routes)).values()
        await bot.aclose()
    if trusted_by:
        assert str(outcome) == "done"
    else:
        assert "CERTIFICATE_VERIFY_FAILED" in str(outcome)


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_a_ca_file_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("GL_CA_FILE", str(path))
    bot = GitLabBot("tester", secret="s", access_token="glpat-fake")
    bot.router.add(nothing, "Issue Hook")
    with pytest.raises(SettingsError, match="must be a PEM file with certificates"):
        _ = bot.worker
    answer = await deliver(bot, payloads.issue(), **{"X-Gitlab-Token": "s"})
    assert (answer.status_code, answer.json()["status"]) == (503, "misconfigured")


# Secrets


def test_no_secret_in_its_repr() -> None:
    bot = GitLabBot("tester", secret="s3cret", access_token="glpat-fake")
    assert "s3cret" not in repr(bot)
    assert "glpat-fake" not in repr(bot)


def test_given_secrets_are_hidden_too() -> None:
    bot = GitLabBot("tester", secret="s3cret", access_token="glpat-fake")
    assert bot.redactor.text("s3cret and glpat-fake") == "*** and ***"


# On one's own machine


SCRIPT = """
from gidgetlambda import GitLabBot
bot = GitLabBot("my-bot", secret="s3cret")
bot.run({arguments})
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_run_serves_until_interrupted() -> None:
    port = free_port()
    script = SCRIPT.format(arguments=f'host="127.0.0.1", port={port}')
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GL_")}
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            for _ in range(200):
                try:
                    health = client.get("/health")
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            root = client.get("/")
            body = json.dumps(payloads.issue())
            named = {
                "X-Gitlab-Event": "Issue Hook",
                "X-Gitlab-Token": "s3cret",
                "Content-Type": "application/json",
            }
            delivered = client.post("/", headers=named, content=body)
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert health.json()["status"] == "ok"
    assert root.status_code == 405
    assert delivered.json()["status"] == "ignored"
    assert "INFO delivery" in err
    assert "outcome=ignored" in err
    assert "s3cret" not in out + err


def test_run_listens_where_gidgetlab_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    called: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: called.update(app=app, **options))
    bot = GitLabBot("tester")
    bot.run(reload_delay=1)
    assert called == {"app": bot.app, "host": "0.0.0.0", "port": 8080, "reload_delay": 1}


def test_run_without_uvicorn_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ModuleNotFoundError, match="python -m pip install uvicorn"):
        GitLabBot("tester").run()
