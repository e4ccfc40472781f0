"""The bodies of webhooks, in GitLab's shapes. Takes state, gives JSON-ready dicts; sends nothing.

After https://docs.gitlab.com/user/project/integrations/webhook_events/.
"""

from datetime import datetime
from typing import Any

from .state import (
    STATE_IDS,
    AwardEmoji,
    Commit,
    Instance,
    Issuable,
    Issue,
    Label,
    MergeRequest,
    Note,
    Noteable,
    Project,
    Snippet,
    User,
)
from .urls import avatar_url, clone_urls, web_url

Json = dict[str, Any]

NO_COMMIT = "0" * 40
_MOST_COMMITS = 20
_VISIBILITY_LEVELS = {"private": 0, "internal": 10, "public": 20}


def issue_event(instance: Instance, issue: Issue, *, action: str, by: User, changes: Json) -> Json:
    """An issue was opened, closed, reopened or updated; a task comes as a work item."""
    kind = "issue" if issue.issue_type in ("issue", "incident") else "work_item"
    return {
        "object_kind": kind,
        "event_type": "confidential_issue" if issue.confidential else kind,
        "user": user(instance, by),
        "project": project(instance, issue.project),
        "object_attributes": {**issue_attributes(instance, issue), "action": action},
        "labels": [label(issue.project, each) for each in issue.labels],
        "changes": changes,
        "repository": _repository(instance, issue.project),
        **_assignees(instance, issue),
    }


def merge_request_event(
    instance: Instance,
    merge_request: MergeRequest,
    *,
    action: str,
    by: User,
    changes: Json,
    oldrev: str | None = None,
) -> Json:
    """A merge request was opened, closed, reopened, updated or merged; `oldrev` after a push."""
    attributes = {**merge_request_attributes(instance, merge_request), "action": action}
    if oldrev:
        attributes["oldrev"] = oldrev
    body = {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": user(instance, by),
        "project": project(instance, merge_request.project),
        "object_attributes": attributes,
        "labels": [label(merge_request.project, each) for each in merge_request.labels],
        "changes": changes,
        "repository": _repository(instance, merge_request.project),
        **_assignees(instance, merge_request),
    }
    if merge_request.reviewers:
        body["reviewers"] = [
            {**user(instance, each), "state": "unreviewed", "re_requested": False}
            for each in merge_request.reviewers
        ]
    return body


def note_event(instance: Instance, note: Note, *, action: str, by: User) -> Json:
    """A comment was made or changed."""
    confidential = is_confidential(note)
    return {
        "object_kind": "note",
        "event_type": "confidential_note" if confidential else "note",
        "user": user(instance, by),
        "project_id": note.project.id,
        "project": project(instance, note.project),
        "object_attributes": {**_note_attributes(instance, note), "action": action},
        "repository": _repository(instance, note.project),
        **_target(instance, note.noteable),
    }


def emoji_event(instance: Instance, award: AwardEmoji, *, action: str, by: User) -> Json:
    """An emoji was awarded or revoked."""
    awardable = award.awardable
    noteable = awardable.noteable if isinstance(awardable, Note) else awardable
    body = {
        "object_kind": "emoji",
        "event_type": action,
        "user": user(instance, by),
        "project_id": awardable.project.id,
        "project": project(instance, awardable.project),
        "object_attributes": {
            "user_id": award.user.id,
            "created_at": moment(award.created_at),
            "id": award.id,
            "name": award.name,
            "awardable_type": type(awardable).__name__,
            "awardable_id": awardable.id,
            "updated_at": moment(award.created_at),
            "action": action,
            "awarded_on_url": web_url(instance, awardable),
        },
        **_target(instance, noteable),
    }
    if isinstance(awardable, Note):
        body["note"] = {
            **_note_attributes(instance, awardable),
            "discussion_id": awardable.discussion_id,
            "description": awardable.body,
        }
    return body


