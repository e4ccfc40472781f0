import re

import pytest
from gidgetlambda import markers

IDENTITY = markers.identity("note", "delivery", "module:handler")
MARKER = f"<!-- gidgetlambda {IDENTITY} -->"
ISSUE, COMMIT, SNIPPET = "/projects/1/issues/2", "/x/repository/commits/abc", "/x/snippets/3"


def test_identity_depends_on_each_part() -> None:
    assert markers.identity("a", "b") == markers.identity("a", "b")
    assert markers.identity("ab", "c") != markers.identity("a", "bc")
    assert markers.identity("a", "") != markers.identity("a")
    assert re.fullmatch("[0-9a-f]{32}", markers.identity("\ud800"))


# The marker in a text


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("Thanks!", f"Thanks!\n\n{MARKER}"),
        ("Thanks!\n\n ", f"Thanks!\n\n{MARKER}"),
        ("", MARKER),
        ("Two\r\nlines", f"Two\nlines\n\n{MARKER}"),
        ("```\ncode", f"```\ncode\n```\n\n{MARKER}"),
        ("\ud800", f"\ud800\n\n{MARKER}"),
        (f"Again\n\n{MARKER}", f"Again\n\n{MARKER}"),
        (f"Above\n\n{MARKER}\nbelow", f"Above\n\n\nbelow\n\n{MARKER}"),
    ],
    ids=ascii,
)
def test_appends_the_marker_as_the_last_line(text: str, marked: str) -> None:
    assert markers.mark(text, IDENTITY) == marked
    assert markers.find(marked) == IDENTITY


@pytest.mark.parametrize(
    "text",
    [
        MARKER,
        f"{MARKER}{MARKER}",
        f"/shrug {MARKER}",
        f"> {MARKER}",
        MARKER[:20] + MARKER + MARKER[20:],
        MARKER.replace("gidget", "gid\rget"),
        MARKER[:20] + MARKER.replace("->", "-\r>") + MARKER[20:],
    ],
    ids=ascii,
)
def test_removes_each_other_marker(text: str) -> None:
    assert "gidgetlambda" not in markers.strip(f"before\n{text}\nafter").replace("\r", "")
    assert markers.mark(text, "0" * 32).count("gidgetlambda") == 1


@pytest.mark.parametrize("ending", ["", "\n", "\r\n ", " \t", "\nA text that somebody added"])
def test_finds_the_marker_on_a_line_of_its_own(ending: str) -> None:
    text = f"Thanks!\n\n{MARKER}{ending}"
    assert markers.find(text) == IDENTITY
    assert markers.without(text).strip() == f"Thanks!{ending}".strip()
    assert markers.mark("New", IDENTITY, below=markers.below(text)) == (
        f"New\n\n{MARKER}{ending}".rstrip()
    )


@pytest.mark.parametrize(
    "text",
    [
        None,
        1,
        "",
        "Thanks!",
        f"> Thanks!\n> {MARKER}\n\nQuoted by somebody",
        f"{MARKER} and more",
        *(f"a{separator}{MARKER}" for separator in "\u2028\f\x85\v\x1c"),
        f" {MARKER}",
        MARKER.replace("gidgetlambda", "other"),
        MARKER.upper(),
        MARKER.replace(IDENTITY, "abc"),
    ],
    ids=ascii,
)
def test_finds_no_marker_elsewhere(text: object) -> None:
    assert markers.find(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "a" * markers.TEXT_LIMIT,
        "a" * (markers.TEXT_LIMIT - 10),
        "```\n" + "a\n" * markers.TEXT_LIMIT,
        "`" * 900_000 + "a",
    ],
    ids=lambda text: text[:5],
)
def test_a_marked_text_stays_within_gitlabs_limit(text: str) -> None:
    for below in ("", "\nbelow" * 100):
        marked = markers.mark(text, IDENTITY, below=below)
        assert len(marked) <= markers.TEXT_LIMIT
        assert marked.endswith(f"{MARKER}{below}")
        assert len(marked) > markers.TEXT_LIMIT - 1_000 or text.startswith("`````")


# Quick actions


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("", ISSUE, True),
        (" \n ", ISSUE, True),
        ("/close", ISSUE, True),
        ("/CLOSE", ISSUE, True),
        ("/label ~bug\n/close\n", ISSUE, True),
        ("/label ~bug\r\n\r\n/close \r\n", ISSUE, True),
        ("/cl\rose", ISSUE, True),
        ("/lgtm needs a maintainer", ISSUE, False),
        ("/tmp is full", ISSUE, False),
        ("/home/user is a path", ISSUE, False),
        ("/close/", ISSUE, False),
        ("/close\ttoday", ISSUE, False),
        ("  /close", ISSUE, False),
        ("/shrug", ISSUE, False),
        ("/tableflip", ISSUE, False),
        ("/cc @alice", ISSUE, False),
        ("/label ~bug\nand a word", ISSUE, False),
        ("/label ~bug\x85/close\u2028x", ISSUE, True),
        ("```\n/close\n```", ISSUE, False),
        ("/close", SNIPPET, False),
        ("/close", COMMIT, False),
        ("/tag v1", COMMIT, True),
    ],
    ids=ascii,
)
def test_knows_the_texts_that_create_no_note(text: str, path: str, expected: bool) -> None:
    assert markers.creates_no_note(text, path) is expected
