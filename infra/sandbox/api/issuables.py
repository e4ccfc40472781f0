"""`/projects/:id/issues` and `/projects/:id/merge_requests`.

https://docs.gitlab.com/api/issues/ and https://docs.gitlab.com/api/merge_requests/
"""

from collections.abc import Iterable

from starlette.responses import Response

from .. import entities, issuables
from ..entities import Json
from ..state import DEVELOPER, KEPT, PLANNER, Edit, Issuable, MergeRequest, Milestone, Project, User
from . import filters
from .call import ISSUE, MERGE_REQUEST, Call
from .endpoints import endpoint, show
from .errors import ApiError, invalid, invalid_field, not_implemented
from .pagination import ORDER, ordered, page

_LONGEST_TITLE = 255
_ORDERS = ("created_at", "updated_at", "title")
_PLANNING = (
    *("labels", "add_labels", "remove_labels", "assignee_id", "assignee_ids", "reviewer_ids"),
    *("due_date", "milestone_id"),
)
_FIELDS = {
    "issues": (
        *("title", "description", "labels", "add_labels", "remove_labels", "assignee_id"),
        *("assignee_ids", "confidential", "due_date", "issue_type", "state_event"),
        "milestone_id",
    ),
    "merge_requests": (
        *("title", "description", "labels", "add_labels", "remove_labels", "assignee_id"),
        *("assignee_ids", "reviewer_ids", "remove_source_branch", "squash", "state_event"),
        *("target_branch", "milestone_id"),
    ),
}
# GitLab knows these, and the sandbox would drop them.
_MISSING = (
    *("milestone", "weight", "epic_id", "epic_iid", "iteration_id"),
    *("discussion_locked", "discussion_to_resolve", "allow_collaboration", "merge_after"),
    "merge_request_to_resolve_discussions_of",
)


@endpoint("GET", "/projects/{id}/issues")
def issues(call: Call) -> Response:
    seen = [issue for issue in call.project.issues.values() if call.may_see(issue)]
    return _list(call, seen, filters.ISSUES)


@endpoint("GET", "/projects/{id}/merge_requests")
def merge_requests(call: Call) -> Response:
    return _list(call, call.project.merge_requests.values(), filters.MERGE_REQUESTS)


@endpoint("POST", "/projects/{id}/issues")
def open_issue(call: Call) -> Json:
    project, params = call.project, call.params
    _refuse_missing(call)
    title = _validated_title(params.required("title"))
    planner = project.access_level(call.user) >= PLANNER
    issue = issuables.open_issue(
        call,
        project,
        title,
        description=params.text("description") or "",
        # GitLab ignores fields that the author may not set.
        labels=(params.names("labels") or ()) if planner else (),
        assignees=(_assignees(call) or []) if planner else [],
        due_date=params.day("due_date") if planner else None,
        milestone=_milestone(call) if planner else None,
        created_at=params.moment("created_at") if call.user.admin else None,
        confidential=params.flag("confidential", False),
        issue_type=params.choice("issue_type", ("issue", "incident", "task"), "issue"),
    )
    return entities.issuable(issue)


@endpoint("POST", "/projects/{id}/merge_requests")
def open_merge_request(call: Call) -> Json:
    project, params = call.project, call.params
    call.require(DEVELOPER)
    _refuse_missing(call)
    source, target = params.required("source_branch"), params.required("target_branch")
    title = _validated_title(params.required("title"))
    _refuse_branches(project, source, target)
    merge_request = issuables.open_merge_request(
        call,
        project,
        title,
        source_branch=source,
        target_branch=target,
        description=params.text("description") or "",
        labels=params.names("labels") or (),
        assignees=_assignees(call) or [],
        milestone=_milestone(call),
        squash=params.flag("squash", False),
        force_remove_source_branch=params.flag("remove_source_branch", False),
        reviewers=_users(call, "reviewer_ids") or [],
    )
    return entities.merge_request(merge_request)


