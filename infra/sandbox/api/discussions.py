"""`…/discussions`: notes with their replies. After https://docs.gitlab.com/api/discussions/."""

from starlette.responses import JSONResponse, Response

from .. import entities, notes
from ..state import Note
from .call import COMMIT, ISSUE, MERGE_REQUEST, SNIPPET, Call, Endpoints
from .errors import not_found
from .notes import post
from .pagination import page

_DISCUSSIONS = [f"{path}/discussions" for path in (ISSUE, MERGE_REQUEST, SNIPPET, COMMIT)]
_DISCUSSION = [f"{path}/{{discussion_id}}" for path in _DISCUSSIONS]

endpoint = Endpoints()


@endpoint("GET", *_DISCUSSIONS)
def index(call: Call) -> Response:
    return page(call, list(_discussions(call).values()), entities.discussion)


@endpoint("POST", *_DISCUSSIONS)
def create(call: Call) -> Response:
    noteable = call.noteable
    return post(
        call,
        noteable,
        lambda body: notes.comment(call.actor, noteable, body, threaded=True),
        lambda note: entities.discussion([note]),
    )


@endpoint("GET", *_DISCUSSION)
def show(call: Call) -> Response:
    return JSONResponse(entities.discussion(_find(call)))


@endpoint("POST", *(f"{path}/notes" for path in _DISCUSSION))
def reply(call: Call) -> Response:
    first = _find(call)[0]
    return post(
        call, first.noteable, lambda body: notes.reply(call.actor, first, body), entities.note
    )


def _discussions(call: Call) -> dict[str, list[Note]]:
    found: dict[str, list[Note]] = {}
    for note in call.noteable.notes:
        if call.may_see(note):
            found.setdefault(note.discussion_id, []).append(note)
    return found


def _find(call: Call) -> list[Note]:
    found = _discussions(call).get(call.text("discussion_id"))
    if not found:
        raise not_found("Discussion")
    return found
