"""`/projects/:id/merge_requests`. After https://docs.gitlab.com/api/merge_requests/."""

from .. import entities, issuables
from ..state import DEVELOPER, MAINTAINER, MergeRequest, Project
from . import issuables as common
from .call import Answer, ApiError, Call, Endpoint
from .pagination import page


def listed(call: Call) -> Answer:
    found = common.select(call, call.project.merge_requests.values())
    source, target = call.params.text("source_branch"), call.params.text("target_branch")
    found = [
        each
        for each in found
        if source in (None, each.source_branch) and target in (None, each.target_branch)
    ]
    defaults = {"order_by": "created_at", "sort": "desc", "state": "all"}
    return page(
        call, found, lambda each: entities.merge_request(call.instance, each), defaults=defaults
    )


def one(call: Call) -> Answer:
    return Answer(entities.merge_request(call.instance, call.merge_request))


def create(call: Call) -> Answer:
    project, params = call.project, call.params
    call.require(DEVELOPER)
    source, target = params.required("source_branch"), params.required("target_branch")
    title = common.title(call)
    _refuse_twins(project, source, target)
    merge_request = issuables.open_merge_request(
        call.acting,
        project,
        title=title,
        source_branch=source,
        target_branch=target,
        description=params.text("description") or "",
        labels=params.names("labels") or (),
        assignees=common.users(call, "assignee_ids") or (),
        reviewers=common.users(call, "reviewer_ids") or (),
    )
    return Answer(entities.merge_request(call.instance, merge_request), 201)


def update(call: Call) -> Answer:
    merge_request = call.merge_request
    issuables.edit(call.acting, merge_request, common.edit(call, merge_request))
    return Answer(entities.merge_request(call.instance, merge_request))


def merge(call: Call) -> Answer:
    merge_request = call.merge_request
    _require_merger(call, merge_request)
    if merge_request.state != "opened" or merge_request.draft:
        raise ApiError(405, {"message": "405 Method Not Allowed"})
    expected = call.params.text("sha")
    if expected and expected != merge_request.sha:
        message = f"SHA does not match HEAD of source branch: {merge_request.sha}"
        raise ApiError(409, {"message": message})
    issuables.merge(call.acting, merge_request)
    return Answer(entities.merge_request(call.instance, merge_request))


def _refuse_twins(project: Project, source: str, target: str) -> None:
    if target not in project.branches:
        raise ApiError(400, {"message": {"target_branch": ["does not exist"]}})
    if source == target:
        complaint = "You can't use same project/branch for source and target"
        raise ApiError(422, {"message": [complaint]})
    for other in project.merge_requests.values():
        if (other.state, other.source_branch, other.target_branch) == ("opened", source, target):
            complaint = (
                f"Another open merge request already exists for this source branch: !{other.iid}"
            )
            raise ApiError(409, {"message": [complaint]})


def _require_merger(call: Call, merge_request: MergeRequest) -> None:
    protected = merge_request.target_branch == merge_request.project.default_branch
    needed = MAINTAINER if protected else DEVELOPER
    if merge_request.project.access_level(call.user) < needed:
        raise ApiError(401, {"message": "401 Unauthorized"})


endpoints = (
    Endpoint("GET", "/projects/{id}/merge_requests", listed),
    Endpoint("POST", "/projects/{id}/merge_requests", create),
    Endpoint("GET", "/projects/{id}/merge_requests/{merge_request_iid}", one),
    Endpoint("PUT", "/projects/{id}/merge_requests/{merge_request_iid}", update),
    Endpoint("PUT", "/projects/{id}/merge_requests/{merge_request_iid}/merge", merge),
)