@endpoint("PUT", ISSUE, MERGE_REQUEST)
def update(call: Call) -> Json:
    issuable, params = _issuable(call), call.params
    _refuse_missing(call)
    known = _FIELDS[issuable.resource]
    if not any(name in params for name in known):
        missing = f"{', '.join(known)} are missing, at least one parameter must be provided"
        raise ApiError(400, {"error": missing})
    # An author without a role may change the text, but neither labels nor people.
    planning = any(name in params for name in _PLANNING)
    call.require(PLANNER, unless=issuable.author is call.user and not planning)
    title = params.text("title")
    change = Edit(
        title=None if title is None else _validated_title(title),
        description=params.text("description"),
        labels=params.names("labels"),
        add_labels=params.names("add_labels") or (),
        remove_labels=params.names("remove_labels") or (),
        state_event=params.choice("state_event", ("close", "reopen", ""), "") or None,
        assignees=_assignees(call),
        due_date=params.day("due_date") if "due_date" in params else KEPT,
        milestone_id=_milestone_id(call),
        issue_type=params.choice("issue_type", ("issue", "incident", "task", ""), "") or None,
        squash=params.flag("squash", None),
        force_remove_source_branch=params.flag("remove_source_branch", None),
        reviewers=_users(call, "reviewer_ids"),
        confidential=params.flag("confidential", None),
        target_branch=params.text("target_branch"),
    )
    issuables.edit(call, issuable, change)
    if isinstance(issuable, MergeRequest):
        return entities.merge_request(issuable)
    return entities.issuable(issuable)


def _issuable(call: Call) -> Issuable:
    return call.issue if "issue_iid" in call.path else call.merge_request


def _list(call: Call, found: Iterable[Issuable], known: dict[str, filters.Filter]) -> Response:
    defaults = ORDER | {"state": "all"}
    listed = ordered(call, filters.chosen(call, found, known), _ORDERS)
    return page(call, listed, entities.issuable, defaults=defaults)


def _refuse_missing(call: Call) -> None:
    for name in _MISSING:
        if name in call.params:
            raise not_implemented(f"the field {name!r} of {call.resource}")


def _milestone_id(call: Call) -> int | None:
    """Return the id of a milestone of the project; 0 or an empty text removes it."""
    if "milestone_id" not in call.params:
        return None
    number = call.params.number("milestone_id", 0) if call.params.text("milestone_id") else 0
    if number and number not in call.project.milestones:
        raise invalid("milestone_id")
    return number


def _milestone(call: Call) -> Milestone | None:
    return call.project.milestones.get(_milestone_id(call) or 0)


def _assignees(call: Call) -> list[User] | None:
    """Return the members in `assignee_ids`, else in the older `assignee_id`."""
    several = _users(call, "assignee_ids")
    return _users(call, "assignee_id") if several is None else several


def _users(call: Call, name: str) -> list[User] | None:
    """Return the members in a list of user ids. Other ids, such as 0, stand for nobody."""
    numbers = call.params.numbers(name)
    if numbers is None:
        return None
    members = call.project.members
    return [call.instance.users[number] for number in numbers if number in members]


def _validated_title(text: str) -> str:
    if not text.strip():
        raise invalid_field("title", "can't be blank")
    if len(text) > _LONGEST_TITLE:
        raise invalid_field("title", f"is too long (maximum is {_LONGEST_TITLE} characters)")
    return text


def _refuse_branches(project: Project, source: str, target: str) -> None:
    """Refuse an unknown target, a source that is the target, and a second merge request."""
    if target not in project.branches:
        raise invalid_field("target_branch", "does not exist")
    if source == target:
        message = "You can't use same project/branch for source and target"
        raise ApiError(422, {"message": [message]})
    for other in project.merge_requests.values():
        if (other.state, other.source_branch, other.target_branch) == ("opened", source, target):
            message = "Another open merge request already exists for this source branch"
            raise ApiError(409, {"message": [f"{message}: !{other.iid}"]})


show(ISSUE, find=lambda call: call.issue, entity=entities.issuable)
show(MERGE_REQUEST, find=lambda call: call.merge_request, entity=entities.merge_request)
