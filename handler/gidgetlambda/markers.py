"""Markers: the hidden markers in the bot's own notes and descriptions.

A marker is an HTML comment on a line of its own, which GitLab keeps and does not show. It
distinguishes a note that the bot wrote for an event from a person's note and from the bot's other
notes, so that a retried task finds the note that it has already posted. A marker in somebody else's
note means nothing; the caller checks the author. This module performs no I/O.

https://docs.gitlab.com/api/notes/
"""

from __future__ import annotations

import hashlib
import re

MARKER = re.compile(r"^<!-- gidgetlambda ([0-9a-f]{32}) -->[ \t\r]*$", re.MULTILINE)
ANY_MARKER = re.compile(r"<!-- gidgetlambda [0-9a-f]{32} -->")

TEXT_LIMIT = 1_000_000  # characters of a note; GitLab refuses more

# GitLab creates no note from a text that consists of these. `shrug`, `tableflip` and `cc` are not
# among them, since GitLab leaves a text in their place. As of 2026-11-26:
# https://docs.gitlab.com/user/project/quick_actions/
QUICK_ACTIONS = frozenset(
    """
    add_child add_contacts add_email approve assign assign_reviewer award blocked_by blocks
    checkin_reminder child_epic clear_health_status clear_weight clone close confidential
    convert_to_ticket copy_metadata create_merge_request done draft due duplicate epic estimate
    estimate_time health_status invite_email iteration label labels link lock merge milestone move
    page parent_epic promote promote_to promote_to_incident publish react ready reassign
    reassign_reviewer rebase relabel relate remove_child remove_child_epic remove_contacts
    remove_due_date remove_email remove_epic remove_estimate remove_iteration remove_label
    remove_milestone remove_parent remove_parent_epic remove_reviewer remove_time_estimate
    remove_time_spent remove_zoom reopen request_changes request_review reviewer run_pipeline
    set_parent severity ship spend spend_time status submit_review subscribe tag target_branch
    timeline title todo type unapprove unassign unassign_reviewer unlabel unlink unlock unsubscribe
    weight zoom
    """.split()  # noqa: SIM905 - one line per name is too long
)
COMMIT_QUICK_ACTIONS = frozenset({"tag"})
QUICK_ACTION = re.compile(r"/([a-z_]+)(?: .*|\s*)\Z", re.IGNORECASE)


def identity(*parts: str) -> str:
    """Return the identity of a note: a hash of everything that distinguishes it from others."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(encoded)}:".encode() + encoded)
    return digest.hexdigest()[:32]


def mark(text: str, identity: str, *, below: str = "") -> str:
    """Return a text with its marker on the last line, and without any other marker.

    A text that would exceed GitLab's limit is shortened.

    Args:
        text: The text of a note or a description.
        identity: The identity of the note.
        below: A text to keep below the marker.
    """
    marker = f"<!-- gidgetlambda {identity} -->{below}"
    text = strip(text)[:TEXT_LIMIT].rstrip()
    marked = _append(text, marker)
    # A shortened text may leave another block open.
    while text and (excess := len(marked) - TEXT_LIMIT) > 0:
        text = text[: -excess - 1]
        marked = _append(f"{text}…", marker)
    return marked


def strip(text: str) -> str:
    """Return a text without markers, so that a quoted one means nothing.

    Carriage returns are removed as well: GitLab does so, and could form a marker by it.
    """
    text = text.replace("\r", "")
    while (stripped := ANY_MARKER.sub("", text)) != text:  # a removal can form another marker
        text = stripped
    return text


def find(text: object) -> str | None:
    """Return the identity in the marker of a note, `None` if it has no marker."""
    match = MARKER.search(text) if isinstance(text, str) else None
    return match[1] if match else None


def below(text: str) -> str:
    """Return the text below the marker of a note, which somebody added."""
    match = MARKER.search(text)
    return strip(text[match.end() :]).rstrip() if match else ""


def without(text: str) -> str:
    """Return the text of a note without its marker."""
    match = MARKER.search(text)
    return text[: match.start()].rstrip() + text[match.end() :] if match else text


def creates_no_note(text: str, target_path: str) -> bool:
    """Return whether GitLab creates no note from a text: it consists of quick actions only.

    Snippets have no quick actions, and commits have one.
    """
    known = QUICK_ACTIONS
    if "/repository/commits/" in target_path:
        known = COMMIT_QUICK_ACTIONS
    elif "/snippets/" in target_path:
        known = frozenset()
    lines = text.replace("\r", "").split("\n")
    return all(_quick_action(line) in known for line in lines if line.strip())


def _quick_action(line: str) -> str | None:
    """Return the name of the quick action in a line, `None` if there is none."""
    match = QUICK_ACTION.match(line)
    return match[1].lower() if match else None


def _append(text: str, marker: str) -> str:
    if not text:
        return marker
    # Imported here: the receiving function does not pay for it at each cold start.
    from . import markdown

    closing = markdown.closing(text)
    return f"{text}\n{closing}\n\n{marker}" if closing else f"{text}\n\n{marker}"
