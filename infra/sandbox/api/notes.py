"""`…/notes` on issues, merge requests and snippets.

https://docs.gitlab.com/api/notes/
"""

from collections.abc import Callable
from functools import partial

from starlette.responses import JSONResponse, Response

from .. import entities, notes, quick_actions
from ..entities import Json
from ..issuables import apply_quick_actions
from ..state import MAINTAINER, PLANNER, Issuable, Note, Noteable
from .call import ISSUE, MERGE_REQUEST, SNIPPET, Call
from .endpoints import endpoint, show
from .errors import ApiError, invalid
from .pagination import ORDER, ordered, page

_NOTES = [f"{noteable}/notes" for noteable in (ISSUE, MERGE_REQUEST, SNIPPET)]
_NOTE = [f"{path}/{{note_id}}" for path in _NOTES]
_FILTERS = {"all_notes": (True, False), "only_comments": (False,), "only_activity": (True,)}


@endpoint("POST", *_NOTES)
def create(call: Call) -> Json | Response:
    noteable = call.noteable
    internal = call.params.flag("internal", call.params.flag("confidential", False))
    return post(call, noteable, partial(notes.comment, call, noteable, internal=internal))


@endpoint("GET", *_NOTES)
def list_all(call: Call) -> Response:
    system = _FILTERS[call.params.choice("activity_filter", _FILTERS, "all_notes")]
    found = [each for each in call.noteable.notes if each.system in system and call.may_see(each)]
    defaults = ORDER | {"activity_filter": "all_notes"}
    return page(call, ordered(call, found), entities.note, defaults=defaults)


@endpoint("PUT", *_NOTE)
def update(call: Call) -> Json:
    note = call.note
    call.require(MAINTAINER, unless=note.author is call.user)
    body = call.params.text("body")
    if body is not None:
        if not body.strip():
            raise invalid("body", "is empty")
        notes.edit(call, note, body)
    return entities.note(note)


@endpoint("DELETE", *_NOTE)
def delete(call: Call) -> None:
    note = call.note
    call.require(MAINTAINER, unless=note.author is call.user)
    note.noteable.notes.remove(note)


def post(
    call: Call,
    noteable: Noteable,
    write: Callable[[str], Note],
    entity: Callable[[Note], Json] = entities.note,
) -> Json | Response:
    """Apply the quick actions in the call's `body`, and return the entity of the note.

    GitLab creates no note from a body that consists of quick actions: the response is 202, or
    400 if none of them could be applied.

    Args:
        call: The request.
        noteable: The object that the note is on.
        write: Adds a note with the rest of the text.
        entity: Makes the response from the note.
    """
    text = call.params.required("body")
    actions: list[quick_actions.QuickAction] = []
    if isinstance(noteable, Issuable):
        text, actions = quick_actions.extract(text)
    if not actions:
        require_text(text)
    note = write(text) if text.strip() else None
    done, failed = _apply_allowed(call, noteable, actions)
    if note:
        return entity(note)
    if not done:
        raise ApiError(400, {"message": f"400 Bad request - {', '.join(failed)}"})
    return JSONResponse({"commands_changes": {}, "summary": done}, 202)


def require_text(text: str) -> None:
    """Refuse an empty note."""
    if not text.strip():
        raise ApiError(400, {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'})


def _apply_allowed(
    call: Call, noteable: Noteable, actions: list[quick_actions.QuickAction]
) -> tuple[list[str], list[str]]:
    if not isinstance(noteable, Issuable):
        return [], []
    if noteable.author is call.user or noteable.project.access_level(call.user) >= PLANNER:
        return apply_quick_actions(call, noteable, actions)
    return [], [each.failure for each in actions]


show(*_NOTE, find=lambda call: call.note, entity=entities.note)
