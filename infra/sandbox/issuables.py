"""What users do with issues and merge requests: open, edit, close, label, assign, merge.

Each function changes the state and fires the webhooks that follow. Whether the user may do it
is decided by who calls (`api`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import payloads, pushes, quick_actions
from .acting import Acting
from .notes import add_system_note
from .state import STATE_IDS, Commit, Issuable, Issue, Label, MergeRequest, Project, User


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """What shall change about an issue or merge request; `None` leaves a part as it is."""

    title: str | None = None
    description: str | None = None
    labels: tuple[str, ...] | None = None
    add_labels: tuple[str, ...] = ()
    remove_labels: tuple[str, ...] = ()
    state_event: str | None = None
    assignees: tuple[User, ...] | None = None
    reviewers: tuple[User, ...] | None = None
    confidential: bool | None = None
    target_branch: str | None = None


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What the quick actions of a text came to: sentences about what was done, and failures."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def open_issue(
    acting: Acting,
    project: Project,
    *,
    title: str,
    description: str = "",
    labels: Iterable[str] = (),
    assignees: Iterable[User] = (),
    confidential: bool = False,
    issue_type: str = "issue",
) -> Issue:
    instance = acting.instance
    text, commands = quick_actions.extract(description)
    now = instance.now()
    issue = Issue(
        id=instance.next_id("issue"),
        iid=max(project.issues, default=0) + 1,
        project=project,
        title=title,
        description=text,
        author=acting.user,
        created_at=now,
        updated_at=now,
        confidential=confidential,
        issue_type=issue_type,
        labels=[_label(acting, project, name) for name in labels],
        assignees=list(assignees),
    )
    project.issues[issue.iid] = issue
    instance.touch()
    _fire(acting, issue, "open", _all_new(_snapshot(acting, issue)))
    apply_commands(acting, issue, commands)
    return issue


def open_merge_request(
    acting: Acting,
    project: Project,
    *,
    title: str,
    source_branch: str,
    target_branch: str,
    description: str = "",
    labels: Iterable[str] = (),
    assignees: Iterable[User] = (),
    reviewers: Iterable[User] = (),
) -> MergeRequest:
    """Open a merge request. A source branch that nobody has pushed gets a commit, without git."""
    instance = acting.instance
    if source_branch not in project.branches:
        instance.add_commit(
            project, source_branch, title, author=acting.user, modified=("README.md",)
        )
    text, commands = quick_actions.extract(description)
    now = instance.now()
    merge_request = MergeRequest(
        id=instance.next_id("merge_request"),
        iid=max(project.merge_requests, default=0) + 1,
        project=project,
        title=title,
        description=text,
        author=acting.user,
        source_branch=source_branch,
        target_branch=target_branch,
        sha=project.branches[source_branch],
        created_at=now,
        updated_at=now,
        labels=[_label(acting, project, name) for name in labels],
        assignees=list(assignees),
        reviewers=list(reviewers),
    )
    project.merge_requests[merge_request.iid] = merge_request
    instance.touch()
    _fire(acting, merge_request, "open", _all_new(_snapshot(acting, merge_request)))
    apply_commands(acting, merge_request, commands)
    return merge_request


def edit(acting: Acting, issuable: Issuable, change: Edit) -> bool:
    """Apply an edit; tells whether anything changed. Closing or reopening has a hook of its own."""
    moved = _change_state(acting, issuable, change.state_event)
    before = _snapshot(acting, issuable)
    was_confidential = isinstance(issuable, Issue) and issuable.confidential
    _apply(acting, issuable, change)
    if _snapshot(acting, issuable) == before:
        return moved
    _stamp(acting, issuable, edited=_text_of(before) != _text_of(_snapshot(acting, issuable)))
    _tell_in_system_notes(acting, issuable, before, was_confidential=was_confidential)
    acting.instance.touch()
    _fire(acting, issuable, "update", _changes(before, _snapshot(acting, issuable)))
    return True


def merge(acting: Acting, merge_request: MergeRequest) -> Commit:
    """Merge: a merge commit on the target branch, whose push is told to the hooks as well."""
    before = _snapshot(acting, merge_request)
    instance, project = acting.instance, merge_request.project
    target = merge_request.target_branch
    commit = instance.add_commit(
        project,
        target,
        f"Merge branch '{merge_request.source_branch}' into '{target}'\n\n{merge_request.title}",
        author=acting.user,
    )
    commit.parents += (merge_request.sha,)
    merge_request.state = "merged"
    merge_request.merged_at = instance.now()
    merge_request.merge_user = acting.user
    merge_request.merge_commit_sha = commit.sha
    _stamp(acting, merge_request, edited=False)
    instance.touch()
    _fire(acting, merge_request, "merge", _changes(before, _snapshot(acting, merge_request)))
    pushes.tell(acting, project, branch=target, before=commit.parents[0], commits=[commit])
    return commit


def push(acting: Acting, project: Project, branch: str, messages: list[str]) -> list[Commit]:
    """Push commits to a branch; its open merge requests tell the `oldrev` in an update."""
    commits = pushes.push(acting, project, branch, messages)
    for merge_request in project.merge_requests.values():
        if merge_request.source_branch == branch and merge_request.state == "opened":
            oldrev, merge_request.sha = merge_request.sha, commits[-1].sha
            merge_request.updated_at = acting.instance.now()
            _fire(acting, merge_request, "update", {}, oldrev=oldrev)
    return commits


def apply_commands(
    acting: Acting, issuable: Issuable, commands: Iterable[quick_actions.QuickAction]
) -> CommandResult:
    """Do what quick actions say."""
    result = CommandResult()
    for command in commands:
        change, sentence = _translate(acting, issuable, command)
        if change is None:
            result.failed.append(sentence)
            continue
        edit(acting, issuable, change)
        result.done.append(sentence)
    return result


def _translate(
    acting: Acting, issuable: Issuable, command: quick_actions.QuickAction
) -> tuple[Edit | None, str]:
    match command.name:
        case "close":
            return Edit(state_event="close"), "Closed this."
        case "reopen":
            return Edit(state_event="reopen"), "Reopened this."
        case "title" if command.argument:
            return Edit(title=command.argument), "Changed the title."
        case "confidential" if isinstance(issuable, Issue):
            return Edit(confidential=True), "Made this issue confidential."
        case "assign" | "unassign":
            return _translate_assignment(acting, issuable, command)
        case "label" | "labels" | "relabel" | "unlabel" | "remove_label":
            return _translate_labels(issuable, command)
    return None, f"Could not apply {command.name} command."


def _translate_assignment(
    acting: Acting, issuable: Issuable, command: quick_actions.QuickAction
) -> tuple[Edit | None, str]:
    names = command.usernames() or ([acting.user.username] if "me" in command.argument else [])
    named = {user for user in acting.instance.users.values() if user.username in names}
    if command.name == "unassign":
        left = tuple(user for user in issuable.assignees if named and user not in named)
        return Edit(assignees=left), "Removed assignees."
    if not named:
        return None, "Could not apply assign command. Failed to find users for the argument."
    together = tuple(dict.fromkeys([*issuable.assignees, *named]))
    return Edit(assignees=together), "Assigned " + ", ".join(f"@{name}" for name in names) + "."


def _translate_labels(
    issuable: Issuable, command: quick_actions.QuickAction
) -> tuple[Edit | None, str]:
    names = tuple(name for name in command.labels() if name in issuable.project.labels)
    listed = " ".join(f"~{name}" for name in names)
    if command.name in ("unlabel", "remove_label"):
        removed = names or tuple(label.name for label in issuable.labels)
        return Edit(remove_labels=removed), f"Removed {listed or 'all'} label(s)."
    if not names:
        return None, f"Could not apply {command.name} command. Failed to find the label(s)."
    if command.name == "relabel":
        return Edit(labels=names), f"Replaced all labels with {listed} label(s)."
    return Edit(add_labels=names), f"Added {listed} label(s)."


def _change_state(acting: Acting, issuable: Issuable, event: str | None) -> bool:
    wanted = {"close": ("opened", "closed"), "reopen": ("closed", "opened")}.get(event or "")
    if not wanted or issuable.state != wanted[0]:
        return False
    before = _snapshot(acting, issuable)
    issuable.state = wanted[1]
    closing = wanted[1] == "closed"
    issuable.closed_at = acting.instance.now() if closing else None
    issuable.closed_by = acting.user if closing else None
    _stamp(acting, issuable, edited=False)
    acting.instance.touch()
    _fire(acting, issuable, str(event), _changes(before, _snapshot(acting, issuable)))
    return True


def _apply(acting: Acting, issuable: Issuable, change: Edit) -> None:
    if change.title is not None:
        issuable.title = change.title
    if change.description is not None:
        issuable.description = change.description
    if change.assignees is not None:
        issuable.assignees = list(change.assignees)
    if isinstance(issuable, Issue) and change.confidential is not None:
        issuable.confidential = change.confidential
    if isinstance(issuable, MergeRequest) and change.reviewers is not None:
        issuable.reviewers = list(change.reviewers)
    if isinstance(issuable, MergeRequest) and change.target_branch is not None:
        issuable.target_branch = change.target_branch
    _apply_labels(acting, issuable, change)


def _apply_labels(acting: Acting, issuable: Issuable, change: Edit) -> None:
    names = [label.name for label in issuable.labels]
    if change.labels is not None:
        names = list(change.labels)
    names = [*names, *change.add_labels]
    kept = [name for name in dict.fromkeys(names) if name not in change.remove_labels]
    issuable.labels = [_label(acting, issuable.project, name) for name in kept]


def _label(acting: Acting, project: Project, name: str) -> Label:
    return project.labels.get(name) or acting.instance.add_label(project, name)


def _stamp(acting: Acting, issuable: Issuable, *, edited: bool) -> None:
    issuable.updated_at = acting.instance.now()
    issuable.updated_by = acting.user
    if edited:
        issuable.last_edited_at = issuable.updated_at
        issuable.last_edited_by = acting.user


def _fire(
    acting: Acting,
    issuable: Issuable,
    action: str,
    changes: dict[str, Any],
    *,
    oldrev: str | None = None,
) -> None:
    body: Callable[[], dict[str, Any]]
    if isinstance(issuable, Issue):
        issue = issuable
        trigger = "confidential_issues_events" if issue.confidential else "issues_events"

        def body() -> dict[str, Any]:
            return payloads.issue_event(
                acting.instance, issue, action=action, by=acting.user, changes=changes
            )
    else:
        merge_request = issuable
        trigger = "merge_requests_events"

        def body() -> dict[str, Any]:
            return payloads.merge_request_event(
                acting.instance,
                merge_request,
                action=action,
                by=acting.user,
                changes=changes,
                oldrev=oldrev,
            )

    acting.fire(issuable.project, trigger, body)


def _snapshot(acting: Acting, issuable: Issuable) -> dict[str, Any]:
    """What a webhook's `changes` compares."""
    instance = acting.instance
    seen: dict[str, Any] = {
        "author_id": issuable.author.id,
        "id": issuable.id,
        "iid": issuable.iid,
        "title": issuable.title,
        "description": issuable.description,
        "state_id": STATE_IDS[issuable.state],
        "created_at": issuable.created_at,
        "closed_at": issuable.closed_at,
        "updated_at": issuable.updated_at,
        "updated_by_id": issuable.updated_by.id if issuable.updated_by else None,
        "last_edited_at": issuable.last_edited_at,
        "last_edited_by_id": issuable.last_edited_by.id if issuable.last_edited_by else None,
        "labels": [payloads.label(issuable.project, each) for each in issuable.labels],
        "assignees": [payloads.user(instance, each) for each in issuable.assignees],
    }
    if isinstance(issuable, Issue):
        return seen | {"confidential": issuable.confidential, "project_id": issuable.project.id}
    return seen | {
        "draft": issuable.draft,
        "reviewers": [payloads.user(instance, each) for each in issuable.reviewers],
        "source_branch": issuable.source_branch,
        "target_branch": issuable.target_branch,
        "merged_at": issuable.merged_at,
        "merge_commit_sha": issuable.merge_commit_sha,
        "merge_user_id": issuable.merge_user.id if issuable.merge_user else None,
    }


