import json
import re

import pytest
from gidgetlambda import markers

IDENTITY = markers.identity("note", "delivery", "module:handler")
MARK = f"<!-- gidgetlambda {IDENTITY} -->"
NOTES = "https://gitlab.example.com/api/v4/projects/71/issues/23/notes"


def is_marked(text: str) -> bool:
    return markers.find(text) == IDENTITY


# Identities


def test_the_same_parts_have_the_same_identity() -> None:
    assert markers.identity("a", "b") == markers.identity("a", "b")


def test_parts_do_not_run_into_each_other() -> None:
    assert markers.identity("ab", "c") != markers.identity("a", "bc")
    assert markers.identity("a", "") != markers.identity("a")


def test_a_lone_surrogate_has_an_identity() -> None:
    assert re.fullmatch("[0-9a-f]{32}", markers.identity("\ud800"))


# The mark in a text


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
def test_a_marked_text_is_found_again(text: str) -> None:
    marked = markers.mark(text, IDENTITY)
    assert marked.startswith(text.rstrip())
    assert is_marked(marked)


def test_the_mark_is_a_paragraph_of_its_own() -> None:
    assert markers.mark("| a |\n|---|\n| b |\n", IDENTITY) == f"| a |\n|---|\n| b |\n\n{MARK}"


def test_gitlab_may_add_blanks_at_the_end() -> None:
    assert is_marked(f"Thanks!\n\n{MARK}\r\n ")


@pytest.mark.parametrize("text", ["", " \n ", "/close", "/label ~bug\n/close\n", "  /assign @bob "])
def test_what_makes_no_note_gets_no_mark(text: str) -> None:
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
def test_an_open_code_block_is_closed_before_the_mark(text: str, closing: str) -> None:
    assert markers.mark(text, IDENTITY) == f"{text.rstrip()}\n{closing}\n\n{MARK}"


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
    ],
)
def test_a_text_without_an_open_code_block_stays_as_it_is(text: str) -> None:
    assert markers.mark(text, IDENTITY) == f"{text.rstrip()}\n\n{MARK}"


@pytest.mark.parametrize(
    "text",
    [
        None,
        1,
        "",
        "Thanks!",
        f"> Thanks!\n> {MARK}\n\nQuoted by somebody",
        f"{MARK} and more",
        MARK.replace("gidgetlambda", "other"),
        MARK.upper(),
        MARK.replace(IDENTITY, "abc"),
    ],
)
def test_a_mark_counts_only_at_the_very_end(text: object) -> None:
    assert markers.find(text) is None


def test_of_two_marks_the_last_counts() -> None:
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
def test_a_request_that_writes_a_note_is_marked(method: str, path: str, field: str) -> None:
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
def test_another_request_stays_as_it_is(method: str, path: str) -> None:
    url = f"https://gitlab.example.com/api/v4/projects/71/{path}"
    data = {"body": "text", "note": "text"}
    assert markers.mark_request(method, url, data, IDENTITY) == (url, data)


@pytest.mark.parametrize("data", [b"", None, [1], "text", {"body": None}, {"body": 1}])
def test_data_that_is_no_note_stays_as_it_is(data: object) -> None:
    assert markers.mark_request("POST", NOTES, data, IDENTITY) == (NOTES, data)


def test_a_note_in_the_query_is_marked() -> None:
    url, _ = markers.mark_request("POST", f"{NOTES}?body=Thanks%21&internal=true", b"", IDENTITY)
    assert "internal=true" in url
    assert IDENTITY in url


# GraphQL


def test_a_body_written_into_the_mutation_is_marked() -> None:
    query = 'mutation { createNote(input: {noteableId: "gid://1", body: "Say \\"hi\\""}) {errors} }'
    marked, variables = markers.mark_graphql(query, {}, IDENTITY)
    literal = re.search(r'body: ("(?:[^"\\]|\\.)*")', marked)
    assert literal is not None
    assert json.loads(literal[1]) == f'Say "hi"\n\n{MARK}'
    assert variables == {}


def test_a_block_string_is_marked() -> None:
    query = 'mutation { createNote(input: {body: """Say "hi"\nnow"""}) { errors } }'
    marked, _ = markers.mark_graphql(query, {}, IDENTITY)
    assert f'"""Say "hi"\nnow\n\n{MARK}"""' in marked


@pytest.mark.parametrize("literal", ['"/close"', '"""/label ~bug\n/close"""', r'"/close\n/todo"'])
def test_a_literal_of_quick_actions_alone_makes_no_note_and_gets_no_mark(literal: str) -> None:
    query = f"mutation {{ createNote(input: {{body: {literal}}}) {{ errors }} }}"
    assert markers.mark_graphql(query, {}, IDENTITY) == (query, {})


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("mutation($body: String!) { createNote(input: {body: $body}) {errors} }", {"body": "Hi"}),
        ("mutation($text: String!) { createNote(input: {body: $text}) {errors} }", {"text": "Hi"}),
        (
            "mutation($input: CreateNoteInput!) { createNote(input: $input) { errors } }",
            {"input": {"noteableId": "gid://1", "body": "Hi"}},
        ),
        (
            "mutation($input: X!) { createDiffNote(input: $input) { errors } }",
            {"input": {"body": "Hi"}},
        ),
        (
            "mutation($input: X!) { updateNote(input: $input) { errors } }",
            {"input": {"body": "Hi"}},
        ),
    ],
)
def test_a_body_among_the_variables_is_marked(query: str, variables: dict[str, object]) -> None:
    same_query, marked = markers.mark_graphql(query, variables, IDENTITY)
    assert same_query == query
    (value,) = marked.values()
    assert is_marked(value["body"] if isinstance(value, dict) else value)


def test_what_writes_no_note_stays_as_it_is() -> None:
    query, variables = "query($body: String) { currentUser { id } }", {"body": "Hi"}
    assert markers.mark_graphql(query, variables, IDENTITY) == (query, variables)
