"""`/projects/:id/labels`.

https://docs.gitlab.com/api/labels/
"""

import re

from .. import entities
from ..entities import Json
from ..state import PLANNER, Label, Project
from .call import Call
from .endpoints import endpoint, index, show
from .errors import ApiError, invalid_field, not_found

_LABELS = "/projects/{id}/labels"
_LABEL = f"{_LABELS}/{{label_id}}"
_COLOR = re.compile(r"#[0-9a-f]{3}(?:[0-9a-f]{3})?|[a-z]+", re.IGNORECASE)


@endpoint("POST", _LABELS)
def create(call: Call) -> Json:
    project, params = call.project, call.params
    call.require(PLANNER)
    name = params.required("name")
    color = _validated_color(params.required("color"))
    _refuse_taken(project, name)
    description = params.text("description")
    return entities.label(
        call.instance.add_label(project, name, color=color, description=description)
    )


@endpoint("PUT", _LABEL)
def update(call: Call) -> Json:
    label, project, params = _find(call), call.project, call.params
    call.require(PLANNER)
    new_name, color = params.text("new_name"), params.text("color")
    label.color = _validated_color(color) if color else label.color
    if "description" in params:
        label.description = params.text("description")
    if new_name and new_name != label.name:
        _refuse_taken(project, new_name)
        project.labels[new_name] = project.labels.pop(label.name)
        label.name = new_name
    label.updated_at = call.instance.now()
    return entities.label(label)


@endpoint("DELETE", _LABEL)
def delete(call: Call) -> None:
    label = _find(call)
    call.require(PLANNER)
    del call.project.labels[label.name]
    for issuable in call.project.issuables:
        issuable.labels = [each for each in issuable.labels if each is not label]


def _find(call: Call) -> Label:
    key = call.text("label_id")
    for label in call.project.labels.values():
        if key in (label.name, str(label.id)):
            return label
    raise not_found("Label")


def _validated_color(text: str) -> str:
    if not _COLOR.fullmatch(text):
        raise invalid_field("color", "must be a valid color code")
    return text


def _refuse_taken(project: Project, name: str) -> None:
    if name in project.labels:
        raise ApiError(409, {"message": "Label already exists"})


def _sorted(call: Call) -> list[Label]:
    searched = (call.params.text("search") or "").lower()
    found = [each for each in call.project.labels.values() if searched in each.name.lower()]
    return sorted(found, key=lambda each: each.name.lower())


index(_LABELS, find=_sorted, entity=entities.label)
show(_LABEL, find=_find, entity=entities.label)
