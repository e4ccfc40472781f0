"""What a receiver sees of the sandbox's webhooks, over real HTTP."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx

from infra.sandbox import ALICE_TOKEN, BOT_TOKEN, Edit, Sandbox
from infra.sandbox.server import serve

SIGNING_TOKEN = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
EVENT_UUID = "X-Gitlab-Event-UUID"


def api(sandbox: Sandbox, token: str = ALICE_TOKEN) -> httpx.Client:
    return httpx.Client(
        base_url=f"{sandbox.url}/api/v4/projects/demo%2Fplayground",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )


def test_a_delivery_has_gitlabs_headers(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url, token="the secret")
    sandbox.open_issue("Help")
    sandbox.settle()
    headers = receiver.got[0].headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "GitLab/19.6.0"
    assert headers["x-gitlab-instance"] == sandbox.url
    assert headers["x-gitlab-event"] == "Issue Hook"
    assert headers["x-gitlab-token"] == "the secret"
    assert headers["idempotency-key"] == headers["webhook-id"]
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    ids = [headers[name] for name in ("webhook-id", "x-gitlab-webhook-uuid", "x-gitlab-event-uuid")]
    assert len({uuid.UUID(each) for each in ids}) == 3
    assert "webhook-signature" not in headers


def test_a_hook_without_a_token_sends_none(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url)
    sandbox.open_issue("Help")
    sandbox.settle()
    assert "x-gitlab-token" not in receiver.got[0].headers


def test_a_signature_covers_id_timestamp_and_body(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url, signing_token=SIGNING_TOKEN)
    sandbox.open_issue("Grüße ✓")
    sandbox.settle()
    delivery = receiver.got[0]
    signed = b".".join(
        [
            delivery.headers["webhook-id"].encode(),
            delivery.headers["webhook-timestamp"].encode(),
            delivery.body,
        ]
    )
    expected = hmac.new(b"0123456789abcdef0123456789abcdef", signed, hashlib.sha256).digest()
    signature = delivery.headers["webhook-signature"]
    assert signature == f"v1,{base64.b64encode(expected).decode()}"


def test_hooks_get_only_what_they_want(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url, triggers={"note_events"})
    issue = sandbox.open_issue("Help")
    sandbox.comment(issue, "Anybody?")
    sandbox.settle()
    assert receiver.events == ["Note Hook"]


def test_what_is_confidential_goes_to_hooks_of_its_own(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url)
    issue = sandbox.open_issue("A leak", confidential=True)
    sandbox.settle()
    sandbox.comment(issue, "Hush")
    sandbox.settle()
    sandbox.comment(sandbox.open_merge_request("Mend it"), "Among us", internal=True)
    sandbox.settle()
    assert receiver.events[:2] == ["Confidential Issue Hook", "Confidential Note Hook"]
    assert sorted(receiver.events[2:]) == ["Confidential Note Hook", "Merge Request Hook"]
    assert receiver.got[0].data["event_type"] == "confidential_issue"


def test_each_thing_that_happens_has_its_event(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url)
    told = Told(sandbox)
    issue = sandbox.open_issue("Help")
    assert told.new() == ["Issue Hook open"]
    note = sandbox.comment(issue, "Hm")
    assert told.new() == ["Note Hook create"]
    sandbox.edit_note(note, "Hm!")
    assert told.new() == ["Note Hook update"]
    sandbox.reply(note, "What?")
    assert told.new() == ["Note Hook create"]
    emoji = sandbox.award(note, "thumbsup")
    assert told.new() == ["Emoji Hook award"]
    sandbox.revoke(emoji)
    assert told.new() == ["Emoji Hook revoke"]
    sandbox.close_issuable(issue)
    assert told.new() == ["Issue Hook close"]
    sandbox.reopen(issue)
    assert told.new() == ["Issue Hook reopen"]
    sandbox.edit(issue, Edit(title="Help me", add_labels=("bug",)))
    assert told.new() == ["Issue Hook update"]
    sandbox.edit(issue, Edit(title="Help me", add_labels=("bug",)))
    assert told.new() == []
    request = sandbox.open_merge_request("Mend", source_branch="mend")
    assert told.new() == ["Merge Request Hook open"]
    sandbox.push("mend", "Again")
    assert told.new() == ["Merge Request Hook update", "Push Hook push"]
    sandbox.merge(request)
    assert told.new() == ["Merge Request Hook merge", "Push Hook push"]
    sandbox.tag("v1")
    assert told.new() == ["Tag Push Hook tag_push"]


class Told:
    """What was delivered since one last asked, as "Issue Hook open"."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._seen = 0

    def new(self) -> list[str]:
        events: list[Any] = self._sandbox.settle()
        new, self._seen = events[self._seen :], len(events)
        return sorted(f"{each.headers['X-Gitlab-Event']} {_what(each.data)}" for each in new)


