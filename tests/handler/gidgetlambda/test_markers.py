import re

import pytest
from gidgetlambda import markers

IDENTITY = markers.identity("note", "delivery", "module:handler")
MARKER = f"<!-- gidgetlambda {IDENTITY} -->"
NOTES = "https://gitlab.example.com/api/v4/projects/71/issues/23/notes"


def is_marked(text: str) -> bool:
    return markers.find(text) == IDENTITY


# Identities


def test_identity_depends_on_each_part() -> None:
    assert markers.identity("a", "b") == markers.identity("a", "b")
    assert markers.identity("ab", "c") != markers.identity("a", "bc")
    assert markers.identity("a", "") != markers.identity("a")
    assert re.fullmatch("[0-9a-f]{32}", markers.identity("\ud800"))


# The marker in a text


@pytest.mark.parametrize(
    "text",
    [
        "Thanks!",
        "Thanks!\n\n",
        "Two lines\nof text",
        "/label ~bug\nand a word",
        "/home/user is a path",
        "\ud800",
        "a" * 100_000,
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_finds_the_marker_of_a_marked_text(text: str) -> None:
    marked = markers.mark(text, IDENTITY)
    assert marked.startswith(text.rstrip())
    assert is_marked(marked)


def test_finds_a_marker_before_trailing_white_space() -> None:
    assert is_marked(f"Thanks!\n\n{MARKER}\r\n ")


@pytest.mark.parametrize("text", ["", " \n ", "/close", "/label ~bug\n/close\n", "  /assign @bob "])
def test_quick_actions_alone_get_no_marker(text: str) -> None:
    assert markers.mark(text, IDENTITY) == text


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("```python\nprint()", "```"),
        ("~~~\n```\n", "~~~"),
        ("````\n```\ninside", "````"),
        ("``` python\n``` not the end\n", "```"),
        ("   ```\ntext", "```"),
    ],
)
def test_closes_an_open_code_block_before_the_marker(text: str, closing: str) -> None:
    assert markers.mark(text, IDENTITY) == f"{text.rstrip()}\n{closing}\n\n{MARKER}"


@pytest.mark.parametrize(
    "text",
    [
        "```\ncode\n```",
        "~~~\ncode\n~~~~~",
        "```\ncode\n```   ",
        "``` is three backticks ```",
        "```inline``` at the start of a line",
        "    ```\n    an indented block",
        "`` two ``",
        "| a |\n|---|\n| b |\n",
    ],
)
def test_appends_the_marker_as_a_paragraph(text: str) -> None:
    assert markers.mark(text, IDENTITY) == f"{text.rstrip()}\n\n{MARKER}"


@pytest.mark.parametrize(
    "text",
    [
        None,
        1,
        "",
        "Thanks!",
        f"> Thanks!\n> {MARKER}\n\nQuoted by somebody",
        f"{MARKER} and more",
        MARKER.replace("gidgetlambda", "other"),
        MARKER.upper(),
        MARKER.replace(IDENTITY, "abc"),
    ],
)
def test_finds_no_marker_elsewhere(text: object) -> None:
    assert markers.find(text) is None


def test_finds_the_last_of_two_markers() -> None:
    other = markers.identity("other")
    assert is_marked(markers.mark(f"somebody wrote <!-- gidgetlambda {other} -->", IDENTITY))


# Requests that write notes


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("POST", "issues/23/notes", "body"),
        ("POST", "issues/23/notes/", "body"),
        ("PUT", "issues/23/notes/5", "body"),
        ("POST", "merge_requests/7/notes", "body"),
        ("POST", "merge_requests/7/discussions", "body"),
        ("POST", "merge_requests/7/discussions/6a9c/notes", "body"),
        ("PUT", "merge_requests/7/discussions/6a9c/notes/5", "body"),
        ("POST", "merge_requests/7/draft_notes", "note"),
        ("POST", "snippets/1/notes", "body"),
        ("POST", "repository/commits/da1560/comments", "note"),
        ("POST", "repository/commits/da1560/discussions", "body"),
    ],
)
def test_marks_the_note_of_a_request(method: str, path: str, field: str) -> None:
    url = f"https://gitlab.example.com/api/v4/projects/71/{path}"
    given = {field: "Thanks!", "internal": True}
    same_url, data = markers.mark_request(method, url, given, IDENTITY)
    assert same_url == url
    assert is_marked(data[field])
    assert data["internal"] is True
    assert given == {field: "Thanks!", "internal": True}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "issues/23/notes"),
        ("DELETE", "issues/23/notes/5"),
        ("POST", "issues"),
        ("PUT", "issues/23"),
        ("POST", "issues/23/notes/5/award_emoji"),
        ("POST", "releases"),
    ],
)
def test_leaves_other_requests_unchanged(method: str, path: str) -> None:
    url = f"https://gitlab.example.com/api/v4/projects/71/{path}"
    data = {"body": "text", "note": "text"}
    assert markers.mark_request(method, url, data, IDENTITY) == (url, data)


@pytest.mark.parametrize("data", [b"", None, [1], "text", {"body": None}, {"body": 1}])
def test_leaves_other_data_unchanged(data: object) -> None:
    assert markers.mark_request("POST", NOTES, data, IDENTITY) == (NOTES, data)


def test_marks_a_note_in_the_query() -> None:
    url, _ = markers.mark_request("POST", f"{NOTES}?body=Thanks%21&internal=true", b"", IDENTITY)
    assert "internal=true" in url
    assert IDENTITY in url
