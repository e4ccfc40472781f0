"""`/projects/:id/issues` and `/projects/:id/merge_requests`.

https://docs.gitlab.com/api/issues/ and https://docs.gitlab.com/api/merge_requests/
"""

from collections.abc import Callable, Iterable
from typing import Any

from starlette.responses import Response

from .. import entities, issuables
from ..entities import Json
from ..state import DEVELOPER, MAINTAINER, PLANNER, Edit, Issuable, Project, User
from .call import ISSUE, MERGE_REQUEST, Call
from .endpoints import endpoint, show
from .errors import ApiError, invalid_field, unauthorized
from .pagination import ORDER, ordered, page
from .params import Params

_LONGEST_TITLE = 255
_STATES = ("opened", "closed", "locked", "merged", "all")
_PLANNING = ("labels", "add_labels", "remove_labels", "assignee_ids", "reviewer_ids")

# The filters of a list: the function that reads the parameter, and the condition.
_FILTERS: dict[str, tuple[Callable[[Params, str], Any], Callable[[Any, Any], bool]]] = {
    "state": (
        lambda params, name: params.choice(name, _STATES, "all"),
        lambda each, value: value in ("all", each.state),
    ),
    "labels": (
        Params.names,
        lambda each, value: set(value) <= {label.name for label in each.labels},
    ),
    "iids": (Params.numbers, lambda each, value: not value or each.iid in value),
    "search": (
        Params.text,
        lambda each, value: value.lower() in f"{each.title}\n{each.description}".lower(),
    ),
    "author_id": (
        lambda params, name: params.number(name, 0) or None,
        lambda each, value: each.author.id == value,
    ),
    "created_after": (Params.moment, lambda each, value: each.created_at >= value),
    "author_username": (Params.text, lambda each, value: each.author.username == value),
}
_BRANCH_FILTERS = {
    "source_branch": (Params.text, lambda each, value: each.source_branch == value),
    "target_branch": (Params.text, lambda each, value: each.target_branch == value),
}


@endpoint("GET", "/projects/{id}/issues")
def issues(call: Call) -> Response:
    seen = [issue for issue in call.project.issues.values() if call.may_see(issue)]
    return _list(call, seen, _FILTERS)


@endpoint("GET", "/projects/{id}/merge_requests")
def merge_requests(call: Call) -> Response:
    return _list(call, call.project.merge_requests.values(), _FILTERS | _BRANCH_FILTERS)


@endpoint("POST", "/projects/{id}/issues")
def open_issue(call: Call) -> Json:
    project, params = call.project, call.params
    title = _validated_title(params.required("title"))
    planner = project.access_level(call.user) >= PLANNER
    issue = issuables.open_issue(
        call,
        project,
        title,
        description=params.text("description") or "",
        # GitLab ignores fields that the author may not set.
        labels=(params.names("labels") or ()) if planner else (),
        assignees=(_users(call, "assignee_ids") or []) if planner else [],
        confidential=params.flag("confidential", False),
        issue_type=params.choice("issue_type", ("issue", "incident", "task"), "issue"),
    )
    return entities.issuable(issue)


@endpoint("POST", "/projects/{id}/merge_requests")
def open_merge_request(call: Call) -> Json:
    project, params = call.project, call.params
    call.require(DEVELOPER)
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
        assignees=_users(call, "assignee_ids") or [],
        reviewers=_users(call, "reviewer_ids") or [],
    )
    return entities.issuable(merge_request)


@endpoint("PUT", ISSUE, MERGE_REQUEST)
def update(call: Call) -> Json:
    issuable, params = _issuable(call), call.params
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
        assignees=_users(call, "assignee_ids"),
        reviewers=_users(call, "reviewer_ids"),
        confidential=params.flag("confidential", None),
        target_branch=params.text("target_branch"),
    )
    issuables.edit(call, issuable, change)
    return entities.issuable(issuable)


@endpoint("PUT", f"{MERGE_REQUEST}/merge")
def merge(call: Call) -> Json:
    merge_request = call.merge_request
    protected = merge_request.target_branch == call.project.default_branch
    if call.project.access_level(call.user) < (MAINTAINER if protected else DEVELOPER):
        raise unauthorized()
    if merge_request.state != "opened" or merge_request.draft:
        raise ApiError(405, {"message": "405 Method Not Allowed"})
    expected = call.params.text("sha")
    if expected and expected != merge_request.sha:
        message = f"SHA does not match HEAD of source branch: {merge_request.sha}"
        raise ApiError(409, {"message": message})
    issuables.merge(call, merge_request)
    return entities.issuable(merge_request)


def _issuable(call: Call) -> Issuable:
    return call.issue if "issue_iid" in call.path else call.merge_request


def _list(call: Call, found: Iterable[Issuable], filters: dict[str, Any]) -> Response:
    for name, (read, matches) in filters.items():
        value = read(call.params, name)
        if value is not None:
            found = [each for each in found if matches(each, value)]
    defaults = ORDER | {"state": "all"}
    return page(call, ordered(call, found), entities.issuable, defaults=defaults)


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


show(ISSUE, MERGE_REQUEST, find=_issuable, entity=entities.issuable)
