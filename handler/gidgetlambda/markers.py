"""The hidden marks in the bot's own notes: write them, find them.

A mark is an HTML comment at a note's very end, which GitLab keeps and does not show. It tells a
note that the bot wrote for an event from one that a person wrote, and one such note from another,
so that a task that is tried again finds what it has posted already. A mark in somebody else's note
means nothing; who wrote a note is for the caller to ask.

Takes values and returns values.

https://docs.gitlab.com/api/notes/ and https://docs.gitlab.com/user/project/quick_actions/
"""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

MARK = re.compile(r"<!-- gidgetlambda ([0-9a-f]{32}) -->\s*\Z")

# What creates or changes a note, below /api/v4: the endings of its path.
NOTE_PATHS = re.compile(
    r"""/ (?: notes | discussions | draft_notes ) (?: / [^/]+ )? \Z
      | / discussions / [^/]+ / notes (?: / [^/]+ )? \Z
      | / repository/commits / [^/]+ / comments \Z""",
    re.VERBOSE,
)
NOTE_METHODS = frozenset({"POST", "PUT", "PATCH"})
NOTE_FIELDS = ("body", "note")

NOTE_MUTATION = re.compile(r"\b(?:create|update)(?:Image)?(?:Diff)?(?:Note|Discussion)\b")
GRAPHQL_BODY = re.compile(
    r'(\bbody\s*:\s*)("""(?:\\"""|(?!""").)*|"(?:[^"\\\n]|\\.)*)(?=")', re.DOTALL
)

BODY_VARIABLE = re.compile(r"\bbody\s*:\s*\$(\w+)")

QUICK_ACTION = re.compile(r"/[a-z_]+(?:\s|\Z)")
# Backticks after a fence of backticks make it code within a line.
FENCE = re.compile(r" {0,3}(?:(`{3,})([^`]*)|(~{3,})(.*))\Z")


def identity(*parts: str) -> str:
    """What tells one of the bot's notes from the others: a hash of what it was written for."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(encoded)}:".encode() + encoded)
    return digest.hexdigest()[:32]


def mark(text: str, identity: str) -> str:
    """The note's text with its mark.

    A text of quick actions alone, or of nothing, stays as it is: GitLab makes no note of it, and
    would make an empty one of the mark.
    """
    if _makes_no_note(text):
        return text
    return f"{text.rstrip()}{_closing_fence(text)}\n\n<!-- gidgetlambda {identity} -->"


def find(text: object) -> str | None:
    """The identity in a note's mark, `None` where it bears none.

    Only the last words count, so that a mark which the bot repeats from elsewhere means nothing.
    """
    match = MARK.search(text) if isinstance(text, str) else None
    return match.group(1) if match else None


def mark_request(method: str, url: str, data: Any, identity: str) -> tuple[str, Any]:
    """A REST request's URL and data, with the mark in the note that it writes, if it writes one.

    method: in capitals.
    url: absolute, with its query.
    """
    parts = urlsplit(url)
    if method not in NOTE_METHODS or not NOTE_PATHS.search(parts.path.rstrip("/")):
        return url, data
    if isinstance(data, dict):
        data = _mark_fields(data, identity)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if any(name in NOTE_FIELDS for name, _ in query):
        marked = [(n, mark(v, identity) if n in NOTE_FIELDS else v) for n, v in query]
        url = urlunsplit(parts._replace(query=urlencode(marked)))
    return url, data


def mark_graphql(
    query: str, variables: dict[str, Any], identity: str
) -> tuple[str, dict[str, Any]]:
    """A GraphQL query and its variables, with the mark in the note that it writes, if any."""
    if not NOTE_MUTATION.search(query):
        return query, variables
    query = GRAPHQL_BODY.sub(lambda match: _mark_literal(match, identity), query)
    bodies = (*NOTE_FIELDS, *BODY_VARIABLE.findall(query))
    variables = _mark_fields(variables, identity, bodies)
    return query, {
        name: _mark_fields(value, identity) if isinstance(value, dict) else value
        for name, value in variables.items()
    }


def _mark_fields(
    fields: dict[str, Any], identity: str, names: tuple[str, ...] = NOTE_FIELDS
) -> dict[str, Any]:
    return {
        name: mark(value, identity) if name in names and isinstance(value, str) else value
        for name, value in fields.items()
    }


def _mark_literal(match: re.Match[str], identity: str) -> str:
    """A GraphQL string literal without its closing quote, with the mark before it."""
    label, literal = match.groups()
    if _makes_no_note(literal.lstrip('"').replace(r"\n", "\n")):
        return match[0]
    newlines = "\n\n" if literal.startswith('"""') else r"\n\n"
    return f"{label}{literal}{newlines}<!-- gidgetlambda {identity} -->"


def _makes_no_note(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines()]
    return all(QUICK_ACTION.match(line) for line in lines if line)


def _closing_fence(text: str) -> str:
    """What closes a code block that the text leaves open: the mark would show inside it."""
    opened: str | None = None
    for line in text.splitlines():
        match = FENCE.match(line)
        if match is None:
            continue
        fence, rest = match[1] or match[3], match[2] or match[4] or ""
        if opened is None:
            opened = fence
        elif fence[0] == opened[0] and len(fence) >= len(opened) and not rest.strip():
            opened = None
    return f"\n{opened}" if opened else ""
