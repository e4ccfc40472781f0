"""`/projects/:id/repository/commits` and the comments on them.

After https://docs.gitlab.com/api/commits/.
"""

from .. import entities, notes
from .call import Answer, ApiError, Call, Endpoint
from .notes import on_commit
from .pagination import page


def listed(call: Call) -> Answer:
    newest_first = list(reversed(call.project.commits.values()))
    return page(call, newest_first, lambda each: entities.commit(call.instance, each))


def one(call: Call) -> Answer:
    return Answer(entities.commit(call.instance, on_commit(call)))


def comments(call: Call) -> Answer:
    found = [note for note in on_commit(call).notes if not note.system]
    return page(call, found, lambda each: entities.commit_comment(call.instance, each))


def comment(call: Call) -> Answer:
    commit, params = on_commit(call), call.params
    body = params.required("note")
    if not body.strip():
        raise ApiError(400, {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'})
    note = notes.comment(
        call.acting,
        commit,
        body,
        path=params.text("path"),
        line=params.number("line", 0) or None,
        line_type=params.text("line_type"),
    )
    return Answer(entities.commit_comment(call.instance, note), 201)


endpoints = (
    Endpoint("GET", "/projects/{id}/repository/commits", listed),
    Endpoint("GET", "/projects/{id}/repository/commits/{sha}", one),
    Endpoint("GET", "/projects/{id}/repository/commits/{sha}/comments", comments),
    Endpoint("POST", "/projects/{id}/repository/commits/{sha}/comments", comment),
)
