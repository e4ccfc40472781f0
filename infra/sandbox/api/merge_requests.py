"""What a merge request has beside the fields that it shares with an issue.

https://docs.gitlab.com/api/merge_requests/ and
https://docs.gitlab.com/api/merge_request_approvals/
"""

from starlette.responses import JSONResponse, Response

from .. import branches, entities, issuables
from ..entities import Json
from ..state import DEVELOPER, MAINTAINER, Commit
from .call import MERGE_REQUEST, Call
from .endpoints import endpoint, index
from .errors import ApiError, unauthorized


@endpoint("PUT", f"{MERGE_REQUEST}/merge")
def merge(call: Call) -> Json:
    merge_request, params = call.merge_request, call.params
    protected = merge_request.target_branch == call.project.default_branch
    if call.project.access_level(call.user) < (MAINTAINER if protected else DEVELOPER):
        raise unauthorized()
    if merge_request.state != "opened" or merge_request.draft:
        raise ApiError(405, {"message": "405 Method Not Allowed"})
    expected = params.text("sha")
    if expected and expected != merge_request.sha:
        message = f"SHA does not match HEAD of source branch: {merge_request.sha}"
        raise ApiError(409, {"message": message})
    issuables.merge(
        call,
        merge_request,
        squash=params.flag("squash", merge_request.squash),
        message=params.text("merge_commit_message"),
        remove_source_branch=params.flag(
            "should_remove_source_branch", merge_request.force_remove_source_branch
        ),
    )
    return entities.merge_request(merge_request)


@endpoint("PUT", f"{MERGE_REQUEST}/rebase")
def rebase(call: Call) -> Response:
    """Move the source branch onto the target: the sandbox adds one commit."""
    merge_request = call.merge_request
    call.require(DEVELOPER)
    if merge_request.state != "opened":
        raise ApiError(403, {"message": "403 Forbidden"})
    message = f"Rebase onto {merge_request.target_branch}"
    branches.commit(call, call.project, merge_request.source_branch, message, {})
    return JSONResponse({"rebase_in_progress": True}, 202)


@endpoint("GET", f"{MERGE_REQUEST}/approvals")
def approvals(call: Call) -> Json:
    return entities.approvals(call.merge_request, call.user)


@endpoint("POST", f"{MERGE_REQUEST}/approve")
def approve(call: Call) -> Json:
    merge_request = call.merge_request
    call.require(DEVELOPER)
    if call.user in merge_request.approved_by:
        raise unauthorized()
    expected = call.params.text("sha")
    if expected and expected != merge_request.sha:
        raise ApiError(409, {"message": "SHA does not match HEAD of source branch"})
    issuables.approve(call, merge_request)
    return entities.approvals(merge_request, call.user)


@endpoint("POST", f"{MERGE_REQUEST}/unapprove")
def unapprove(call: Call) -> Json:
    merge_request = call.merge_request
    if call.user not in merge_request.approved_by:
        raise ApiError(404, {"message": "404 Not Found"})
    issuables.unapprove(call, merge_request)
    return entities.approvals(merge_request, call.user)


@endpoint("GET", f"{MERGE_REQUEST}/changes")
def changes(call: Call) -> Json:
    merge_request = call.merge_request
    found = entities.diffs(merge_request)
    return {**entities.merge_request(merge_request), "changes": found, "overflow": False}


def _commits(call: Call) -> list[Commit]:
    """Return the commits of the source branch that the target does not have, newest first."""
    merge_request, project = call.merge_request, call.project
    known = {each.sha for each in project.history(merge_request.base)}
    own = {each.sha for each in project.history(merge_request.sha)} - known
    return [each for each in reversed(project.commits.values()) if each.sha in own]


index(f"{MERGE_REQUEST}/commits", find=_commits, entity=entities.commit)
index(
    f"{MERGE_REQUEST}/diffs",
    find=lambda call: entities.diffs(call.merge_request),
    entity=lambda diff: diff,
)
index(
    f"{MERGE_REQUEST}/closes_issues",
    find=lambda call: issuables.closes(call.merge_request),
    entity=entities.issuable,
)
