"""What a hook's log tells of deliveries that did not arrive."""

from typing import Any

import pytest

from infra.cli.hook.log import Entry, leads_to, not_taken, site

NOON = 1_795_348_800.0


def entry(number: int, status: str, key: str = "k1", **beside: Any) -> Entry:
    headers = {"Idempotency-Key": key, "X-Gitlab-Event": "Issue Hook"} if key else {}
    told = {
        "id": number,
        "url": "https://bot.example.com/webhook",
        "trigger": "issue_hooks",
        "request_headers": headers,
        "request_data": {"object_kind": "issue"},
        "response_headers": {},
        "response_status": status,
    }
    return Entry.of(11, told | beside)


def keys(*entries: Entry) -> list[str]:
    return [delivery.last.key for delivery in not_taken(entries)]


@pytest.mark.parametrize("status", ["400", "401", "404", "429", "500", "503", "internal error", ""])
def test_whatever_is_not_a_success_was_not_taken(status: str) -> None:
    assert keys(entry(1, status)) == ["k1"]


@pytest.mark.parametrize("status", ["200", "202", "204"])
def test_a_success_was_taken(status: str) -> None:
    assert keys(entry(1, status)) == []


def test_what_arrived_later_or_earlier_under_the_same_key_is_left_out() -> None:
    assert keys(entry(2, "200"), entry(1, "500")) == []
    assert keys(entry(2, "500"), entry(1, "200")) == []
    assert keys(entry(2, "200", "other"), entry(1, "500")) == ["k1"]


def test_the_oldest_comes_first_and_each_delivery_once() -> None:
    log = [
        entry(9, "500", "b"),
        entry(7, "500", "a"),
        entry(5, "internal error", "b"),
        entry(3, "401", "c"),
        entry(9, "500", "b"),
    ]
    deliveries = not_taken(log)
    assert [delivery.last.key for delivery in deliveries] == ["c", "b", "a"]
    assert [len(delivery.attempts) for delivery in deliveries] == [1, 2, 1]
    assert deliveries[1].last.id == 9


def test_one_key_of_two_hooks_is_two_deliveries() -> None:
    other = Entry.of(12, {"id": 4, "request_headers": {"webhook-id": "k1"}, "response_status": "1"})
    assert keys(entry(1, "500"), other) == ["k1", "k1"]


def test_the_key_is_the_webhook_id_whatever_its_case() -> None:
    headers = {"Webhook-ID": "w1", "Idempotency-Key": "i1"}
    assert entry(1, "500", request_headers=headers).key == "w1"
    assert entry(1, "500", request_headers={"idempotency-key": "i1"}).key == "i1"


def test_without_a_key_the_same_payload_is_the_same_delivery() -> None:
    assert keys(entry(2, "200", ""), entry(1, "500", "")) == []
    other = entry(1, "500", "", request_data={"object_kind": "note", "text": "\ud800"})
    assert len(keys(entry(2, "200", ""), other)) == 1


@pytest.mark.parametrize(
    "beside",
    [
        {"created_at": "2026-11-22T12:00:00.000Z"},
        {"created_at": "2026-11-22T13:00:00.000+01:00"},
        {"request_headers": {"webhook-timestamp": "1795348800"}},
        {"response_headers": {"Date": "Sun, 22 Nov 2026 12:00:00 GMT"}},
    ],
)
def test_the_time_is_what_gitlab_tells_of_it(beside: dict[str, Any]) -> None:
    assert entry(1, "500", **beside).at == NOON


@pytest.mark.parametrize(
    "beside", [{}, {"created_at": "yesterday"}, {"response_headers": {"Date": "noon"}}]
)
def test_a_time_that_is_not_told_is_unknown(beside: dict[str, Any]) -> None:
    assert entry(1, "500", **beside).at is None


def test_an_entry_without_parts_is_read_all_the_same() -> None:
    bare = Entry.of(11, {"id": 1, "request_headers": None, "response_headers": None})
    assert not bare.taken
    assert bare.kept


def test_a_payload_that_gitlab_did_not_keep_is_known() -> None:
    assert not entry(1, "500", request_data={"oversize": True}).kept


@pytest.mark.parametrize(
    ("hook", "own", "leads"),
    [
        ("https://bot.example.com/webhook", "https://bot.example.com/webhook", True),
        ("https://bot.example.com/webhook/", "https://bot.example.com/webhook", True),
        ("https://BOT.example.com:443/webhook", "https://bot.example.com/webhook", True),
        ("https://user:word@bot.example.com/webhook?a=b", "https://bot.example.com/webhook", True),
        ("https://bot.example.com", "https://bot.example.com/webhook", True),
        ("https://bot.example.com/", "https://bot.example.com", True),
        ("https://bot.example.com/webhook", "https://bot.example.com/", False),
        ("http://bot.example.com/webhook", "https://bot.example.com/webhook", False),
        ("https://bot.example.com:8443/webhook", "https://bot.example.com/webhook", False),
        ("https://other.example.com/webhook", "https://bot.example.com/webhook", False),
        ("https://bot.example.com/other", "https://bot.example.com/webhook", False),
        ("https://bot.example.com:{port}/webhook", "https://bot.example.com:1/webhook", False),
    ],
)
def test_hooks_of_the_endpoint_are_known_by_their_url(hook: str, own: str, leads: bool) -> None:
    assert leads_to(hook, own) is leads


def test_of_a_hooks_url_only_the_site_is_told() -> None:
    assert site("https://user:word@bot.example.com:8443/secret?key=1") == (
        "https://bot.example.com:8443"
    )
