"""`/projects/:id/repository/branches`.

https://docs.gitlab.com/api/branches/
"""

from starlette.responses import Response

from .. import branches, entities
from ..entities import Json
from ..state import DEVELOPER
from .call import Call
from .endpoints import endpoint
from .errors import ApiError, not_found
from .pagination import page

_BRANCHES = "/projects/{id}/repository/branches"
_BRANCH = f"{_BRANCHES}/{{branch}}"


@endpoint("GET", _BRANCHES)
def list_all(call: Call) -> Response:
    project, searched = call.project, call.params.text("search") or ""
    found = [name for name in sorted(project.branches) if searched.lower() in name.lower()]
    return page(call, found, lambda name: entities.branch(project, name))


@endpoint("GET", _BRANCH)
def show(call: Call) -> Json:
    return entities.branch(call.project, _find(call))


@endpoint("POST", _BRANCHES)
def create(call: Call) -> Json:
    call.require(DEVELOPER)
    name, ref = call.params.required("branch"), call.params.required("ref")
    if name in call.project.branches:
        raise ApiError(400, {"message": "Branch already exists"})
    if (head := call.project.head(ref)) is None:
        raise ApiError(400, {"message": f"Invalid reference name: {ref}"})
    branches.create(call, call.project, name, head.sha)
    return entities.branch(call.project, name)


@endpoint("DELETE", _BRANCH)
def delete(call: Call) -> None:
    call.require(DEVELOPER)
    name = _find(call)
    if name == call.project.default_branch:
        raise ApiError(403, {"message": "403 Forbidden"})
    branches.delete(call, call.project, name)


def _find(call: Call) -> str:
    name = call.text("branch")
    if name not in call.project.branches:
        raise not_found("Branch")
    return name
