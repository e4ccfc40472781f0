"""What users do with notes: comment, reply, edit, delete. Each fires the webhooks that follow.

Quick actions are not looked for here; `api` and the sandbox's helpers part them from the text.
"""

import uuid
from hashlib import sha1

from . import payloads
from .acting import Acting
from .state import Note, Noteable


def comment(
    acting: Acting,
    noteable: Noteable,
    body: str,
    *,
    internal: bool = False,
    threaded: bool = False,
    path: str | None = None,
    line: int | None = None,
    line_type: str | None = None,
) -> Note:
    """Add a comment; `threaded` starts a discussion that others can reply to."""
    note = _add(acting, noteable, body)
    note.internal, note.threaded = internal, threaded
    note.path, note.line, note.line_type = path, line, line_type
    _fire(acting, note, "create")
    return note


def reply(acting: Acting, first: Note, body: str) -> Note:
    """Answer a note, which becomes a discussion if it was none yet."""
    note = _add(acting, first.noteable, body)
    note.discussion_id, note.internal = first.discussion_id, first.internal
    first.threaded = note.threaded = True
    _fire(acting, note, "create")
    return note


def edit(acting: Acting, note: Note, body: str) -> None:
    if body == note.body:
        return
    note.body = body
    note.updated_at = acting.instance.now()
    note.updated_by = acting.user
    acting.instance.touch()
    _fire(acting, note, "update")


def delete(acting: Acting, note: Note) -> None:
    note.noteable.notes.remove(note)
    acting.instance.touch()


def add_system_note(acting: Acting, noteable: Noteable, body: str) -> None:
    """Add one of GitLab's own remarks. It fires no webhook."""
    _add(acting, noteable, body).system = True


def _add(acting: Acting, noteable: Noteable, body: str) -> Note:
    now = acting.instance.now()
    note = Note(
        id=acting.instance.next_id("note"),
        body=body,
        author=acting.user,
        noteable=noteable,
        discussion_id=sha1(uuid.uuid4().bytes).hexdigest(),
        created_at=now,
        updated_at=now,
    )
    noteable.notes.append(note)
    acting.instance.touch()
    return note


def _fire(acting: Acting, note: Note, action: str) -> None:
    trigger = "confidential_note_events" if payloads.is_confidential(note) else "note_events"
    # A background job of GitLab's fires note hooks, so the cut of loops does not cover them.
    acting.fire_later(
        note.project,
        trigger,
        lambda: payloads.note_event(acting.instance, note, action=action, by=acting.user),
    )
