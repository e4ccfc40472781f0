"""Pages of lists, and the links between them."""

import httpx
import pytest

from infra.sandbox import Sandbox

pytestmark = pytest.mark.anyio

NOTES = "/projects/demo%2Fplayground/issues/1/notes"


@pytest.fixture(autouse=True)
def five_notes(in_process: Sandbox) -> None:
    issue = in_process.open_issue("Help")
    for number in range(5):
        in_process.comment(issue, f"Note {number}")


async def test_links_lead_through_all_pages(alice: httpx.AsyncClient) -> None:
    bodies, url = [], f"{NOTES}?per_page=2&sort=asc"
    while url:
        answer = await alice.get(url)
        bodies += [note["body"] for note in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
    assert bodies == [f"Note {number}" for number in range(5)]


async def test_the_headers_are_gitlabs(alice: httpx.AsyncClient, in_process: Sandbox) -> None:
    answer = await alice.get(f"{NOTES}?per_page=2&page=2")
    assert [note["body"] for note in answer.json()] == ["Note 2", "Note 1"]
    told = {name: answer.headers[name] for name in answer.headers if name.startswith("x-")}
    told.pop("x-request-id")
    assert told == {
        "x-per-page": "2",
        "x-page": "2",
        "x-next-page": "3",
        "x-prev-page": "1",
        "x-total": "5",
        "x-total-pages": "3",
    }
    base = (
        f"{in_process.url}/api/v4/projects/demo%2Fplayground/issues/1/notes?activity_filter="
        "all_notes&id=demo%2Fplayground&issue_iid=1&order_by=created_at&page="
    )
    assert answer.headers["link"] == ", ".join(
        f'<{base}{page}&per_page=2&sort=desc>; rel="{relation}"'
        for relation, page in (("prev", 1), ("next", 3), ("first", 1), ("last", 3))
    )


async def test_the_last_page_has_no_next(alice: httpx.AsyncClient) -> None:
    answer = await alice.get(f"{NOTES}?per_page=2&page=3")
    assert "next" not in answer.links
    assert answer.headers["x-next-page"] == ""


async def test_a_page_holds_a_hundred_at_most(alice: httpx.AsyncClient) -> None:
    assert (await alice.get(f"{NOTES}?per_page=1000")).headers["x-per-page"] == "100"


async def test_totals_vanish_beyond_ten_thousand_rows(
    alice: httpx.AsyncClient, in_process: Sandbox
) -> None:
    issue = in_process.project.issues[1]
    for _ in range(10_000):
        in_process.comment(issue, "Again")
    answer = await alice.get(NOTES)
    assert "x-total" not in answer.headers
    assert "last" not in answer.links
    assert "next" in answer.links


async def test_notes_are_ordered_as_asked(alice: httpx.AsyncClient, in_process: Sandbox) -> None:
    first = in_process.project.issues[1].notes[0]
    in_process.edit_note(first, "Note 0, edited")
    newest = (await alice.get(f"{NOTES}?per_page=1")).json()[0]["body"]
    touched = (await alice.get(f"{NOTES}?per_page=1&order_by=updated_at")).json()[0]["body"]
    assert (newest, touched) == ("Note 4", "Note 0, edited")
