"""Markers: hidden comments that identify the bot's own notes.

A marker is an HTML comment at the very end of a note, which GitLab keeps and does not show. It
distinguishes a note that the bot wrote for an event from a person's note and from the bot's other
notes, so that a retried task finds the note that it has already posted. A marker in somebody else's
note means nothing; the caller checks the author. This module performs no I/O.

https://docs.gitlab.com/api/notes/ and https://docs.gitlab.com/user/project/quick_actions/
"""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

MARKER = re.compile(r"<!-- gidgetlambda ([0-9a-f]{32}) -->\s*\Z")

# The ends of the paths, below /api/v4, that create or change a note.
NOTE_PATHS = re.compile(
    r"""/ (?: notes | discussions | draft_notes ) (?: / [^/]+ )? \Z
      | / discussions / [^/]+ / notes (?: / [^/]+ )? \Z
      | / repository/commits / [^/]+ / comments \Z""",
    re.VERBOSE,
)
NOTE_METHODS = frozenset({"POST", "PUT", "PATCH"})
NOTE_FIELDS = ("body", "note")

QUICK_ACTION = re.compile(r"/[a-z_]+(?:\s|\Z)")
# A line that opens or closes a code block. After backticks, another backtick makes it inline code.
FENCE = re.compile(r" {0,3}(?:(`{3,})([^`]*)|(~{3,})(.*))\Z")


def identity(*parts: str) -> str:
    """Return the identity of a note: a hash of all that distinguishes it from other notes."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(encoded)}:".encode() + encoded)
    return digest.hexdigest()[:32]


def mark(text: str, identity: str) -> str:
    """Return the text of a note with its marker.

    A text that consists only of quick actions is returned unchanged: GitLab creates no note from
    it, and would create an empty one from the marker.
    """
    if _creates_no_note(text):
        return text
    return f"{text.rstrip()}{_closing_fence(text)}\n\n<!-- gidgetlambda {identity} -->"


def find(text: object) -> str | None:
    """Return the identity in the marker of a note, `None` if it has no marker.

    Only the end of the note counts: a marker that the bot quotes means nothing.
    """
    match = MARKER.search(text) if isinstance(text, str) else None
    return match.group(1) if match else None


def mark_request(method: str, url: str, data: Any, identity: str) -> tuple[str, Any]:
    """Return the URL and the data of a REST request, with a marker in the note that it writes.

    Args:
        method: The method in capitals.
        url: The absolute URL, with its query.
        data: The decoded body.
        identity: The identity of the note.
    """
    parts = urlsplit(url)
    if method not in NOTE_METHODS or not NOTE_PATHS.search(parts.path.rstrip("/")):
        return url, data
    if isinstance(data, dict):
        data = {
            name: mark(value, identity) if name in NOTE_FIELDS and isinstance(value, str) else value
            for name, value in data.items()
        }
    query = parse_qsl(parts.query, keep_blank_values=True)
    if any(name in NOTE_FIELDS for name, _ in query):
        marked = [(n, mark(v, identity) if n in NOTE_FIELDS else v) for n, v in query]
        url = urlunsplit(parts._replace(query=urlencode(marked)))
    return url, data


def _creates_no_note(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines()]
    return all(QUICK_ACTION.match(line) for line in lines if line)


def _closing_fence(text: str) -> str:
    """Return the end of an open code block: inside the block, the marker would be visible."""
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
