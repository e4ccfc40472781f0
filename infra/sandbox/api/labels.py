"""`/projects/:id/labels`. After https://docs.gitlab.com/api/labels/."""

import re

from .. import entities
from ..state import PLANNER, Issuable, Label, Project
from .call import Answer, ApiError, Call, Endpoint, not_found
from .pagination import page

_COLOR = re.compile(r"#[0-9a-f]{3}(?:[0-9a-f]{3})?|[a-z]+", re.IGNORECASE)


def listed(call: Call) -> Answer:
    found = sorted(call.project.labels.values(), key=lambda each: each.name.lower())
    return page(call, found, entities.label)


def one(call: Call) -> Answer:
    return Answer(entities.label(_find(call)))


def create(call: Call) -> Answer:
    project, params = call.project, call.params
    call.require(PLANNER)
    name = params.required("name")
    color = _color(params.required("color"))
    _refuse_taken(project, name)
    label = call.instance.add_label(
        project, name, color=color, description=params.text("description")
    )
    call.instance.touch()
    return Answer(entities.label(label), 201)


def update(call: Call) -> Answer:
    label, params = _find(call), call.params
    call.require(PLANNER)
    new_name, color = params.text("new_name"), params.text("color")
    label.color = _color(color) if color else label.color
    if "description" in params:
        label.description = params.text("description")
    if new_name and new_name != label.name:
        _refuse_taken(call.project, new_name)
        del call.project.labels[label.name]
        label.name = new_name
        call.project.labels[new_name] = label
    label.updated_at = call.instance.now()
    call.instance.touch()
    return Answer(entities.label(label))


def delete(call: Call) -> Answer:
    label, project = _find(call), call.project
    call.require(PLANNER)
    del project.labels[label.name]
    labelled: list[Issuable] = [*project.issues.values(), *project.merge_requests.values()]
    for issuable in labelled:
        issuable.labels = [each for each in issuable.labels if each is not label]
    call.instance.touch()
    return Answer(status=204)


def _find(call: Call) -> Label:
    key = call.text("label_id")
    for label in call.project.labels.values():
        if key in (label.name, str(label.id)):
            return label
    raise not_found("Label")


def _color(text: str) -> str:
    if not _COLOR.fullmatch(text):
        raise ApiError(400, {"message": {"color": ["must be a valid color code"]}})
    return text


def _refuse_taken(project: Project, name: str) -> None:
    if name in project.labels:
        raise ApiError(409, {"message": "Label already exists"})


endpoints = (
    Endpoint("GET", "/projects/{id}/labels", listed),
    Endpoint("POST", "/projects/{id}/labels", create),
    Endpoint("GET", "/projects/{id}/labels/{label_id}", one),
    Endpoint("PUT", "/projects/{id}/labels/{label_id}", update),
    Endpoint("DELETE", "/projects/{id}/labels/{label_id}", delete),
)
