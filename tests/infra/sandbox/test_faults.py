"""What a bot hears, and what GitLab has done, when their conversation is broken on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox.faults import Late, dropped, given_up, lost, refused, silent, unheard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.sandbox.faults import Faults

NOTES = "/api/v4/projects/71/issues/1/notes"


@pytest.fixture
def client(faults: Faults, in_process: Sandbox) -> Iterator[httpx.Client]:
    in_process.open_issue("It does not start")
    headers = {"authorization": f"Bearer {BOT_TOKEN}"}
    with httpx.Client(base_url=in_process.url, headers=headers, timeout=5) as opened:
        yield opened


def notes(sandbox: Sandbox) -> list[str]:
    return [note.body for note in sandbox.project.issues[1].notes]


def post(client: httpx.Client, timeout: float = 5) -> int:
    return client.post(NOTES, json={"body": "Hello"}, timeout=timeout).status_code


def test_without_a_fault_nothing_is_different(client: httpx.Client, in_process: Sandbox) -> None:
    assert post(client) == 201
    assert notes(in_process) == ["Hello"]


def test_what_is_refused_is_not_done(
    client: httpx.Client, faults: Faults, in_process: Sandbox
) -> None:
    faults.once(refused(429, {"retry-after": "7"}, "Retry later\n"))
    answer = client.post(NOTES, json={"body": "Hello"})

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.text == "Retry later\n"
    assert notes(in_process) == []


@pytest.mark.parametrize(("fault", "done"), [(dropped, False), (lost, True)])
def test_a_connection_breaks_before_or_after_it_is_done(
    client: httpx.Client, faults: Faults, in_process: Sandbox, fault: Any, done: bool
) -> None:
    faults.once(fault)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        post(client)

    assert bool(notes(in_process)) is done


@pytest.mark.parametrize(("fault", "done"), [(silent, False), (unheard, True)])
def test_an_answer_never_comes_and_it_is_done_or_not(
    client: httpx.Client, faults: Faults, in_process: Sandbox, fault: Any, done: bool
) -> None:
    faults.once(fault)
    with pytest.raises(httpx.ReadTimeout):
        post(client, timeout=0.2)

    assert bool(notes(in_process)) is done


def test_a_proxy_gives_up_although_it_is_done(
    client: httpx.Client, faults: Faults, in_process: Sandbox
) -> None:
    faults.once(given_up(504))

    assert post(client) == 504
    assert notes(in_process) == ["Hello"]


def test_it_is_done_late(client: httpx.Client, faults: Faults, in_process: Sandbox) -> None:
    late = Late(refused(504))
    faults.once(late, times=2)
    assert [post(client), post(client)] == [504, 504]
    assert notes(in_process) == []

    assert late.commit() == 2
    assert notes(in_process) == ["Hello", "Hello"]
    assert late.commit() == 0


def test_a_fault_is_for_the_requests_that_it_was_asked_for(
    client: httpx.Client, faults: Faults
) -> None:
    faults.once(refused(500), method="POST", path="/notes")

    assert client.get(NOTES).status_code == 200
    assert [post(client), post(client)] == [500, 201]


def test_a_function_may_choose_for_every_request(client: httpx.Client, faults: Faults) -> None:
    seen: list[tuple[str, str, bool]] = []

    def choose(exchange: Any) -> None:
        seen.append((exchange.method, exchange.token, exchange.writes))

    faults.choose = choose
    client.get("/api/v4/user")
    post(client)

    assert seen == [("GET", BOT_TOKEN, False), ("POST", BOT_TOKEN, True)]
