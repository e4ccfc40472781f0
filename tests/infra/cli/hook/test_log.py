"""The log of a hook, and the deliveries in it that never arrived."""

from typing import Any

import pytest

from infra.cli.hook.log import LogEntry, leads_to, missed, site

NOON = 1_795_348_800.0


def entry(number: int, status: str, key: str = "k1", *, hook_id: int = 11, **more: Any) -> LogEntry:
    data = {
        "id": number,
        "url": "https://bot.example.com/webhook",
        "trigger": "issue_hooks",
        "request_headers": {"Idempotency-Key": key} if key else {},
        "request_data": {"object_kind": "issue"},
        "response_status": status,
    }
    return LogEntry.of(hook_id, data | more)


OTHER = {"object_kind": "note", "text": "\ud800"}
BOTH = {"Webhook-ID": "w1", "Idempotency-Key": "i1"}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        *[([entry(1, status)], []) for status in ("200", "202", "204")],
        *[([entry(1, status)], ["k1"]) for status in ("401", "503", "internal error", "")],
        ([entry(2, "200"), entry(1, "500")], []),
        ([entry(2, "500"), entry(1, "200")], []),
        ([entry(2, "200", "other"), entry(1, "500")], ["k1"]),
        ([entry(4, "500"), entry(4, "500", hook_id=12)], ["k1", "k1"]),
        ([entry(1, "500", request_headers=BOTH)], ["w1"]),
        ([entry(2, "200", ""), entry(1, "500", "")], []),
    ],
)
def test_a_delivery_is_missed_if_no_attempt_with_its_key_succeeded(
    entries: list[LogEntry], expected: list[str]
) -> None:
    assert [delivery.key for delivery in missed(entries)] == expected


def test_without_a_key_attempts_are_grouped_by_payload() -> None:
    assert missed([entry(2, "200", "", request_data=OTHER), entry(1, "500", "")])


def test_the_oldest_delivery_comes_first_with_its_last_attempt() -> None:
    deliveries = missed(
        [
            entry(9, "500", "b"),
            entry(7, "500", "a"),
            entry(5, "internal error", "b"),
            entry(3, "401", "c"),
            entry(9, "500", "b"),
        ]
    )
    found = [(delivery.key, delivery.id, delivery.attempts) for delivery in deliveries]
    assert found == [("c", 3, 1), ("b", 9, 2), ("a", 7, 1)]


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
def test_reads_the_time_in_the_headers(more: dict[str, Any], at: float | None) -> None:
    assert entry(1, "500", **more).at == at


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
def test_recognizes_hooks_that_lead_to_the_endpoint(
    hook: str, endpoint: str, expected: bool
) -> None:
    assert leads_to(hook, endpoint) is expected


def test_a_site_has_no_secrets() -> None:
    url = "https://user:word@bot.example.com:8443/secret?key=1"
    assert site(url) == "https://bot.example.com:8443"
