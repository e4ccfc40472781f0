"""The sandbox's webhooks, as their receiver sees them over real HTTP."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest

from infra.sandbox import Edit, Sandbox
from tests.infra.sandbox.conftest import HookReceiver, ReceivedDelivery

PROJECT = "/projects/demo%2Fplayground"
KEY = b"0123456789abcdef0123456789abcdef"
SIGNING_TOKEN = "whsec_" + base64.b64encode(KEY).decode()
EVENT_UUID = "x-gitlab-event-uuid"


def open_issue(sandbox: Sandbox, receiver: HookReceiver, title: str = "Help") -> ReceivedDelivery:
    sandbox.open_issue(title)
    sandbox.settle()
    return receiver.got[-1]


def test_a_delivery_has_gitlabs_headers(sandbox: Sandbox, receiver: HookReceiver) -> None:
    hook = sandbox.add_hook(receiver.url)
    unsigned = open_issue(sandbox, receiver).headers
    assert unsigned.keys().isdisjoint({"x-gitlab-token", "webhook-signature"})
    hook.token = "the secret"
    headers = open_issue(sandbox, receiver).headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "GitLab/19.6.0"
    assert headers["x-gitlab-instance"] == sandbox.url
    assert headers["x-gitlab-event"] == "Issue Hook"
    assert headers["x-gitlab-token"] == "the secret"
    assert headers["idempotency-key"] == headers["webhook-id"]
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    ids = [headers[name] for name in ("webhook-id", "x-gitlab-webhook-uuid", EVENT_UUID)]
    assert len({uuid.UUID(each) for each in ids}) == 3


def test_the_body_is_compact_json_and_the_signature_covers_it(
    sandbox: Sandbox, receiver: HookReceiver
) -> None:
    sandbox.add_hook(receiver.url, signing_token=SIGNING_TOKEN)
    delivery = open_issue(sandbox, receiver, "Grüße ✓")
    compact = json.dumps(delivery.data, ensure_ascii=False, separators=(",", ":"))
    assert delivery.body == compact.encode()
    assert "Grüße ✓" in compact
    headers = delivery.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{compact}".encode()
    signature = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"


def test_fires_an_event_for_each_action(sandbox: Sandbox, receiver: HookReceiver) -> None:
    sandbox.add_hook(receiver.url)

    def fired_by(action: Callable[[], object]) -> list[str]:
        receiver.got.clear()
        action()
        sandbox.settle()
        return sorted(_describe(each.headers["x-gitlab-event"], each.data) for each in receiver.got)

    issue = sandbox.open_issue("Help")
    note = sandbox.comment(issue, "Hm")
    emoji = sandbox.award(note, "thumbsup")
    hidden = sandbox.open_issue("A leak", confidential=True)
    merge_request = sandbox.open_merge_request("Fix", source_branch="fix")
    sandbox.settle()
    edit = Edit(title="Help me", add_labels=("bug",))
    actions: list[tuple[Callable[[], object], list[str]]] = [
        (lambda: sandbox.open_issue("Another"), ["Issue Hook open"]),
        (lambda: sandbox.open_issue("Leak", confidential=True), ["Confidential Issue Hook open"]),
        (lambda: sandbox.comment(issue, "Hm"), ["Note Hook create"]),
        (lambda: sandbox.comment(hidden, "Quiet"), ["Confidential Note Hook create"]),
        (
            lambda: sandbox.comment(merge_request, "For the team", internal=True),
            ["Confidential Note Hook create"],
        ),
        (lambda: sandbox.edit_note(note, "Hm!"), ["Note Hook update"]),
        (lambda: sandbox.reply(note, "What?"), ["Note Hook create"]),
        (lambda: sandbox.award(issue, "thumbsup"), ["Emoji Hook award"]),
        (lambda: sandbox.revoke(emoji), ["Emoji Hook revoke"]),
        (lambda: sandbox.close_issuable(issue), ["Issue Hook close"]),
        (lambda: sandbox.reopen(issue), ["Issue Hook reopen"]),
        # The system note about the new title fires nothing.
        (lambda: sandbox.edit(issue, edit), ["Issue Hook update"]),
        (lambda: sandbox.edit(issue, edit), []),
        (lambda: sandbox.open_merge_request("Another"), ["Merge Request Hook open"]),
        (lambda: sandbox.push("fix", "Again"), ["Merge Request Hook update", "Push Hook push"]),
        (lambda: sandbox.merge(merge_request), ["Merge Request Hook merge", "Push Hook push"]),
        (lambda: sandbox.tag("v1"), ["Tag Push Hook tag_push"]),
    ]
    for action, events in actions:
        assert fired_by(action) == events


def _describe(event: str, data: dict[str, Any]) -> str:
    return f"{event} {data.get('object_attributes', {}).get('action') or data['event_name']}"


def test_changes_have_the_old_and_the_new_values(sandbox: Sandbox, receiver: HookReceiver) -> None:
    sandbox.add_hook(receiver.url)
    issue = sandbox.open_issue("Help", labels=["docs"])
    sandbox.settle()
    change = Edit(title="Help!", add_labels=("bug",), remove_labels=("docs",))
    sandbox.edit(issue, change, by="root")
    sandbox.settle()
    opened, updated = (delivery.data for delivery in receiver.got)
    assert opened["changes"]["title"] == {"previous": None, "current": "Help"}
    assert updated["user"]["username"] == "root"
    assert updated["changes"]["title"] == {"previous": "Help", "current": "Help!"}
    labels = updated["changes"]["labels"]
    assert [each["title"] for each in labels["previous"]] == ["docs"]
    assert [each["title"] for each in labels["current"]] == ["bug"]
    assert "description" not in updated["changes"]


def test_a_push_to_a_merge_request_reports_the_old_revision(
    sandbox: Sandbox, receiver: HookReceiver
) -> None:
    merge_request = sandbox.open_merge_request("Fix", source_branch="fix")
    before = merge_request.sha
    sandbox.add_hook(receiver.url, triggers={"merge_requests_events"})
    sandbox.push("fix", "Again")
    sandbox.settle()
    attributes = receiver.got[0].data["object_attributes"]
    assert attributes["oldrev"] == before
    assert attributes["last_commit"]["id"] == merge_request.sha != before


def test_a_push_contains_twenty_commits_and_counts_all(
    sandbox: Sandbox, receiver: HookReceiver
) -> None:
    sandbox.add_hook(receiver.url)
    sandbox.push("many", *(f"Commit {number}" for number in range(25)))
    sandbox.settle()
    data = receiver.got[0].data
    assert len(data["commits"]) == 20
    assert data["commits"][-1]["title"] == "Commit 24"
    assert data["total_commits_count"] == 25


BANNER = "Recursive webhook blocked. Update or delete the following project hook"
LABEL = {"add_labels": "bug"}
MERGE_REQUEST = {"title": "Fix", "source_branch": "fix", "target_branch": "main"}


@pytest.mark.parametrize(
    ("line", "fields", "sent", "events", "blocked"),
    [
        ("PUT /issues/1", LABEL, "the first event's", [], True),
        ("PUT /issues/1", LABEL, "another UUID", ["Issue Hook"], False),
        ("PUT /issues/1", LABEL, None, ["Issue Hook"], False),
        # Two events of one request, for one hook.
        ("PUT /issues/1", LABEL | {"state_event": "close"}, "another UUID", ["Issue Hook"], True),
        ("PUT /issues/1", LABEL | {"state_event": "close"}, None, ["Issue Hook"] * 2, False),
        # A background job of GitLab sends the webhooks of notes.
        ("POST /issues/1/notes", {"body": "Hi"}, "the first event's", ["Note Hook"], False),
        # Another hook receives this event.
        ("POST /merge_requests", MERGE_REQUEST, "the first event's", ["Merge Request Hook"], False),
    ],
)
def test_a_hook_fires_once_under_the_event_uuid_of_a_request(
    alice: httpx.Client,
    sandbox: Sandbox,
    receiver: HookReceiver,
    line: str,
    fields: dict[str, str],
    sent: str | None,
    events: list[str],
    blocked: bool,
) -> None:
    sandbox.add_hook(receiver.url, triggers={"issues_events", "note_events"})
    sandbox.add_hook(receiver.url, triggers={"merge_requests_events"})
    first = open_issue(sandbox, receiver).headers[EVENT_UUID]
    receiver.got.clear()
    event_uuid = first if sent == "the first event's" else sent
    headers = {EVENT_UUID: event_uuid} if event_uuid else {}
    method, path = line.split()
    alice.request(method, PROJECT + path, json=fields, headers=headers)
    sandbox.settle()
    assert receiver.events == events
    carried = {each.headers[EVENT_UUID] == event_uuid for each in receiver.got}
    assert carried <= {sent is not None and "notes" not in path}
    assert (BANNER in alice.get(sandbox.project.web_url).text) is blocked
    sandbox.project.banners.clear()


def test_the_hooks_under_an_event_uuid_are_limited_and_forgotten() -> None:
    clock = [datetime(2026, 11, 22, tzinfo=UTC)]
    accepting = httpx.MockTransport(lambda request: httpx.Response(200))
    with Sandbox(now=lambda: clock[0], webhook_transport=accepting) as sandbox:
        for number in range(101):
            sandbox.add_hook(f"http://receiver-{number}.example.com/")

        def deliveries_after(pause: timedelta) -> int:
            clock[0] += pause
            before = len(sandbox.hook_events)
            with sandbox.instance.changing():
                sandbox.webhooks.fire(sandbox.project, "push_events", {}, event_uuid="a UUID")
            return len(sandbox.settle()) - before

        assert deliveries_after(timedelta()) == 100
        assert sandbox.project.banners == {f"{BANNER}: http://receiver-100.example.com/"}
        assert deliveries_after(timedelta(minutes=29)) == 0
        assert deliveries_after(timedelta(minutes=1)) == 100
        sandbox.project.banners.clear()


def test_a_banner_fails_the_test_that_uses_the_sandbox() -> None:
    with pytest.raises(RuntimeError, match=BANNER), Sandbox() as sandbox:
        sandbox.project.banners.add(BANNER)


def test_the_history_records_the_request_and_the_answer(
    sandbox: Sandbox, receiver: HookReceiver
) -> None:
    receiver.status, receiver.body = 418, b"x" * 10_000
    sandbox.add_hook(receiver.url, token="the secret", signing_token=SIGNING_TOKEN)
    sandbox.open_issue("Help")
    (event,) = sandbox.settle()
    assert event.trigger == "issue_hooks"
    assert event.response_status == "418"
    assert len(event.response_body) == 8192
    assert event.headers["X-Gitlab-Token"] == "[REDACTED]"
    assert event.data == receiver.got[0].data
    assert "the secret" not in repr(sandbox.project.hooks)


def test_records_an_internal_error_for_an_unreachable_receiver(sandbox: Sandbox) -> None:
    sandbox.add_hook("http://127.0.0.1:9/")
    sandbox.open_issue("Help")
    (event,) = sandbox.settle()
    assert event.response_status == "internal error"
    assert event.internal_error_message


class SleepingReceiver(httpx.AsyncBaseTransport):
    """A receiver that never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError


