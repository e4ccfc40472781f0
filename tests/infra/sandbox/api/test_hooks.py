"""Webhooks over the API: made, changed, tested, resent; their secrets never come back."""

import base64
from typing import Any

import httpx
import pytest

from infra.sandbox import BOT_TOKEN, ROOT_TOKEN, Sandbox

HOOKS = "/projects/demo%2Fplayground/hooks"
SIGNING_TOKEN = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def client(sandbox: Sandbox, token: str = ROOT_TOKEN) -> httpx.Client:
    return httpx.Client(
        base_url=f"{sandbox.url}/api/v4",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )


def test_a_hook_is_made_listed_and_deleted_without_its_secrets(sandbox: Sandbox) -> None:
    with client(sandbox) as root:
        created = root.post(
            HOOKS,
            json={
                "url": "http://127.0.0.1:9/webhook",
                "name": "The bot",
                "token": "the secret",
                "signing_token": SIGNING_TOKEN,
                "issues_events": True,
                "push_events": False,
            },
        )
        hook = created.json()
        url = f"{HOOKS}/{hook['id']}"
        shown = [created.text, root.get(HOOKS).text, root.get(url).text]
        assert root.delete(url).status_code == 204
        assert root.get(url).status_code == 404
    assert created.status_code == 201
    assert (hook["name"], hook["issues_events"], hook["push_events"]) == ("The bot", True, False)
    assert (hook["token_present"], hook["signing_token_present"]) == (True, True)
    assert hook["alert_status"] == "executable"
    for text in shown:
        assert "the secret" not in text
        assert SIGNING_TOKEN not in text


def test_pushes_are_told_unless_declined(sandbox: Sandbox) -> None:
    with client(sandbox) as root:
        hook = root.post(HOOKS, json={"url": "http://127.0.0.1:9"}).json()
    assert [name for name, on in hook.items() if name.endswith("_events") and on] == ["push_events"]


def test_a_new_url_resets_the_token(sandbox: Sandbox) -> None:
    hook = sandbox.add_hook("http://127.0.0.1:9/", token="the secret")
    with client(sandbox) as root:
        url = f"{HOOKS}/{hook.id}"
        same = root.put(url, json={"url": hook.url, "note_events": False}).json()
        assert (same["token_present"], same["note_events"]) == (True, False)
        moved = root.put(url, json={"url": "http://127.0.0.1:10/"}).json()
        assert moved["token_present"] is False
        both = root.put(url, json={"url": "http://127.0.0.1:11/", "token": "new"}).json()
        assert both["token_present"] is True


@pytest.mark.parametrize(
    ("fields", "status", "body"),
    [
        ({}, 400, {"error": "url is missing"}),
        ({"url": "not a url"}, 422, {"error": "Invalid url given"}),
        ({"url": "ftp://host"}, 422, {"error": "Invalid url given"}),
        (
            {"url": "http://host", "signing_token": "short"},
            400,
            {"message": {"signing_token": ["is invalid"]}},
        ),
        (
            {"url": "http://host", "issues_events": "maybe"},
            400,
            {"error": "issues_events is invalid"},
        ),
    ],
)
def test_a_bad_hook_is_refused(
    sandbox: Sandbox, fields: dict[str, Any], status: int, body: dict[str, Any]
) -> None:
    with client(sandbox) as root:
        answer = root.post(HOOKS, json=fields)
    assert (answer.status_code, answer.json()) == (status, body)
    assert sandbox.project.hooks == {}


def test_hooks_are_for_maintainers(sandbox: Sandbox) -> None:
    with client(sandbox, BOT_TOKEN) as bot:
        assert bot.get(HOOKS).status_code == 403
        assert bot.post(HOOKS, json={"url": "http://host"}).status_code == 403


