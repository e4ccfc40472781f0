"""What the APIs of issues and of merge requests have in common: filters, order, edits."""

from collections.abc import Iterable
from typing import TypeVar

from ..issuables import Edit
from ..state import PLANNER, Issuable, Issue, MergeRequest, User
from .call import ApiError, Call

_LONGEST_TITLE = 255

T = TypeVar("T", Issue, MergeRequest)


def select(call: Call, issuables: Iterable[T]) -> list[T]:
    """Those that the call's filters want, in the order that it wants."""
    params = call.params
    state = params.choice("state", ("opened", "closed", "locked", "merged", "all"), "all")
    labels = set(params.names("labels") or ())
    iids = set(params.numbers("iids") or ())
    search = (params.text("search") or "").lower()
    author = params.text("author_username")
    found = [
        each
        for each in issuables
        if state in ("all", each.state)
        and labels <= {label.name for label in each.labels}
        and (not iids or each.iid in iids)
        and search in f"{each.title}\n{each.description}".lower()
        and author in (None, each.author.username)
    ]
    by_update = params.choice("order_by", ("created_at", "updated_at"), "created_at")
    descending = params.choice("sort", ("asc", "desc"), "desc") == "desc"
    return sorted(
        found,
        key=lambda each: (
            each.updated_at if by_update == "updated_at" else each.created_at,
            each.id,
        ),
        reverse=descending,
    )


def title(call: Call) -> str:
    """The title of something new. Raises ApiError 400 for one that GitLab would not take."""
    return _good_title(call.params.required("title"))


def users(call: Call, name: str) -> tuple[User, ...] | None:
    """The members in a list of user ids; 0 and nothing mean nobody, strangers are left out."""
    numbers = call.params.numbers(name)
    if numbers is None:
        return None
    members = call.project.members
    return tuple(call.instance.users[number] for number in numbers if number in members)


def edit(call: Call, issuable: Issuable) -> Edit:
    """The edit that a PUT asks for, if the user may make it."""
    params = call.params
    call.require(PLANNER, unless=issuable.author is call.user)
    _refuse_planning(call)
    new_title = params.text("title")
    return Edit(
        title=_good_title(new_title) if new_title is not None else None,
        description=params.text("description"),
        labels=params.names("labels"),
        add_labels=params.names("add_labels") or (),
        remove_labels=params.names("remove_labels") or (),
        state_event=params.choice("state_event", ("close", "reopen", ""), "") or None,
        assignees=users(call, "assignee_ids"),
        reviewers=users(call, "reviewer_ids"),
        confidential=params.flag("confidential"),
        target_branch=params.text("target_branch"),
    )


def _refuse_planning(call: Call) -> None:
    # An author without a role may change the text, but a label or an assignee is for the team.
    planning = ("labels", "add_labels", "remove_labels", "assignee_ids", "reviewer_ids")
    if any(name in call.params for name in planning):
        call.require(PLANNER)


def _good_title(text: str) -> str:
    if not text.strip():
        raise ApiError(400, {"message": {"title": ["can't be blank"]}})
    if len(text) > _LONGEST_TITLE:
        complaint = f"is too long (maximum is {_LONGEST_TITLE} characters)"
        raise ApiError(400, {"message": {"title": [complaint]}})
    return text
