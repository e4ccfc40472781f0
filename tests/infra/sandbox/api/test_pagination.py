"""The order and the pages of lists, and the links between the pages."""

import httpx
import pytest

from infra.sandbox import Sandbox

NOTES = "/projects/demo%2Fplayground/issues/1/notes"


@pytest.fixture(autouse=True)
def five_notes(sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("Help")
    for number in range(5):
        sandbox.comment(issue, f"Note {number}")


def test_links_lead_from_page_to_page(alice: httpx.Client) -> None:
    bodies, url = [], f"{NOTES}?per_page=2&sort=asc"
    while url:
        answer = alice.get(url)
        bodies += [note["body"] for note in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
        assert bool(url) == bool(answer.headers["x-next-page"])
    assert bodies == [f"Note {number}" for number in range(5)]


def test_pages_have_gitlabs_headers(alice: httpx.Client, sandbox: Sandbox) -> None:
    answer = alice.get(f"{NOTES}?per_page=2&page=2")
    assert [note["body"] for note in answer.json()] == ["Note 2", "Note 1"]
    names = ("per-page", "page", "next-page", "prev-page", "total", "total-pages")
    assert [answer.headers[f"x-{name}"] for name in names] == ["2", "2", "3", "1", "5", "3"]
    base = (
        f"{sandbox.url}/api/v4/projects/demo%2Fplayground/issues/1/notes?activity_filter="
        "all_notes&id=demo%2Fplayground&issue_iid=1&order_by=created_at&page="
    )
    assert answer.headers["link"] == ", ".join(
        f'<{base}{page}&per_page=2&sort=desc>; rel="{relation}"'
        for relation, page in (("prev", 1), ("next", 3), ("first", 1), ("last", 3))
    )


def test_limits_the_page_and_the_counted_rows(alice: httpx.Client, sandbox: Sandbox) -> None:
    issue = sandbox.project.issues[1]
    for _ in range(10_000):
        sandbox.comment(issue, "Again")
    answer = alice.get(f"{NOTES}?per_page=1000")
    assert answer.headers["x-per-page"] == "100"
    assert "x-total" not in answer.headers
    assert "last" not in answer.links
    assert "next" in answer.links


def test_orders_notes_by_creation_or_by_update(alice: httpx.Client, sandbox: Sandbox) -> None:
    first = sandbox.project.issues[1].notes[0]
    sandbox.edit_note(first, "Note 0, edited")
    newest = alice.get(f"{NOTES}?per_page=1").json()[0]["body"]
    touched = alice.get(f"{NOTES}?per_page=1&order_by=updated_at").json()[0]["body"]
    assert (newest, touched) == ("Note 4", "Note 0, edited")