def _what(data: dict[str, Any]) -> str:
    return str(data.get("object_attributes", {}).get("action") or data["event_name"])


def test_changes_tell_what_was_and_what_is(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url)
    issue = sandbox.open_issue("Help", labels=["docs"])
    sandbox.settle()
    sandbox.edit(
        issue, Edit(title="Help!", add_labels=("bug",), remove_labels=("docs",)), by="root"
    )
    sandbox.settle()
    opened, updated = (delivery.data for delivery in receiver.got)
    assert opened["changes"]["title"] == {"previous": None, "current": "Help"}
    assert updated["user"]["username"] == "root"
    assert updated["changes"]["title"] == {"previous": "Help", "current": "Help!"}
    labels = updated["changes"]["labels"]
    assert [each["title"] for each in labels["previous"]] == ["docs"]
    assert [each["title"] for each in labels["current"]] == ["bug"]
    assert "description" not in updated["changes"]


def test_a_push_to_a_merge_request_tells_the_old_revision(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url, triggers={"merge_requests_events"})
    request = sandbox.open_merge_request("Mend", source_branch="mend")
    before = request.sha
    sandbox.settle()
    sandbox.push("mend", "Again")
    sandbox.settle()
    attributes = receiver.got[1].data["object_attributes"]
    assert attributes["oldrev"] == before
    assert attributes["last_commit"]["id"] == request.sha != before


def test_a_push_holds_twenty_commits_and_counts_all(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url)
    sandbox.push("many", *(f"Commit {number}" for number in range(25)))
    sandbox.settle()
    data = receiver.got[0].data
    assert len(data["commits"]) == 20
    assert data["commits"][-1]["title"] == "Commit 24"
    assert data["total_commits_count"] == 25


def test_system_notes_fire_nothing(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url, triggers={"note_events"})
    issue = sandbox.open_issue("Help")
    sandbox.edit(issue, Edit(title="Help!"))
    sandbox.settle()
    assert [note.system for note in issue.notes] == [True]
    assert receiver.got == []


def test_an_echoed_event_uuid_cuts_the_loop(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url)
    issue = sandbox.open_issue("Help")
    sandbox.settle()
    chain = receiver.got[0].headers[EVENT_UUID.lower()]
    with api(sandbox, BOT_TOKEN) as client:
        url = f"/issues/{issue.iid}"
        client.put(url, json={"add_labels": "bug"}, headers={EVENT_UUID: chain})
        sandbox.settle()
        assert receiver.events == ["Issue Hook"]
        client.put(url, json={"add_labels": "docs"}, headers={EVENT_UUID: "another chain"})
        sandbox.settle()
    assert receiver.events == ["Issue Hook", "Issue Hook"]
    assert receiver.got[1].headers[EVENT_UUID.lower()] == "another chain"


def test_note_hooks_are_not_covered_by_the_cut(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url)
    issue = sandbox.open_issue("Help")
    sandbox.settle()
    chain = receiver.got[0].headers[EVENT_UUID.lower()]
    with api(sandbox, BOT_TOKEN) as client:
        client.post(f"/issues/{issue.iid}/notes", json={"body": "Hi"}, headers={EVENT_UUID: chain})
    sandbox.settle()
    assert receiver.events == ["Issue Hook", "Note Hook"]
    assert receiver.got[1].headers[EVENT_UUID.lower()] != chain


