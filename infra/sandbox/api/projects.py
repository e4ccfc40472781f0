"""`/projects`: projects, and who their members are."""

from .. import entities
from .call import Answer, Call, Endpoint, not_found
from .pagination import page


def listed(call: Call) -> Answer:
    readable = [each for each in call.instance.projects.values() if each.can_read(call.user)]
    return page(call, readable, lambda each: entities.project(call.instance, each))


def one(call: Call) -> Answer:
    return Answer(entities.project(call.instance, call.project))


def members(call: Call) -> Answer:
    project = call.project
    users = [call.instance.users[number] for number in project.members]
    return page(call, users, lambda each: entities.member(call.instance, project, each))


def member(call: Call) -> Answer:
    project = call.project
    number = call.number("user_id")
    if number not in project.members:
        raise not_found()
    return Answer(entities.member(call.instance, project, call.instance.users[number]))


endpoints = (
    Endpoint("GET", "/projects", listed),
    Endpoint("GET", "/projects/{id}", one),
    Endpoint("GET", "/projects/{id}/members", members),
    Endpoint("GET", "/projects/{id}/members/all", members),
    Endpoint("GET", "/projects/{id}/members/all/{user_id}", member),
    Endpoint("GET", "/projects/{id}/members/{user_id}", member),
)
