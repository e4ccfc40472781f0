"""`/projects` and their members.

https://docs.gitlab.com/api/projects/
"""

from starlette.responses import Response

from .. import entities
from ..entities import Json
from ..state import Project, User
from .call import Call
from .endpoints import endpoint, index, show
from .pagination import page


@endpoint("GET", "/projects/{id}/members", "/projects/{id}/members/all")
def members(call: Call) -> Response:
    project = call.project
    return page(call, list(_members(call).values()), lambda each: entities.member(project, each))


@endpoint("GET", "/projects/{id}/members/all/{user_id}", "/projects/{id}/members/{user_id}")
def member(call: Call) -> Json:
    return entities.member(call.project, call.find(_members(call), "user_id"))


def _members(call: Call) -> dict[int, User]:
    return {number: call.instance.users[number] for number in call.project.members}


def _readable(call: Call) -> list[Project]:
    return [each for each in call.instance.projects.values() if each.can_read(call.user)]


index("/projects", find=_readable, entity=entities.project)
show("/projects/{id}", find=lambda call: call.project, entity=entities.project)
