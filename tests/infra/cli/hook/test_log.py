"""The log of a hook, and the deliveries in it that never arrived."""

from typing import Any

import pytest

from infra.cli.hook.log import Entry, leads_to, missed, site

NOON = 1_795_348_800.0


def entry(number: int, status: str, key: str = "k1", *, hook_id: int = 11, **more: Any) -> Entry:
    data = {
        "id": number,
        "url": "https://bot.example.com/webhook",
        "trigger": "issue_hooks",
        "request_headers": {"Idempotency-Key": key} if key else {},
        "request_data": {"object_kind": "issue"},
        "response_status": status,
    }
    return Entry.of(hook_id, data | more)


def keys(*entries: Entry) -> list[str]:
    return [delivery.last.key for delivery in missed(entries)]


@pytest.mark.parametrize(
    ("status", "arrived"),
    [
        *[(status, True) for status in ("200", "202", "204")],
        *[(status, False) for status in ("400", "401", "429", "503", "internal error", "")],
    ],
)
def test_only_a_success_has_arrived(status: str, arrived: bool) -> None:
    assert keys(entry(1, status)) == ([] if arrived else ["k1"])


OTHER = {"object_kind": "note", "text": "\ud800"}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([entry(2, "200"), entry(1, "500")], []),
        ([entry(2, "500"), entry(1, "200")], []),
        ([entry(2, "200", "other"), entry(1, "500")], ["k1"]),
        ([entry(4, "500"), entry(4, "500", hook_id=12)], ["k1", "k1"]),
        ([entry(2, "200", ""), entry(1, "500", "")], []),
        ([entry(2, "200", ""), entry(1, "500", "", request_data=OTHER)], 1),
    ],
)
def test_attempts_with_one_key_or_payload_are_one_delivery(
    entries: list[Entry], expected: list[str] | int
) -> None:
    found = keys(*entries)
    assert found == expected or len(found) == expected


def test_deliveries_come_oldest_first_with_their_attempts() -> None:
    deliveries = missed(
        [
            entry(9, "500", "b"),
            entry(7, "500", "a"),
            entry(5, "internal error", "b"),
            entry(3, "401", "c"),
            entry(9, "500", "b"),
        ]
    )
    assert [delivery.last.key for delivery in deliveries] == ["c", "b", "a"]
    assert [len(delivery.attempts) for delivery in deliveries] == [1, 2, 1]
    assert deliveries[1].last.id == 9


@pytest.mark.parametrize(
    ("more", "at"),
    [
        ({"request_headers": {"webhook-timestamp": "1795348800"}}, NOON),
        ({"response_headers": {"Date": "Sun, 22 Nov 2026 12:00:00 GMT"}}, NOON),
        ({"response_headers": {"Date": "noon"}}, None),
        ({"request_headers": None, "response_headers": None}, None),
        ({}, None),
    ],
)
def test_headers_contain_the_time(more: dict[str, Any], at: float | None) -> None:
    assert entry(1, "500", **more).at == at


def test_the_webhook_id_is_the_key_in_any_case() -> None:
    headers = {"Webhook-ID": "w1", "Idempotency-Key": "i1"}
    assert entry(1, "500", request_headers=headers).key == "w1"


@pytest.mark.parametrize(
    ("hook", "endpoint", "expected"),
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
def test_a_url_shows_whether_a_hook_leads_to_the_endpoint(
    hook: str, endpoint: str, expected: bool
) -> None:
    assert leads_to(hook, endpoint) is expected


def test_a_site_has_no_secrets() -> None:
    url = "https://user:word@bot.example.com:8443/secret?key=1"
    assert site(url) == "https://bot.example.com:8443"
