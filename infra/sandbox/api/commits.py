"""`/projects/:id/repository/commits` and the comments on them.

After https://docs.gitlab.com/api/commits/.
"""

from starlette.responses import JSONResponse, Response

from .. import entities, notes
from .call import COMMIT, Call, Endpoints
from .notes import require_text
from .pagination import page

endpoint = Endpoints()


@endpoint("GET", "/projects/{id}/repository/commits")
def index(call: Call) -> Response:
    return page(call, list(reversed(call.project.commits.values())), entities.commit)


@endpoint("GET", COMMIT)
def show(call: Call) -> Response:
    return JSONResponse(entities.commit(call.commit))


@endpoint("GET", f"{COMMIT}/comments")
def comments(call: Call) -> Response:
    return page(
        call, [note for note in call.commit.notes if not note.system], entities.commit_comment
    )


@endpoint("POST", f"{COMMIT}/comments")
def comment(call: Call) -> Response:
    commit, params = call.commit, call.params
    body = params.required("note")
    require_text(body)
    note = notes.comment(
        call.actor,
        commit,
        body,
        path=params.text("path"),
        line=params.number("line", 0) or None,
        line_type=params.text("line_type"),
    )
    return JSONResponse(entities.commit_comment(note), 201)
