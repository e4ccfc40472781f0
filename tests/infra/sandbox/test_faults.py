"""The effect of each fault on a bot's request."""

from collections.abc import Iterator

import httpx
import pytest

from infra.sandbox import BOT_TOKEN, Sandbox
from infra.sandbox import faults as gitlab
from infra.sandbox.faults import Exchange, Fault, Faults

NOTES = "/api/v4/projects/71/issues/1/notes"


@pytest.fixture
def client(faults: Faults, in_process: Sandbox) -> Iterator[httpx.Client]:
    in_process.open_issue("It does not start")
    headers = {"authorization": f"Bearer {BOT_TOKEN}"}
    with httpx.Client(base_url=in_process.url, headers=headers, timeout=5) as opened:
        yield opened


def notes(sandbox: Sandbox) -> list[str]:
    return [note.body for note in sandbox.project.issues[1].notes]


def post(client: httpx.Client, timeout: float = 5) -> int | str:
    """Post a note, and return the status of the answer or the failure of the connection."""
    try:
        return client.post(NOTES, json={"body": "Hello"}, timeout=timeout).status_code
    except httpx.ReadTimeout:
        return "timeout"
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return "disconnected"


def kill(exchange: Exchange) -> None:
    pass


@pytest.mark.parametrize(
    ("fault", "answer", "done"),
    [
        (gitlab.passed, 201, True),
        (gitlab.refused(503), 503, False),
        (gitlab.given_up(504), 504, True),
        (gitlab.dropped, "disconnected", False),
        (gitlab.lost, "disconnected", True),
        (gitlab.silent, "timeout", False),
        (gitlab.unheard, "timeout", True),
        (gitlab.killing(kill, "before"), "disconnected", False),
        (gitlab.killing(kill, "during"), "disconnected", True),
        (gitlab.killing(kill, "after"), 201, True),
    ],
)
def test_a_fault_decides_the_answer_and_whether_gitlab_acts(
    client: httpx.Client,
    faults: Faults,
    in_process: Sandbox,
    fault: Fault,
    answer: int | str,
    done: bool,
) -> None:
    faults.once(fault)
    assert post(client, timeout=0.2 if answer == "timeout" else 5) == answer
    assert notes(in_process) == ["Hello"] * done


def test_a_refusal_has_headers_and_a_body(client: httpx.Client, faults: Faults) -> None:
    faults.once(gitlab.refused(429, {"retry-after": "7"}, "Retry later\n"))
    answer = client.post(NOTES, json={"body": "Hello"})
    assert (answer.headers["retry-after"], answer.text) == ("7", "Retry later\n")


def test_delays_writes(client: httpx.Client, faults: Faults, in_process: Sandbox) -> None:
    late = gitlab.Late(gitlab.refused(504))
    faults.once(late, times=2)
    assert [post(client), post(client)] == [504, 504]
    assert notes(in_process) == []
    assert late.commit() == 2
    assert notes(in_process) == ["Hello", "Hello"]
    assert late.commit() == 0


def test_injects_a_fault_only_into_matching_requests(client: httpx.Client, faults: Faults) -> None:
    faults.once(gitlab.refused(500), method="POST", path="/notes")
    assert client.get(NOTES).status_code == 200
    assert [post(client), post(client)] == [500, 201]


def test_a_function_can_choose_the_fault_of_each_request(
    client: httpx.Client, faults: Faults
) -> None:
    seen: list[tuple[str, str, bool]] = []

    def choose(exchange: Exchange) -> None:
        seen.append((exchange.method, exchange.token, exchange.writes))

    faults.choose = choose
    client.get("/api/v4/user")
    post(client)
    assert seen == [("GET", BOT_TOKEN, False), ("POST", BOT_TOKEN, True)]
