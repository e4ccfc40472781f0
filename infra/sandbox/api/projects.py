"""`/projects` and their members.

https://docs.gitlab.com/api/projects/
"""

from starlette.responses import Response

from .. import entities
from ..entities import Json
from ..state import OWNER, User
from .call import Call
from .endpoints import endpoint, show
from .pagination import ordered, page

_VISIBILITIES = ("private", "internal", "public")
_ORDERS = ("created_at", "id", "name", "path", "updated_at")


@endpoint("GET", "/projects")
def projects(call: Call) -> Response:
    """List the projects that the user may read, the newest first."""
    params = call.params
    searched = (params.text("search") or "").lower()
    visibility = params.choice("visibility", _VISIBILITIES, "") if "visibility" in params else ""
    own = params.flag("membership", False) or params.flag("owned", False)
    least = OWNER if params.flag("owned", False) else params.number("min_access_level", 0)
    found = [
        each
        for each in call.instance.projects.values()
        if each.can_read(call.user)
        and searched in f"{each.name}\n{each.path}".lower()
        and visibility in ("", each.visibility)
        and (not own or call.user.id in each.members)
        and each.access_level(call.user) >= least
    ]
    return page(call, ordered(call, found, _ORDERS), entities.project)


@endpoint("GET", "/projects/{id}/members", "/projects/{id}/members/all")
def members(call: Call) -> Response:
    project, query = call.project, (call.params.text("query") or "").lower()
    numbers = call.params.numbers("user_ids")
    found = [
        each
        for each in _members(call).values()
        if query in f"{each.username}\n{each.name}".lower()
        and (numbers is None or each.id in numbers)
    ]
    return page(call, found, lambda each: entities.member(project, each))


@endpoint("GET", "/projects/{id}/members/all/{user_id}", "/projects/{id}/members/{user_id}")
def member(call: Call) -> Json:
    return entities.member(call.project, call.find(_members(call), "user_id"))


def _members(call: Call) -> dict[int, User]:
    return {number: call.instance.users[number] for number in call.project.members}


show("/projects/{id}", find=lambda call: call.project, entity=entities.project)
