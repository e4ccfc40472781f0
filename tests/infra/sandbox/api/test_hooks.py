"""Webhooks over the API."""

import base64

import httpx
import pytest

from infra.sandbox import Sandbox
from tests.infra.sandbox.conftest import HookReceiver

HOOKS = "/projects/demo%2Fplayground/hooks"
SIGNING_TOKEN = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def resend_url(sandbox: Sandbox, receiver: HookReceiver) -> str:
    """Return the address that resends the only event of a hook."""
    hook = sandbox.add_hook(receiver.url, signing_token=SIGNING_TOKEN)
    sandbox.open_issue("Help")
    (event,) = sandbox.settle()
    return f"{HOOKS}/{hook.id}/events/{event.id}/resend"


def test_creates_shows_and_deletes_a_hook_without_its_secrets(root: httpx.Client) -> None:
    fields = {"url": "http://127.0.0.1:9/", "token": "the secret", "signing_token": SIGNING_TOKEN}
    created = root.post(HOOKS, json=fields)
    hook = created.json()
    assert created.status_code == 201
    assert (hook["token_present"], hook["signing_token_present"]) == (True, True)
    url = f"{HOOKS}/{hook['id']}"
    for response in (created, root.get(HOOKS), root.get(url)):
        assert "the secret" not in response.text
        assert SIGNING_TOKEN not in response.text
    assert root.delete(url).status_code == 204
    assert root.get(url).status_code == 404


def test_a_new_hook_has_the_push_trigger_unless_declined(root: httpx.Client) -> None:
    def triggers_of_new_hook(**fields: bool) -> list[str]:
        hook = root.post(HOOKS, json={"url": "http://127.0.0.1:9", **fields}).json()
        assert hook["alert_status"] == "executable"
        return [name for name, on in hook.items() if name.endswith("_events") and on]

    assert triggers_of_new_hook() == ["push_events"]
    assert triggers_of_new_hook(issues_events=True, push_events=False) == ["issues_events"]


def test_a_new_url_resets_the_token(root: httpx.Client, sandbox: Sandbox) -> None:
    hook = sandbox.add_hook("http://127.0.0.1:9/", token="the secret")
    url = f"{HOOKS}/{hook.id}"
    same = root.put(url, json={"url": hook.url, "note_events": False}).json()
    assert (same["token_present"], same["note_events"]) == (True, False)
    moved = root.put(url, json={"url": "http://127.0.0.1:10/"}).json()
    assert moved["token_present"] is False
    both = root.put(url, json={"url": "http://127.0.0.1:11/", "token": "new"}).json()
    assert both["token_present"] is True


def test_the_history_has_pages_of_twenty_and_a_status_filter(
    root: httpx.Client, sandbox: Sandbox, receiver: HookReceiver
) -> None:
    hook = sandbox.add_hook(receiver.url)
    issue = sandbox.open_issue("Help")
    for number in range(21):
        sandbox.comment(issue, f"Note {number}")
    sandbox.settle()
    receiver.status = 503
    sandbox.comment(issue, "The last")
    sandbox.settle()
    url = f"{HOOKS}/{hook.id}/events"
    first = root.get(f"{url}?per_page=100")
    assert len(first.json()) == 20
    assert first.json()[0]["response_status"] == "503"
    assert len(root.get(first.links["next"]["url"]).json()) == 3
    counts = {"server_failure": 1, "503": 1, "successful": 20, "client_failure": 0}
    assert {each: len(root.get(f"{url}?status={each}").json()) for each in counts} == counts


def test_a_resend_keeps_the_id_and_the_body(
    root: httpx.Client, receiver: HookReceiver, resend_url: str
) -> None:
    answer = root.post(resend_url)
    assert (answer.status_code, answer.json()) == (201, {"response_status": 200})
    first, again = receiver.got
    assert again.body == first.body
    for name in ("idempotency-key", "webhook-id", "x-gitlab-event"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["x-gitlab-webhook-uuid"] != first.headers["x-gitlab-webhook-uuid"]


def test_does_not_resend_to_another_url(
    root: httpx.Client, sandbox: Sandbox, receiver: HookReceiver, resend_url: str
) -> None:
    (hook,) = sandbox.project.hooks.values()
    hook.url += "/elsewhere"
    answer = root.post(resend_url)
    assert answer.status_code == 422
    assert "URL has changed" in answer.json()["message"]
    assert len(receiver.got) == 1


def test_limits_resends_to_five_a_minute(root: httpx.Client, resend_url: str) -> None:
    assert [root.post(resend_url).status_code for _ in range(6)] == [201] * 5 + [429]