def test_the_history_is_paged_by_twenty_and_searched_by_status(
    sandbox: Sandbox, receiver: Any
) -> None:
    hook = sandbox.add_hook(receiver.url)
    issue = sandbox.open_issue("Help")
    for number in range(21):
        sandbox.comment(issue, f"Note {number}")
    sandbox.settle()
    receiver.status = 503
    sandbox.comment(issue, "The last")
    sandbox.settle()
    with client(sandbox) as root:
        url = f"{HOOKS}/{hook.id}/events"
        first = root.get(f"{url}?per_page=100")
        assert len(first.json()) == 20
        assert first.json()[0]["response_status"] == "503"
        assert len(root.get(first.links["next"]["url"]).json()) == 3
        assert len(root.get(f"{url}?status=server_failure").json()) == 1
        assert len(root.get(f"{url}?status=503").json()) == 1
        assert len(root.get(f"{url}?status=successful").json()) == 20
        assert root.get(f"{url}?status=client_failure").json() == []


def test_a_resent_event_keeps_its_id(sandbox: Sandbox, receiver: Any) -> None:
    hook = sandbox.add_hook(receiver.url, signing_token=SIGNING_TOKEN)
    sandbox.open_issue("Help")
    (event,) = sandbox.settle()
    with client(sandbox) as root:
        answer = root.post(f"{HOOKS}/{hook.id}/events/{event.id}/resend")
        assert root.post(f"{HOOKS}/{hook.id}/events/1/resend").status_code == 404
    assert (answer.status_code, answer.json()) == (201, {"response_status": 200})
    first, again = receiver.got
    assert again.body == first.body
    for name in ("idempotency-key", "webhook-id", "x-gitlab-event"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["x-gitlab-webhook-uuid"] != first.headers["x-gitlab-webhook-uuid"]
    assert len(hook.events) == 2


def test_nothing_is_resent_to_another_url(sandbox: Sandbox, receiver: Any) -> None:
    hook = sandbox.add_hook(receiver.url)
    sandbox.open_issue("Help")
    (event,) = sandbox.settle()
    hook.url += "/elsewhere"
    with client(sandbox) as root:
        answer = root.post(f"{HOOKS}/{hook.id}/events/{event.id}/resend")
    assert answer.status_code == 422
    assert "URL has changed" in answer.json()["message"]
    assert len(receiver.got) == 1


def test_five_resends_a_minute(sandbox: Sandbox, receiver: Any) -> None:
    hook = sandbox.add_hook(receiver.url)
    sandbox.open_issue("Help")
    (event,) = sandbox.settle()
    with client(sandbox) as root:
        url = f"{HOOKS}/{hook.id}/events/{event.id}/resend"
        codes = [root.post(url).status_code for _ in range(6)]
    assert codes == [201] * 5 + [429]


def test_a_hook_is_tested_with_what_the_project_has(sandbox: Sandbox, receiver: Any) -> None:
    hook = sandbox.add_hook(receiver.url, triggers=())
    with client(sandbox) as root:
        url = f"{HOOKS}/{hook.id}/test"
        empty = root.post(f"{url}/issues_events")
        assert (empty.status_code, empty.json()) == (
            422,
            {"message": "Ensure the project has issues."},
        )
        issue = sandbox.open_issue("Help")
        sandbox.comment(issue, "Hm")
        sandbox.award(issue, "thumbsup")
        sandbox.open_merge_request("Mend")
        for trigger in ("issues", "note", "emoji", "merge_requests", "push"):
            answer = root.post(f"{url}/{trigger}_events")
            assert (answer.status_code, answer.json()) == (201, {"message": "201 Created"})
        assert root.post(f"{url}/nonsense").status_code == 400
        assert root.post(f"{url}/job_events").status_code == 422
    assert receiver.events == [
        "Issue Hook",
        "Note Hook",
        "Emoji Hook",
        "Merge Request Hook",
        "Push Hook",
    ]


def test_a_failing_receiver_fails_the_test(sandbox: Sandbox, receiver: Any) -> None:
    receiver.status, receiver.body = 500, b"out of order"
    hook = sandbox.add_hook(receiver.url)
    with client(sandbox) as root:
        answer = root.post(f"{HOOKS}/{hook.id}/test/push_events")
    assert (answer.status_code, answer.json()) == (422, {"message": "out of order"})
