"""`/projects/:id/repository/commits` and the comments on them.

https://docs.gitlab.com/api/commits/
"""

from .. import entities, notes
from ..entities import Json
from ..state import Commit
from .call import COMMIT, Call
from .endpoints import endpoint, index, show
from .notes import require_text


@endpoint("POST", f"{COMMIT}/comments")
def comment(call: Call) -> Json:
    commit, params = call.commit, call.params
    body = params.required("note")
    require_text(body)
    note = notes.comment(
        call,
        commit,
        body,
        path=params.text("path"),
        line=params.number("line", 0) or None,
        line_type=params.text("line_type"),
    )
    return entities.commit_comment(note)


def _commits(call: Call) -> list[Commit]:
    return list(reversed(call.project.commits.values()))


index("/projects/{id}/repository/commits", find=_commits, entity=entities.commit)
show(COMMIT, find=lambda call: call.commit, entity=entities.commit)
index(f"{COMMIT}/comments", find=lambda call: call.commit.notes, entity=entities.commit_comment)
