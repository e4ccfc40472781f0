"""Changes to notes and award emoji, each with its webhooks.

The text of a note is stored as it is: the API extracts its quick actions before.
"""

import uuid
from hashlib import sha1
from typing import Any

from . import payloads
from .actor import Actor
from .state import Awardable, AwardEmoji, Note, Noteable


def comment(actor: Actor, noteable: Noteable, body: str, **fields: Any) -> Note:
    """Add a comment with more fields of a `Note`; `threaded=True` starts a discussion."""
    note = _add(actor, noteable, body, **fields)
    _fire(actor, note, "create")
    return note


def reply(actor: Actor, first: Note, body: str) -> Note:
    """Reply to a note, which starts a discussion if it is not in one."""
    first.threaded = True
    shared = {"discussion_id": first.discussion_id, "internal": first.internal, "threaded": True}
    return comment(actor, first.noteable, body, **shared)


def edit(actor: Actor, note: Note, body: str) -> None:
    if body == note.body:
        return
    note.body = body
    note.updated_at = actor.instance.now()
    note.updated_by = actor.user
    _fire(actor, note, "update")


def add_system_note(actor: Actor, noteable: Noteable, body: str) -> None:
    """Add a note by GitLab itself, which fires no webhook."""
    _add(actor, noteable, body, system=True)


def award(actor: Actor, awardable: Awardable, name: str) -> AwardEmoji:
    """Award an emoji. Raises ValueError if the user has already awarded it."""
    if any(each.user is actor.user and each.name == name for each in awardable.awards):
        raise ValueError("Name has already been taken")
    emoji = actor.instance.create(AwardEmoji, name=name, user=actor.user, awardable=awardable)
    awardable.awards.append(emoji)
    _fire_emoji(actor, emoji, "award")
    return emoji


def revoke(actor: Actor, emoji: AwardEmoji) -> None:
    emoji.awardable.awards.remove(emoji)
    _fire_emoji(actor, emoji, "revoke")


def _add(actor: Actor, noteable: Noteable, body: str, **fields: Any) -> Note:
    fields = {"discussion_id": sha1(uuid.uuid4().bytes).hexdigest(), **fields}
    note = actor.instance.create(Note, body=body, author=actor.user, noteable=noteable, **fields)
    noteable.notes.append(note)
    return note


def _fire(actor: Actor, note: Note, action: str) -> None:
    trigger = "confidential_note_events" if note.confidential else "note_events"
    data = payloads.note_event(note, action=action, by=actor.user)
    actor.fire(note.project, trigger, data, background=True)


def _fire_emoji(actor: Actor, emoji: AwardEmoji, action: str) -> None:
    data = payloads.emoji_event(emoji, action=action, by=actor.user)
    actor.fire(emoji.awardable.project, "emoji_events", data)
