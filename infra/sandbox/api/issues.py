"""`/projects/:id/issues`. After https://docs.gitlab.com/api/issues/."""

from .. import entities, issuables
from ..state import PLANNER
from . import issuables as common
from .call import Answer, Call, Endpoint
from .pagination import page


def listed(call: Call) -> Answer:
    seen = [issue for issue in call.project.issues.values() if call.may_see(issue)]
    found = common.select(call, seen)
    defaults = {"order_by": "created_at", "sort": "desc", "state": "all"}
    return page(call, found, lambda each: entities.issue(call.instance, each), defaults=defaults)


def one(call: Call) -> Answer:
    return Answer(entities.issue(call.instance, call.issue))


def create(call: Call) -> Answer:
    project, params = call.project, call.params
    title = common.title(call)
    planner = project.access_level(call.user) >= PLANNER
    issue = issuables.open_issue(
        call.acting,
        project,
        title=title,
        description=params.text("description") or "",
        # GitLab drops, without a word, what the author may not set.
        labels=(params.names("labels") or ()) if planner else (),
        assignees=(common.users(call, "assignee_ids") or ()) if planner else (),
        confidential=bool(params.flag("confidential")),
        issue_type=params.choice("issue_type", ("issue", "incident", "task"), "issue"),
    )
    return Answer(entities.issue(call.instance, issue), 201)


def update(call: Call) -> Answer:
    issue = call.issue
    issuables.edit(call.acting, issue, common.edit(call, issue))
    return Answer(entities.issue(call.instance, issue))


endpoints = (
    Endpoint("GET", "/projects/{id}/issues", listed),
    Endpoint("POST", "/projects/{id}/issues", create),
    Endpoint("GET", "/projects/{id}/issues/{issue_iid}", one),
    Endpoint("PUT", "/projects/{id}/issues/{issue_iid}", update),
)