def test_gives_up_on_a_slow_receiver() -> None:
    with Sandbox(webhook_timeout=0.01, webhook_transport=SleepingReceiver()) as sandbox:
        sandbox.add_hook("http://sleeping.example.com/")
        sandbox.open_issue("Help")
        (event,) = sandbox.settle()
    assert event.internal_error_message == "execution expired after 0.01 s"


@pytest.mark.parametrize("settings", [{"webhook_transport": SleepingReceiver()}])
def test_an_api_request_does_not_wait_for_deliveries(alice: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.add_hook("http://sleeping.example.com/")
    assert alice.post(f"{PROJECT}/issues", json={"title": "Help"}).status_code == 201
    assert sandbox.hook_events == []
    assert sandbox.webhooks.under_way == 1


def test_pauses_a_failing_hook_and_disables_it_after_forty_failures(
    receiver: HookReceiver,
) -> None:
    clock = [datetime(2026, 11, 22, tzinfo=UTC)]
    with Sandbox(now=lambda: clock[0]) as sandbox:
        hook = sandbox.add_hook(receiver.url)

        def deliveries_of(issues: int, *, pause: timedelta = timedelta()) -> int:
            before = len(sandbox.hook_events)
            for _ in range(issues):
                sandbox.open_issue("Help")
                sandbox.settle()
                clock[0] += pause
            return len(sandbox.hook_events) - before

        receiver.status = 500
        assert deliveries_of(5) == 4
        assert hook.alert_status == "temporarily_disabled"
        clock[0] += timedelta(seconds=61)
        receiver.status = 200
        assert deliveries_of(1) == 1
        assert (hook.alert_status, hook.failures) == ("executable", 0)
        receiver.status = 500
        assert deliveries_of(41, pause=timedelta(days=2)) == 40
        assert hook.alert_status == "disabled"
