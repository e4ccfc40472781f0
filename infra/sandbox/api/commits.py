"""`/projects/:id/repository/commits` and the comments on them.

https://docs.gitlab.com/api/commits/
"""

from .. import entities, notes
from ..entities import Json
from ..state import Commit
from .call import COMMIT, Call
from .endpoints import endpoint, index, show
from .errors import not_found
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
    """Return the commits of a branch, a tag or a commit, the newest first."""
    project, params = call.project, call.params
    everything = params.flag("all", False)
    name = params.text("ref_name") or project.default_branch
    reached = project.commits.values() if everything else project.history(name)
    since, until, author = params.moment("since"), params.moment("until"), params.text("author")
    found = [
        each
        for each in reached
        if (since is None or each.created_at >= since)
        and (until is None or each.created_at <= until)
        and (author is None or author in (each.author.name, each.author.email))
    ]
    if not found and not everything and project.head(name) is None:
        raise not_found("Reference")
    order = list(project.commits)
    return sorted(found, key=lambda each: order.index(each.sha), reverse=True)


index("/projects/{id}/repository/commits", find=_commits, entity=entities.commit)
show(COMMIT, find=lambda call: call.commit, entity=entities.commit)
index(f"{COMMIT}/comments", find=lambda call: call.commit.notes, entity=entities.commit_comment)