def push_event(
    instance: Instance,
    where: Project,
    *,
    ref: str,
    before: str,
    after: str,
    commits: list[Commit],
    by: User,
) -> Json:
    """A branch or tag was pushed. Holds 20 commits at most, though it counts them all."""
    kind = "tag_push" if ref.startswith("refs/tags/") else "push"
    branch = ref.removeprefix("refs/heads/")
    return {
        "object_kind": kind,
        "event_name": kind,
        "before": before,
        "after": after,
        "ref": ref,
        "ref_protected": branch == where.default_branch,
        "checkout_sha": None if after == NO_COMMIT else after,
        "message": None,
        "user_id": by.id,
        "user_name": by.name,
        "user_username": by.username,
        "user_email": "",
        "user_avatar": avatar_url(instance, by),
        "project_id": where.id,
        "project": project(instance, where),
        "commits": [_pushed_commit(instance, each) for each in commits[-_MOST_COMMITS:]],
        "total_commits_count": len(commits),
        "push_options": {},
        "repository": {
            **_repository(instance, where),
            "git_http_url": clone_urls(instance, where)[1],
            "git_ssh_url": clone_urls(instance, where)[0],
            "visibility_level": _VISIBILITY_LEVELS[where.visibility],
        },
    }


def is_confidential(note: Note) -> bool:
    """Whether a note goes to the confidential note hooks."""
    return note.internal or (isinstance(note.noteable, Issue) and note.noteable.confidential)


def user(instance: Instance, who: User) -> Json:
    return {
        "id": who.id,
        "name": who.name,
        "username": who.username,
        "avatar_url": avatar_url(instance, who),
        "email": "[REDACTED]",
    }


def project(instance: Instance, which: Project) -> Json:
    ssh_url, http_url = clone_urls(instance, which)
    address = web_url(instance, which)
    return {
        "id": which.id,
        "name": which.name,
        "description": which.description,
        "web_url": address,
        "avatar_url": None,
        "git_ssh_url": ssh_url,
        "git_http_url": http_url,
        "namespace": which.namespace,
        "visibility_level": _VISIBILITY_LEVELS[which.visibility],
        "path_with_namespace": which.path_with_namespace,
        "default_branch": which.default_branch,
        "ci_config_path": None,
        "homepage": address,
        "url": ssh_url,
        "ssh_url": ssh_url,
        "http_url": http_url,
    }


def label(where: Project, which: Label) -> Json:
    return {
        "id": which.id,
        "title": which.name,
        "color": which.color,
        "project_id": where.id,
        "created_at": moment(which.created_at),
        "updated_at": moment(which.updated_at),
        "template": False,
        "description": which.description,
        "type": "ProjectLabel",
        "group_id": None,
    }


def issue_attributes(instance: Instance, issue: Issue) -> Json:
    return {
        **_issuable_attributes(issue),
        "closed_at": moment(issue.closed_at),
        "confidential": issue.confidential,
        "discussion_locked": None,
        "due_date": None,
        "start_date": None,
        "moved_to_id": None,
        "duplicated_to_id": None,
        "project_id": issue.project.id,
        "relative_position": None,
        "weight": None,
        "health_status": None,
        "severity": "unknown",
        "type": issue.issue_type.title(),
        "url": web_url(instance, issue),
        "assignee_id": issue.assignees[0].id if issue.assignees else None,
    }


def merge_request_attributes(instance: Instance, merge_request: MergeRequest) -> Json:
    where = project(instance, merge_request.project)
    opened = merge_request.state == "opened"
    return {
        **_issuable_attributes(merge_request),
        "draft": merge_request.draft,
        "work_in_progress": merge_request.draft,
        "head_pipeline_id": None,
        "merge_commit_sha": merge_request.merge_commit_sha,
        "squash_commit_sha": None,
        "merged_at": moment(merge_request.merged_at),
        "merge_error": None,
        "merge_params": {"force_remove_source_branch": None},
        "merge_status": "can_be_merged",
        "detailed_merge_status": _merge_status(merge_request) if opened else "not_open",
        "merge_user_id": merge_request.merge_user.id if merge_request.merge_user else None,
        "merge_when_pipeline_succeeds": False,
        "blocking_discussions_resolved": True,
        "first_contribution": False,
        "prepared_at": moment(merge_request.created_at),
        "source_branch": merge_request.source_branch,
        "source_project_id": merge_request.project.id,
        "target_branch": merge_request.target_branch,
        "target_branch_protected": merge_request.target_branch
        == merge_request.project.default_branch,
        "target_project_id": merge_request.project.id,
        "reviewer_ids": [each.id for each in merge_request.reviewers],
        "last_commit": _commit(instance, merge_request.project.commits[merge_request.sha]),
        "source": where,
        "target": where,
        "system": False,
        "url": web_url(instance, merge_request),
        "assignee_id": merge_request.assignees[0].id if merge_request.assignees else None,
    }


