"""The filters of lists of issues and merge requests.

A filter has a function that reads its parameter and a condition. `not[name]` inverts the condition
of those that GitLab can negate.

https://docs.gitlab.com/api/issues/#list-issues and
https://docs.gitlab.com/api/merge_requests/#list-merge-requests
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..state import Issuable
from .call import Call
from .params import Params

_STATES = ("opened", "closed", "locked", "merged", "all")
_SCOPES = ("all", "created_by_me", "assigned_to_me", "reviews_for_me")
_TYPES = ("issue", "incident", "test_case", "task")
_ANY, _NONE = "any", "none"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter.

    Attributes:
        read: Returns the value of a parameter by its name; `None` if it is not given.
        matches: Whether an issue or merge request has the value.
        negatable: Whether `not[name]` exists.
    """

    read: Callable[[Params, str], Any]
    matches: Callable[[Any, Any], bool]
    negatable: bool = False


def _choice(values: Iterable[str]) -> Callable[[Params, str], str | None]:
    return lambda params, name: params.choice(name, values, "") if name in params else None


def _flag(params: Params, name: str) -> bool | None:
    return params.flag(name, None)


def _has_labels(each: Issuable, wanted: tuple[str, ...]) -> bool:
    names = {label.name for label in each.labels}
    if [name.lower() for name in wanted] in ([_ANY], [_NONE]):
        return bool(names) == (wanted[0].lower() == _ANY)
    return set(wanted) <= names


def _has_milestone(each: Issuable, wanted: str) -> bool:
    if wanted.lower() in (_ANY, _NONE):
        return (each.milestone is not None) == (wanted.lower() == _ANY)
    return each.milestone is not None and each.milestone.title == wanted


def _is_among(people: Callable[[Any], Iterable[Any]], attribute: str) -> Callable[[Any, Any], bool]:
    """Return a condition on the id or username of some people; "None" and "Any" are words."""

    def matches(each: Any, wanted: tuple[str, ...]) -> bool:
        found = {str(getattr(person, attribute)).lower() for person in people(each)}
        if len(wanted) == 1 and wanted[0].lower() in (_ANY, _NONE, "0"):
            return bool(found) == (wanted[0].lower() == _ANY)
        return {name.lower() for name in wanted} <= found

    return matches


def _people(role: str, people: Callable[[Any], Iterable[Any]]) -> dict[str, Filter]:
    return {
        f"{role}_id": Filter(Params.names, _is_among(people, "id"), negatable=True),
        f"{role}_username": Filter(Params.names, _is_among(people, "username"), negatable=True),
    }


COMMON = {
    "state": Filter(_choice(_STATES), lambda each, value: value in ("all", each.state)),
    "labels": Filter(Params.names, _has_labels),
    "iids": Filter(Params.numbers, lambda each, value: not value or each.iid in value, True),
    **_people("author", lambda each: [each.author]),
    **_people("assignee", lambda each: each.assignees),
    "milestone": Filter(Params.text, _has_milestone, True),
    "created_after": Filter(Params.moment, lambda each, value: each.created_at >= value),
    "created_before": Filter(Params.moment, lambda each, value: each.created_at <= value),
    "updated_after": Filter(Params.moment, lambda each, value: each.updated_at >= value),
    "updated_before": Filter(Params.moment, lambda each, value: each.updated_at <= value),
}
ISSUES = COMMON | {
    "confidential": Filter(_flag, lambda each, value: each.confidential == value),
    "issue_type": Filter(_choice(_TYPES), lambda each, value: each.issue_type == value),
}
MERGE_REQUESTS = (
    COMMON
    | _people("reviewer", lambda each: each.reviewers)
    | {
        "source_branch": Filter(
            Params.text, lambda each, value: each.source_branch == value, negatable=True
        ),
        "target_branch": Filter(
            Params.text, lambda each, value: each.target_branch == value, negatable=True
        ),
        "draft": Filter(_flag, lambda each, value: each.draft == value),
        "wip": Filter(_flag, lambda each, value: each.draft == value),
    }
)


def chosen(call: Call, found: Iterable[Any], filters: dict[str, Filter]) -> list[Any]:
    """Return the issues or merge requests that fit all filters of a request."""
    params = call.params
    found = [each for each in _in_scope(call, found) if _contains(each, params)]
    for name, each in filters.items():
        value = each.read(params, name)
        if value is not None:
            found = [one for one in found if each.matches(one, value)]
        if name == "labels":
            unwanted = params.names("not[labels]") or ()
            found = [one for one in found if not {label.name for label in one.labels} & {*unwanted}]
        elif each.negatable and (value := each.read(params, f"not[{name}]")) is not None:
            found = [one for one in found if not each.matches(one, value)]
    return found


def _in_scope(call: Call, found: Iterable[Any]) -> list[Any]:
    scope = call.params.choice("scope", _SCOPES, "all")
    people: dict[str, Callable[[Any], Iterable[Any]]] = {
        "created_by_me": lambda each: [each.author],
        "assigned_to_me": lambda each: each.assignees,
        "reviews_for_me": lambda each: getattr(each, "reviewers", []),
    }
    return [each for each in found if scope == "all" or call.user in people[scope](each)]


def _contains(each: Issuable, params: Params) -> bool:
    """Return whether the searched words are in the title or the description."""
    text = params.text("search")
    places = params.names("in") or ("title", "description")
    searched = "\n".join(getattr(each, place, "") for place in places)
    return text is None or text.lower() in searched.lower()