def _changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    changed = {
        name: {"previous": _told(before[name]), "current": _told(after[name])}
        for name in after
        if before[name] != after[name]
    }
    if "reviewers" in changed:
        # The one field that GitLab tells in another form.
        changed["reviewers"] = [before["reviewers"], after["reviewers"]]  # type: ignore[assignment]
    return changed


def _all_new(snapshot: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in snapshot.items() if value not in (None, [], False)}
    told.pop("reviewers", None)
    return {name: {"previous": None, "current": _told(value)} for name, value in told.items()}


def _told(value: Any) -> Any:
    return payloads.moment(value) if isinstance(value, datetime) else value


def _text_of(snapshot: dict[str, Any]) -> tuple[Any, Any]:
    return snapshot["title"], snapshot["description"]


def _tell_in_system_notes(
    acting: Acting, issuable: Issuable, before: dict[str, Any], *, was_confidential: bool
) -> None:
    if issuable.title != before["title"]:
        add_system_note(
            acting, issuable, f"changed title from **{before['title']}** to **{issuable.title}**"
        )
    if issuable.description != before["description"]:
        add_system_note(acting, issuable, "changed the description")
    names = {each["username"] for each in before["assignees"]}
    new = [f"@{each.username}" for each in issuable.assignees if each.username not in names]
    if new:
        add_system_note(acting, issuable, "assigned to " + " and ".join(new))
    if isinstance(issuable, Issue) and issuable.confidential != was_confidential:
        made = "confidential" if issuable.confidential else "visible to everyone"
        add_system_note(acting, issuable, f"made the issue {made}")
