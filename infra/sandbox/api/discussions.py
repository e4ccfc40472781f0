"""`…/discussions`: notes with their replies.

https://docs.gitlab.com/api/discussions/
"""

from functools import partial

from starlette.responses import Response

from .. import entities, notes
from ..entities import Json
from ..state import Note
from .call import COMMIT, ISSUE, MERGE_REQUEST, SNIPPET, Call
from .endpoints import endpoint, index, show
from .errors import not_found
from .notes import delete, post, update

_DISCUSSIONS = [f"{path}/discussions" for path in (ISSUE, MERGE_REQUEST, SNIPPET, COMMIT)]
_DISCUSSION = [f"{path}/{{discussion_id}}" for path in _DISCUSSIONS]
_NOTE = [f"{path}/notes/{{note_id}}" for path in _DISCUSSION]


@endpoint("POST", *_DISCUSSIONS)
def create(call: Call) -> Json | Response:
    noteable = call.noteable
    write = partial(notes.comment, call, noteable, threaded=True)
    return post(call, noteable, write, lambda note: entities.discussion([note]))


@endpoint("POST", *(f"{path}/notes" for path in _DISCUSSION))
def reply(call: Call) -> Json | Response:
    first = _find(call)[0]
    return post(call, first.noteable, partial(notes.reply, call, first))


def _discussions(call: Call) -> list[list[Note]]:
    found: dict[str, list[Note]] = {}
    for note in call.noteable.notes:
        if call.may_see(note):
            found.setdefault(note.discussion_id, []).append(note)
    return list(found.values())


def _find(call: Call) -> list[Note]:
    for discussion in _discussions(call):
        if discussion[0].discussion_id == call.text("discussion_id"):
            return discussion
    raise not_found("Discussion")


index(*_DISCUSSIONS, find=_discussions, entity=entities.discussion)
show(*_NOTE, find=lambda call: call.note, entity=entities.note)
endpoint("PUT", *_NOTE)(update)
endpoint("DELETE", *_NOTE)(delete)
show(*_DISCUSSION, find=_find, entity=entities.discussion)