def test_a_chain_still_reaches_hooks_that_it_has_not_fired(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url, triggers={"issues_events"})
    sandbox.add_hook(receiver.url, triggers={"merge_requests_events"})
    sandbox.open_issue("Help")
    sandbox.settle()
    chain = receiver.got[0].headers[EVENT_UUID.lower()]
    with api(sandbox) as client:
        client.post(
            "/merge_requests",
            json={"title": "Mend", "source_branch": "mend", "target_branch": "main"},
            headers={EVENT_UUID: chain},
        )
    sandbox.settle()
    assert receiver.events == ["Issue Hook", "Merge Request Hook"]


def test_the_history_keeps_what_was_sent_and_answered(sandbox: Sandbox, receiver: Any) -> None:
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


def test_a_receiver_that_is_not_there_is_an_internal_error(sandbox: Sandbox) -> None:
    sandbox.add_hook("http://127.0.0.1:9/")
    sandbox.open_issue("Help")
    (event,) = sandbox.settle()
    assert event.response_status == "internal error"
    assert event.internal_error_message


def test_a_receiver_that_takes_too_long_is_given_up(receiver: Any) -> None:
    sandbox = Sandbox(webhook_timeout=0.01, webhook_transport=_Sleeping())
    with serve(sandbox):
        sandbox.add_hook("http://sleeping.example.com/")
        sandbox.open_issue("Help")
        (event,) = sandbox.settle()
    assert event.internal_error_message == "execution expired after 0.01 s"


def test_deliveries_under_way_do_not_hold_up_the_api() -> None:
    sandbox = Sandbox(webhook_transport=_Sleeping())
    with serve(sandbox), api(sandbox) as client:
        sandbox.add_hook("http://sleeping.example.com/")
        assert client.post("/issues", json={"title": "Help"}).status_code == 201
        assert sandbox.hook_events == []
        assert sandbox.webhooks.under_way == 1


class _Sleeping(httpx.AsyncBaseTransport):
    """A receiver that never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError


def test_a_hook_that_keeps_failing_is_paused_and_any_success_heals_it(receiver: Any) -> None:
    clock = [datetime(2026, 11, 22, tzinfo=UTC)]
    with Sandbox(now=lambda: clock[0]) as sandbox:
        receiver.status = 500
        hook = sandbox.add_hook(receiver.url)
        for number in range(4):
            sandbox.open_issue(f"Help {number}")
            sandbox.settle()
        assert sandbox.webhooks.alert_status(hook) == "temporarily_disabled"
        sandbox.open_issue("Nobody hears this")
        assert len(sandbox.settle()) == 4
        clock[0] += timedelta(seconds=61)
        receiver.status = 200
        sandbox.open_issue("Help again")
        assert len(sandbox.settle()) == 5
        assert sandbox.webhooks.alert_status(hook) == "executable"
        assert hook.failures == 0


def test_a_hook_that_failed_forty_times_is_disabled_for_good(receiver: Any) -> None:
    clock = [datetime(2026, 11, 22, tzinfo=UTC)]
    with Sandbox(now=lambda: clock[0]) as sandbox:
        receiver.status = 500
        hook = sandbox.add_hook(receiver.url)
        for number in range(41):
            sandbox.open_issue(f"Help {number}")
            sandbox.settle()
            clock[0] += timedelta(days=2)
        assert len(receiver.got) == 40
        assert sandbox.webhooks.alert_status(hook) == "disabled"


def test_branch_filters_hold_for_pushes(sandbox: Sandbox, receiver: Any) -> None:
    hook = sandbox.add_hook(receiver.url)
    hook.push_events_branch_filter = "release-*"
    sandbox.push("feature", "No")
    sandbox.push("release-1", "Yes")
    sandbox.settle()
    assert [each.data["ref"] for each in receiver.got] == ["refs/heads/release-1"]


def test_the_body_is_compact_json_in_utf_8(sandbox: Sandbox, receiver: Any) -> None:
    sandbox.add_hook(receiver.url)
    sandbox.open_issue("Grüße")
    sandbox.settle()
    body = receiver.got[0].body
    assert "Grüße".encode() in body
    assert body == json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
