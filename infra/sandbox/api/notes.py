"""`…/notes` on issues, merge requests and snippets. After https://docs.gitlab.com/api/notes/."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .. import entities, notes, quick_actions
from ..issuables import CommandResult, apply_commands
from ..state import MAINTAINER, PLANNER, Commit, Issue, MergeRequest, Note, Noteable, Snippet
from .call import Answer, ApiError, Call, Endpoint, not_found
from .pagination import page

Find = Callable[[Call], Noteable]
Post = Callable[[str], Note]


def listed(call: Call, noteable: Noteable) -> Answer:
    params = call.params
    by_update = params.choice("order_by", ("created_at", "updated_at"), "created_at")
    direction = params.choice("sort", ("asc", "desc"), "desc")
    kind = params.choice(
        "activity_filter", ("all_notes", "only_comments", "only_activity"), "all_notes"
    )
    wanted = {"all_notes": (True, False), "only_comments": (False,), "only_activity": (True,)}[kind]
    found = sorted(
        (each for each in noteable.notes if each.system in wanted and may_see(call, each)),
        key=lambda each: (
            each.updated_at if by_update == "updated_at" else each.created_at,
            each.id,
        ),
        reverse=direction == "desc",
    )
    defaults = {"activity_filter": "all_notes", "order_by": "created_at", "sort": "desc"}
    return page(call, found, lambda each: entities.note(call.instance, each), defaults=defaults)


def one(call: Call, noteable: Noteable) -> Answer:
    return Answer(entities.note(call.instance, find_note(call, noteable)))


def create(call: Call, noteable: Noteable) -> Answer:
    internal = bool(call.params.flag("internal") or call.params.flag("confidential"))
    return post(
        call,
        noteable,
        lambda body: notes.comment(call.acting, noteable, body, internal=internal),
        lambda note: entities.note(call.instance, note),
    )


def update(call: Call, noteable: Noteable) -> Answer:
    note = find_note(call, noteable)
    call.require(MAINTAINER, unless=note.author is call.user)
    body = call.params.text("body")
    if body is not None and not body.strip():
        raise ApiError(400, {"error": "body is empty"})
    if body is not None:
        notes.edit(call.acting, note, body)
    return Answer(entities.note(call.instance, note))


def delete(call: Call, noteable: Noteable) -> Answer:
    note = find_note(call, noteable)
    call.require(MAINTAINER, unless=note.author is call.user)
    notes.delete(call.acting, note)
    return Answer(status=204)


def post(
    call: Call,
    noteable: Noteable,
    write: Post,
    entity: Callable[[Note], Any],
    *,
    name: str = "body",
) -> Answer:
    """Post the text in the call's parameter `name`: do its quick actions, `write` the rest.

    Nothing but quick actions makes no note: 202, or 400 if none could be applied.
    """
    text = call.params.required(name)
    # Quick actions are for issues and merge requests, and for those who may change them.
    if isinstance(noteable, Issue | MergeRequest):
        text, commands = quick_actions.extract(text)
    else:
        commands = []
    if not text.strip() and not commands:
        raise ApiError(400, {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'})
    note = write(text) if text.strip() else None
    result = _apply_allowed(call, noteable, commands)
    if note:
        return Answer(entity(note), 201)
    if not result.done:
        raise ApiError(400, {"message": f"400 Bad request - {', '.join(result.failed)}"})
    return Answer({"commands_changes": {}, "summary": result.done}, 202)


def find_note(call: Call, noteable: Noteable) -> Note:
    """The note in the path, if it is on `noteable` and the user may see it."""
    number = call.number("note_id")
    for note in noteable.notes:
        if note.id == number and may_see(call, note):
            return note
    raise not_found("Note")


def may_see(call: Call, note: Note) -> bool:
    """Internal notes are for planners and above, and their author."""
    if not note.internal or note.author is call.user:
        return True
    return note.project.access_level(call.user) >= PLANNER


def on_issue(call: Call) -> Issue:
    return call.issue


def on_merge_request(call: Call) -> MergeRequest:
    return call.merge_request


def on_snippet(call: Call) -> Snippet:
    return call.snippet


def on_commit(call: Call) -> Commit:
    commit = call.project.commits.get(call.text("sha"))
    if not commit:
        raise not_found("Commit")
    return commit


NOTEABLES: dict[str, Find] = {
    "/projects/{id}/issues/{issue_iid}": on_issue,
    "/projects/{id}/merge_requests/{merge_request_iid}": on_merge_request,
    "/projects/{id}/snippets/{snippet_id}": on_snippet,
}


def at(find: Find, handle: Callable[[Call, Noteable], Answer]) -> Callable[[Call], Answer]:
    """A handler that gets what `find` finds for it."""
    return lambda call: handle(call, find(call))


def _apply_allowed(
    call: Call, noteable: Noteable, commands: Iterable[quick_actions.QuickAction]
) -> CommandResult:
    if not isinstance(noteable, Issue | MergeRequest) or not commands:
        return CommandResult()
    may = noteable.project.access_level(call.user) >= PLANNER
    if may or noteable.author is call.user:
        return apply_commands(call.acting, noteable, commands)
    return CommandResult(failed=[f"Could not apply {each.name} command." for each in commands])


def _endpoints() -> Iterator[Endpoint]:
    for path, find in NOTEABLES.items():
        yield Endpoint("POST", f"{path}/notes", at(find, create))
        yield Endpoint("GET", f"{path}/notes", at(find, listed))
        yield Endpoint("GET", f"{path}/notes/{{note_id}}", at(find, one))
        yield Endpoint("PUT", f"{path}/notes/{{note_id}}", at(find, update))
        yield Endpoint("DELETE", f"{path}/notes/{{note_id}}", at(find, delete))


endpoints = tuple(_endpoints())
