"""`/projects/:id/milestones`.

https://docs.gitlab.com/api/milestones/
"""

from .. import entities, payloads
from ..entities import Json
from ..state import PLANNER, Milestone
from .call import Call
from .endpoints import endpoint, index, show
from .errors import ApiError

_MILESTONES = "/projects/{id}/milestones"
_MILESTONE = f"{_MILESTONES}/{{milestone_id}}"
_STATES = {"close": "closed", "activate": "active"}
_ACTIONS = {"close": "close", "activate": "reopen"}


@endpoint("POST", _MILESTONES)
def create(call: Call) -> Json:
    call.require(PLANNER)
    project, title = call.project, call.params.required("title")
    _refuse_taken(call, title)
    iid = len(project.milestones) + 1
    milestone = call.instance.create(Milestone, iid=iid, project=project, title=title)
    project.milestones[milestone.id] = milestone
    _fill(call, milestone)
    _fire(call, milestone, "create")
    return entities.milestone(milestone)


@endpoint("PUT", _MILESTONE)
def update(call: Call) -> Json:
    call.require(PLANNER)
    milestone = _find(call)
    title = call.params.text("title")
    if title and title != milestone.title:
        _refuse_taken(call, title)
        milestone.title = title
    _fill(call, milestone)
    event = call.params.choice("state_event", ("close", "activate", ""), "")
    if event and milestone.state != _STATES[event]:
        milestone.state = _STATES[event]
        _fire(call, milestone, _ACTIONS[event])
    return entities.milestone(milestone)


@endpoint("DELETE", _MILESTONE)
def delete(call: Call) -> None:
    call.require(PLANNER)
    milestone = _find(call)
    del call.project.milestones[milestone.id]
    for issuable in call.project.issuables:
        issuable.milestone = None if issuable.milestone is milestone else issuable.milestone
    _fire(call, milestone, "delete")


def _all(call: Call) -> list[Milestone]:
    params = call.params
    state, title = params.choice("state", ("active", "closed", ""), ""), params.text("title")
    searched, iids = (params.text("search") or "").lower(), params.numbers("iids")
    return [
        each
        for each in reversed(call.project.milestones.values())
        if state in ("", each.state)
        and title in (None, each.title)
        and searched in f"{each.title}\n{each.description}".lower()
        and (not iids or each.iid in iids)
    ]


def _find(call: Call) -> Milestone:
    return call.find(call.project.milestones, "milestone_id", "Milestone")


def _fill(call: Call, milestone: Milestone) -> None:
    params = call.params
    milestone.description = params.text("description") or milestone.description
    for name in ("due_date", "start_date"):
        if name in params:
            setattr(milestone, name, params.day(name))
    milestone.updated_at = call.instance.now()


def _refuse_taken(call: Call, title: str) -> None:
    if any(each.title == title for each in call.project.milestones.values()):
        raise ApiError(400, {"message": {"title": ["already being used for another milestone."]}})


def _fire(call: Call, milestone: Milestone, action: str) -> None:
    data = payloads.milestone_event(milestone, action=action)
    call.fire(milestone.project, "milestone_events", data)


index(_MILESTONES, find=_all, entity=entities.milestone)
show(_MILESTONE, find=_find, entity=entities.milestone)
