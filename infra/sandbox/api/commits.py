"""`/projects/:id/repository/commits` and the comments on them.

https://docs.gitlab.com/api/commits/
"""

from typing import Any

from .. import branches, entities, notes
from ..entities import Json
from ..state import DEVELOPER, Commit
from .call import COMMIT, Call
from .endpoints import endpoint, index, show
from .errors import ApiError, invalid, not_found, not_implemented
from .files import content
from .notes import require_text
from .params import Params


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


@endpoint("POST", "/projects/{id}/repository/commits")
def create(call: Call) -> Json:
    """Commit changes of several files at once."""
    project, params = call.project, call.params
    call.require(DEVELOPER)
    branch, message = params.required("branch"), params.required("commit_message")
    start = params.text("start_branch") or branch
    if start not in project.branches:
        raise ApiError(
            400, {"message": "You can only create or edit files when you are on a branch"}
        )
    if branch not in project.branches:
        project.branches[branch] = project.branches[start]
    present = project.files(branch)
    changes: dict[str, str | None] = {}
    for action in params.values.get("actions") or []:
        kind, path = _action(action)
        if (path in present) == (kind == "create"):
            already = "already exists" if kind == "create" else "doesn't exist"
            raise ApiError(400, {"message": f"A file with this name {already}"})
        text = Params(action)
        changes[path] = (
            None if kind == "delete" else content(text.required("content"), text.text("encoding"))
        )
    return entities.commit(branches.commit(call, project, branch, message, changes))


@endpoint("POST", f"{COMMIT}/cherry_pick")
def cherry_pick(call: Call) -> Json:
    commit, project = call.commit, call.project
    call.require(DEVELOPER)
    branch = call.params.required("branch")
    if branch not in project.branches:
        raise not_found("Branch")
    if commit in project.history(branch):
        message = "Sorry, we cannot cherry-pick this commit automatically."
        raise ApiError(400, {"message": message, "error_code": "empty"})
    message = f"{commit.message}\n\n(cherry picked from commit {commit.sha})"
    return entities.commit(branches.commit(call, project, branch, message, commit.changes))


def _action(action: Any) -> tuple[str, str]:
    """Return the kind and the path of an action in a commit."""
    if not isinstance(action, dict) or not isinstance(action.get("file_path"), str):
        raise invalid("actions[file_path]", "is missing")
    kind = action.get("action")
    if kind not in ("create", "update", "delete"):
        raise not_implemented(f"the action {kind!r} of a commit")
    return kind, action["file_path"]


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
