"""`…/discussions`: notes with their replies. After https://docs.gitlab.com/api/discussions/."""

from collections.abc import Iterator

from .. import entities, notes
from ..state import Note, Noteable
from .call import Answer, Call, Endpoint, not_found
from .notes import NOTEABLES, at, may_see, on_commit, post
from .pagination import page

_COMMITS = {"/projects/{id}/repository/commits/{sha}": on_commit}


def listed(call: Call, noteable: Noteable) -> Answer:
    found = list(_discussions(call, noteable).values())
    return page(call, found, lambda each: entities.discussion(call.instance, each))


def one(call: Call, noteable: Noteable) -> Answer:
    return Answer(entities.discussion(call.instance, _find(call, noteable)))


def create(call: Call, noteable: Noteable) -> Answer:
    return post(
        call,
        noteable,
        lambda body: notes.comment(call.acting, noteable, body, threaded=True),
        lambda note: entities.discussion(call.instance, [note]),
    )


def reply(call: Call, noteable: Noteable) -> Answer:
    first = _find(call, noteable)[0]
    return post(
        call,
        noteable,
        lambda body: notes.reply(call.acting, first, body),
        lambda note: entities.note(call.instance, note),
    )


def _discussions(call: Call, noteable: Noteable) -> dict[str, list[Note]]:
    found: dict[str, list[Note]] = {}
    for note in noteable.notes:
        if may_see(call, note):
            found.setdefault(note.discussion_id, []).append(note)
    return found


def _find(call: Call, noteable: Noteable) -> list[Note]:
    found = _discussions(call, noteable).get(call.text("discussion_id"))
    if not found:
        raise not_found("Discussion")
    return found


def _endpoints() -> Iterator[Endpoint]:
    for path, find in (NOTEABLES | _COMMITS).items():
        yield Endpoint("GET", f"{path}/discussions", at(find, listed))
        yield Endpoint("POST", f"{path}/discussions", at(find, create))
        yield Endpoint("GET", f"{path}/discussions/{{discussion_id}}", at(find, one))
        yield Endpoint("POST", f"{path}/discussions/{{discussion_id}}/notes", at(find, reply))


endpoints = tuple(_endpoints())