def moment(when: datetime | None) -> str | None:
    """A point in time as webhooks write it."""
    return when.strftime("%Y-%m-%d %H:%M:%S UTC") if when else None


def _merge_status(merge_request: MergeRequest) -> str:
    return "draft_status" if merge_request.draft else "mergeable"


def _issuable_attributes(issuable: Issuable) -> Json:
    return {
        "id": issuable.id,
        "iid": issuable.iid,
        "title": issuable.title,
        "description": issuable.description,
        "author_id": issuable.author.id,
        "assignee_ids": [each.id for each in issuable.assignees],
        "created_at": moment(issuable.created_at),
        "updated_at": moment(issuable.updated_at),
        "updated_by_id": issuable.updated_by.id if issuable.updated_by else None,
        "last_edited_at": moment(issuable.last_edited_at),
        "last_edited_by_id": issuable.last_edited_by.id if issuable.last_edited_by else None,
        "milestone_id": None,
        "state": issuable.state,
        "state_id": STATE_IDS[issuable.state],
        "labels": [label(issuable.project, each) for each in issuable.labels],
        "time_estimate": 0,
        "total_time_spent": 0,
        "time_change": 0,
        "human_total_time_spent": None,
        "human_time_estimate": None,
        "human_time_change": None,
    }


def _note_attributes(instance: Instance, note: Note) -> Json:
    noteable = note.noteable
    on_commit = noteable if isinstance(noteable, Commit) else None
    return {
        "id": note.id,
        "internal": note.internal,
        "note": note.body,
        "noteable_type": type(noteable).__name__,
        "author_id": note.author.id,
        "created_at": moment(note.created_at),
        "updated_at": moment(note.updated_at),
        "updated_by_id": note.updated_by.id if note.updated_by else None,
        "project_id": note.project.id,
        "attachment": None,
        "line_code": None,
        "commit_id": on_commit.sha if on_commit else "",
        "noteable_id": None if isinstance(noteable, Commit) else noteable.id,
        "discussion_id": note.discussion_id,
        "type": "DiscussionNote" if note.threaded else None,
        "system": note.system,
        "st_diff": None,
        "url": web_url(instance, note),
        "description": note.body,
    }


def _target(instance: Instance, noteable: Noteable) -> Json:
    match noteable:
        case Issue():
            return {"issue": issue_attributes(instance, noteable)}
        case MergeRequest():
            attributes = merge_request_attributes(instance, noteable)
            assignees = _assignees(instance, noteable)
            return {
                "merge_request": {**attributes, "assignee": assignees.get("assignees", [None])[0]}
            }
        case Snippet():
            return {"snippet": _snippet_attributes(instance, noteable)}
        case Commit():
            return {"commit": _commit(instance, noteable)}


def _snippet_attributes(instance: Instance, snippet: Snippet) -> Json:
    return {
        "id": snippet.id,
        "title": snippet.title,
        "description": snippet.description,
        "content": snippet.content,
        "author_id": snippet.author.id,
        "project_id": snippet.project.id,
        "created_at": moment(snippet.created_at),
        "updated_at": moment(snippet.updated_at),
        "file_name": snippet.file_name,
        "type": "ProjectSnippet",
        "visibility_level": 0,
        "url": web_url(instance, snippet),
    }


def _assignees(instance: Instance, issuable: Issuable) -> Json:
    # GitLab leaves the keys out where nobody is assigned.
    if not issuable.assignees:
        return {}
    return {"assignees": [user(instance, each) for each in issuable.assignees]}


def _commit(instance: Instance, commit: Commit) -> Json:
    return {
        "id": commit.sha,
        "message": commit.message,
        "title": commit.title,
        "timestamp": commit.created_at.isoformat(timespec="seconds"),
        "url": web_url(instance, commit),
        "author": {"name": commit.author.name, "email": "[REDACTED]"},
    }


def _pushed_commit(instance: Instance, commit: Commit) -> Json:
    return {
        **_commit(instance, commit),
        "added": list(commit.added),
        "modified": list(commit.modified),
        "removed": list(commit.removed),
    }


def _repository(instance: Instance, where: Project) -> Json:
    return {
        "name": where.name,
        "url": clone_urls(instance, where)[0],
        "description": where.description,
        "homepage": web_url(instance, where),
    }
