"""Changes to issues and merge requests, each with its webhooks.

Nothing here checks the user's permission; the API does.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, TypedDict, TypeVar, Unpack

from . import payloads, quick_actions
from .actor import Actor
from .notes import add_system_note
from .payloads import Json
from .state import (
    KEPT,
    Commit,
    Edit,
    Issuable,
    Issue,
    Label,
    MergeRequest,
    Milestone,
    Project,
    User,
)

_CLOSES = re.compile(
    r"\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?):?"
    r"\s+#(\d{1,9})\b",
    re.IGNORECASE,
)
_OLD_STATES = {"close": "opened", "reopen": "closed"}

_T = TypeVar("_T", bound=Issuable)


class NewIssue(TypedDict, total=False):
    """The optional fields of a new issue."""

    description: str
    labels: Iterable[str]
    assignees: list[User]
    confidential: bool
    issue_type: str
    due_date: date | None
    created_at: datetime | None
    milestone: Milestone | None


class NewMergeRequest(TypedDict, total=False):
    """The optional fields of a new merge request."""

    description: str
    labels: Iterable[str]
    assignees: list[User]
    reviewers: list[User]
    source_branch: str
    target_branch: str
    squash: bool
    force_remove_source_branch: bool
    milestone: Milestone | None


def open_issue(actor: Actor, project: Project, title: str, **fields: Unpack[NewIssue]) -> Issue:
    return _open(actor, project, project.issues, Issue, title=title, **fields)


def open_merge_request(
    actor: Actor, project: Project, title: str, **fields: Unpack[NewMergeRequest]
) -> MergeRequest:
    """Open a merge request. A source branch that does not exist is created with one commit."""
    source_branch = fields.setdefault("source_branch", f"branch-{len(project.branches)}")
    fields.setdefault("target_branch", project.default_branch)
    if source_branch not in project.branches:
        actor.instance.add_commit(
            project, source_branch, title, author=actor.user, changes=readme(project, title)
        )
    sha, opened = project.branches[source_branch], project.merge_requests
    return _open(actor, project, opened, MergeRequest, title=title, sha=sha, **fields)


def edit(actor: Actor, issuable: Issuable, change: Edit) -> None:
    """Apply an edit. A change of state fires a webhook of its own."""
    _change_state(actor, issuable, change.state_event)
    before = payloads.tracked(issuable)
    _apply(actor, issuable, change)
    if payloads.tracked(issuable) == before:
        return
    rewritten = (issuable.title, issuable.description) != (before["title"], before["description"])
    _stamp(actor, issuable, rewritten=rewritten)
    _add_system_notes(actor, issuable, before)
    _fire_change(actor, issuable, "update", before)


def merge(
    actor: Actor,
    merge_request: MergeRequest,
    *,
    squash: bool = False,
    message: str | None = None,
    remove_source_branch: bool = False,
) -> Commit:
    """Merge with a merge commit, which also fires the push trigger.

    Args:
        actor: Who merges.
        merge_request: The merge request.
        squash: Whether GitLab shows it as squashed; the sandbox has no contents to squash.
        message: The message of the merge commit.
        remove_source_branch: Whether the source branch is deleted.
    """
    before = payloads.tracked(merge_request)
    project, target = merge_request.project, merge_request.target_branch
    merge_request.squash = squash
    message = message or (
        f"Merge branch '{merge_request.source_branch}' into '{target}'\n\n{merge_request.title}"
    )
    commit = actor.instance.add_commit(project, target, message, author=actor.user, changes={})
    commit.parents += (merge_request.sha,)
    merge_request.state = "merged"
    merge_request.merged_at = actor.instance.now()
    merge_request.merge_user = actor.user
    merge_request.merge_commit_sha = commit.sha
    merge_request.merged_onto = commit.parents[0]
    _stamp(actor, merge_request)
    _fire_change(actor, merge_request, "merge", before)
    fire_push(actor, project, f"refs/heads/{target}", commit.parents[0], commit.sha, [commit])
    if target == project.default_branch:
        for issue in closes(merge_request):
            _change_state(actor, issue, "close")
    if remove_source_branch:
        project.branches.pop(merge_request.source_branch, None)
    return commit


def approve(actor: Actor, merge_request: MergeRequest) -> None:
    """Approve a merge request; it needs no number of approvals."""
    merge_request.approved_by.append(actor.user)
    _fire(actor, merge_request, "approved", {})


def unapprove(actor: Actor, merge_request: MergeRequest) -> None:
    merge_request.approved_by.remove(actor.user)
    _fire(actor, merge_request, "unapproved", {})


def move_head(actor: Actor, merge_request: MergeRequest, sha: str) -> None:
    """Let a push change the head of a merge request, which fires an update with the `oldrev`."""
    oldrev, merge_request.sha = merge_request.sha, sha
    merge_request.updated_at = actor.instance.now()
    _fire(actor, merge_request, "update", {}, oldrev=oldrev)


def closes(merge_request: MergeRequest) -> list[Issue]:
    """Return the open issues that the description closes when the merge request is merged.

    https://docs.gitlab.com/user/project/issues/managing_issues/#default-closing-pattern
    """
    numbers = [int(each) for each in _CLOSES.findall(merge_request.description)]
    issues = merge_request.project.issues
    found = [issues[number] for number in dict.fromkeys(numbers) if number in issues]
    return [issue for issue in found if issue.state == "opened"]


def readme(project: Project, line: str, branch: str = "") -> dict[str, str | None]:
    """Return the change of a commit that has no content of its own: a line in the README."""
    present = project.files(branch if branch in project.branches else project.default_branch)
    return {"README.md": f"{present.get('README.md', '')}{line}\n"}


def apply_quick_actions(
    actor: Actor, issuable: Issuable, actions: Iterable[quick_actions.QuickAction]
) -> tuple[list[str], list[str]]:
    """Apply quick actions; return GitLab's messages about the successes and the failures."""
    done: list[str] = []
    failed: list[str] = []
    for action in actions:
        change, message = quick_actions.translate(action, issuable, actor.user)
        if change:
            edit(actor, issuable, change)
        (done if change else failed).append(message)
    return done, failed


