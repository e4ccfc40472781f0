"""Notes and award emoji: comment, reply, edit, delete, award, revoke, each with its webhooks.

Quick actions are not extracted here; the API separates them from the text.
"""

import uuid
from hashlib import sha1
from typing import Any

from . import payloads
from .actor import Actor
from .state import Awardable, AwardEmoji, Note, Noteable


def comment(actor: Actor, noteable: Noteable, body: str, **fields: Any) -> Note:
    """Add a comment. `threaded=True` starts a discussion that accepts replies.

    Args:
        actor: the author.
        noteable: the object that the comment is on.
        body: the text.
        fields: more fields of the `Note`.
    """
    note = _add(actor, noteable, body, **fields)
    _fire(actor, note, "create")
    return note


def reply(actor: Actor, first: Note, body: str) -> Note:
    """Reply to a note, which becomes a discussion if it is not one yet."""
    first.threaded = True
    return comment(
        actor,
        first.noteable,
        body,
        discussion_id=first.discussion_id,
        internal=first.internal,
        threaded=True,
    )


def edit(actor: Actor, note: Note, body: str) -> None:
    if body == note.body:
        return
    note.body = body
    note.updated_at = actor.instance.now()
    note.updated_by = actor.user
    _fire(actor, note, "update")


def delete(actor: Actor, note: Note) -> None:
    note.noteable.notes.remove(note)


def add_system_note(actor: Actor, noteable: Noteable, body: str) -> None:
    """Add a note that GitLab writes itself. It fires no webhook."""
    _add(actor, noteable, body, system=True)


def award(actor: Actor, awardable: Awardable, name: str) -> AwardEmoji:
    """Award an emoji. Raises ValueError if the user has already awarded it."""
    if any(each.user is actor.user and each.name == name for each in awardable.awards):
        raise ValueError("Name has already been taken")
    emoji = AwardEmoji(
        id=actor.instance.next_id(AwardEmoji),
        name=name,
        user=actor.user,
        awardable=awardable,
        created_at=actor.instance.now(),
    )
    awardable.awards.append(emoji)
    _fire_emoji(actor, emoji, "award")
    return emoji


def revoke(actor: Actor, emoji: AwardEmoji) -> None:
    emoji.awardable.awards.remove(emoji)
    _fire_emoji(actor, emoji, "revoke")


def _add(actor: Actor, noteable: Noteable, body: str, **fields: Any) -> Note:
    now = actor.instance.now()
    defaults = {"discussion_id": sha1(uuid.uuid4().bytes).hexdigest()}
    note = Note(
        id=actor.instance.next_id(Note),
        body=body,
        author=actor.user,
        noteable=noteable,
        created_at=now,
        updated_at=now,
        **(defaults | fields),
    )
    noteable.notes.append(note)
    return note


def _fire(actor: Actor, note: Note, action: str) -> None:
    trigger = "confidential_note_events" if note.confidential else "note_events"
    data = payloads.note_event(note, action=action, by=actor.user)
    actor.fire(note.project, trigger, data, background=True)


def _fire_emoji(actor: Actor, emoji: AwardEmoji, action: str) -> None:
    data = payloads.emoji_event(emoji, action=action, by=actor.user)
    actor.fire(emoji.awardable.project, "emoji_events", data)