def _open(
    actor: Actor,
    project: Project,
    opened: dict[int, _T],
    kind: type[_T],
    *,
    description: str = "",
    labels: Iterable[str] = (),
    created_at: datetime | None = None,
    **fields: Any,
) -> _T:
    text, actions = quick_actions.extract(description)
    issuable = actor.instance.create(
        kind,
        iid=max(opened, default=0) + 1,
        project=project,
        description=text,
        author=actor.user,
        labels=[_label(actor, project, name) for name in labels],
        **fields,
    )
    issuable.created_at = created_at or issuable.created_at
    opened[issuable.iid] = issuable
    _fire(actor, issuable, "open", payloads.all_new(payloads.tracked(issuable)))
    apply_quick_actions(actor, issuable, actions)
    return issuable


def _change_state(actor: Actor, issuable: Issuable, event: str | None) -> None:
    if not event or issuable.state != _OLD_STATES.get(event):
        return
    before = payloads.tracked(issuable)
    closing = event == "close"
    issuable.state = "closed" if closing else "opened"
    issuable.closed_at = actor.instance.now() if closing else None
    issuable.closed_by = actor.user if closing else None
    _stamp(actor, issuable)
    _fire_change(actor, issuable, event, before)


def _apply(actor: Actor, issuable: Issuable, change: Edit) -> None:
    names = ["title", "description", "assignees"]
    if isinstance(issuable, Issue):
        names += ["confidential", "issue_type"]
        if change.due_date != KEPT:
            issuable.due_date = change.due_date
    else:
        names += ["reviewers", "target_branch", "squash", "force_remove_source_branch"]
    for name in names:
        value = getattr(change, name)
        if value is not None:
            setattr(issuable, name, value)
    if change.milestone_id is not None:
        issuable.milestone = issuable.project.milestones.get(change.milestone_id)
    kept = [each.name for each in issuable.labels] if change.labels is None else change.labels
    names = [each for each in (*kept, *change.add_labels) if each not in change.remove_labels]
    issuable.labels = [_label(actor, issuable.project, name) for name in dict.fromkeys(names)]


def _label(actor: Actor, project: Project, name: str) -> Label:
    return project.labels.get(name) or actor.instance.add_label(project, name)


def _stamp(actor: Actor, issuable: Issuable, *, rewritten: bool = False) -> None:
    issuable.updated_at = actor.instance.now()
    issuable.updated_by = actor.user
    if rewritten:
        issuable.last_edited_at = issuable.updated_at
        issuable.last_edited_by = actor.user


def _fire_change(actor: Actor, issuable: Issuable, action: str, before: Json) -> None:
    _fire(actor, issuable, action, payloads.changes(before, payloads.tracked(issuable)))


def _fire(
    actor: Actor, issuable: Issuable, action: str, changes: Json, *, oldrev: str | None = None
) -> None:
    if isinstance(issuable, Issue):
        trigger = "confidential_issues_events" if issuable.confidential else "issues_events"
        data = payloads.issue_event(issuable, action=action, by=actor.user, changes=changes)
        actor.fire(issuable.project, trigger, data)
    if isinstance(issuable, MergeRequest):
        data = payloads.merge_request_event(
            issuable, action=action, by=actor.user, changes=changes, oldrev=oldrev
        )
        actor.fire(issuable.project, "merge_requests_events", data)


def fire_push(
    actor: Actor, project: Project, ref: str, before: str, after: str, commits: Sequence[Commit]
) -> None:
    """Fire the trigger of a push that moves a branch or a tag."""
    trigger = "tag_push_events" if ref.startswith("refs/tags/") else "push_events"
    data = payloads.push_event(
        project, ref=ref, before=before, after=after, commits=commits, by=actor.user
    )
    actor.fire(project, trigger, data)


def _add_system_notes(actor: Actor, issuable: Issuable, before: Json) -> None:
    if issuable.title != before["title"]:
        text = f"changed title from **{before['title']}** to **{issuable.title}**"
        add_system_note(actor, issuable, text)
    if issuable.description != before["description"]:
        add_system_note(actor, issuable, "changed the description")
    names = {each["username"] for each in before["assignees"]}
    new = [f"@{each.username}" for each in issuable.assignees if each.username not in names]
    if new:
        add_system_note(actor, issuable, "assigned to " + " and ".join(new))
    if isinstance(issuable, Issue) and issuable.confidential != before["confidential"]:
        visibility = "confidential" if issuable.confidential else "visible to everyone"
        add_system_note(actor, issuable, f"made the issue {visibility}")
