"""The bodies of API answers, in GitLab's shapes. Takes state, gives JSON-ready dicts.

After https://docs.gitlab.com/api/api_resources/.
"""

from datetime import UTC, datetime
from typing import Any

from .state import (
    TRIGGERS,
    AwardEmoji,
    Commit,
    Hook,
    HookEvent,
    Instance,
    Issuable,
    Issue,
    Label,
    MergeRequest,
    Note,
    Project,
    User,
)
from .urls import api_url, avatar_url, clone_urls, web_url

Json = dict[str, Any]


def user(instance: Instance, who: User) -> Json:
    return {
        "id": who.id,
        "username": who.username,
        "public_email": "",
        "name": who.name,
        "state": "active",
        "locked": False,
        "avatar_url": avatar_url(instance, who),
        "web_url": web_url(instance, who),
    }


def user_profile(instance: Instance, who: User) -> Json:
    return {**user(instance, who), "created_at": None, "bio": "", "bot": who.bot}


def current_user(instance: Instance, who: User) -> Json:
    profile = {**user_profile(instance, who), "email": who.email, "external": False}
    return {**profile, "is_admin": True} if who.admin else profile


def member(instance: Instance, where: Project, who: User) -> Json:
    return {
        **user(instance, who),
        "access_level": where.members[who.id],
        "expires_at": None,
        "membership_state": "active",
    }


def project(instance: Instance, which: Project) -> Json:
    ssh_url, http_url = clone_urls(instance, which)
    return {
        "id": which.id,
        "description": which.description,
        "name": which.name,
        "name_with_namespace": f"{which.namespace} / {which.name}",
        "path": which.path_with_namespace.rpartition("/")[2],
        "path_with_namespace": which.path_with_namespace,
        "created_at": moment(which.created_at),
        "default_branch": which.default_branch,
        "ssh_url_to_repo": ssh_url,
        "http_url_to_repo": http_url,
        "web_url": web_url(instance, which),
        "avatar_url": None,
        "visibility": which.visibility,
        "namespace": {"name": which.namespace, "full_path": which.namespace, "kind": "group"},
    }


def issue(instance: Instance, which: Issue) -> Json:
    api = api_url(instance, f"/projects/{which.project.id}/issues/{which.iid}")
    return {
        **_issuable(instance, which),
        "type": which.issue_type.upper(),
        "issue_type": which.issue_type,
        "due_date": None,
        "confidential": which.confidential,
        "severity": "UNKNOWN",
        "moved_to_id": None,
        "references": _references(which, "#"),
        "_links": {
            "self": api,
            "notes": f"{api}/notes",
            "award_emoji": f"{api}/award_emoji",
            "project": api_url(instance, f"/projects/{which.project.id}"),
            "closed_as_duplicate_of": None,
        },
    }


def merge_request(instance: Instance, which: MergeRequest) -> Json:
    opened = which.state == "opened"
    merger = user(instance, which.merge_user) if which.merge_user else None
    return {
        **_issuable(instance, which),
        "merged_by": merger,
        "merge_user": merger,
        "merged_at": moment(which.merged_at),
        "source_branch": which.source_branch,
        "target_branch": which.target_branch,
        "source_project_id": which.project.id,
        "target_project_id": which.project.id,
        "reviewers": [user(instance, each) for each in which.reviewers],
        "draft": which.draft,
        "work_in_progress": which.draft,
        "merge_when_pipeline_succeeds": False,
        "merge_status": "can_be_merged" if opened else "cannot_be_merged",
        "detailed_merge_status": _detailed_merge_status(which),
        "sha": which.sha,
        "merge_commit_sha": which.merge_commit_sha,
        "squash_commit_sha": None,
        "prepared_at": moment(which.created_at),
        "should_remove_source_branch": None,
        "force_remove_source_branch": None,
        "squash": False,
        "has_conflicts": False,
        "blocking_discussions_resolved": True,
        "references": _references(which, "!"),
        "reference": f"!{which.iid}",
    }


def note(instance: Instance, which: Note) -> Json:
    noteable = which.noteable
    on_commit = noteable if isinstance(noteable, Commit) else None
    return {
        "id": which.id,
        "type": "DiscussionNote" if which.threaded else None,
        "body": which.body,
        "author": user(instance, which.author),
        "created_at": moment(which.created_at),
        "updated_at": moment(which.updated_at),
        "system": which.system,
        "noteable_id": None if isinstance(noteable, Commit) else noteable.id,
        "noteable_type": type(noteable).__name__,
        "commit_id": on_commit.sha if on_commit else None,
        "project_id": which.project.id,
        "resolvable": which.threaded and isinstance(noteable, MergeRequest),
        "confidential": which.internal,
        "internal": which.internal,
        "imported": False,
        "imported_from": "none",
        "noteable_iid": noteable.iid if isinstance(noteable, Issue | MergeRequest) else None,
        "commands_changes": {},
    }


def discussion(instance: Instance, notes: list[Note]) -> Json:
    return {
        "id": notes[0].discussion_id,
        "individual_note": not notes[0].threaded,
        "notes": [note(instance, each) for each in notes],
    }


def commit(instance: Instance, which: Commit) -> Json:
    when = moment(which.created_at)
    return {
        "id": which.sha,
        "short_id": which.sha[:8],
        "created_at": when,
        "parent_ids": list(which.parents),
        "title": which.title,
        "message": which.message,
        "author_name": which.author.name,
        "author_email": which.author.email,
        "authored_date": when,
        "committer_name": which.author.name,
        "committer_email": which.author.email,
        "committed_date": when,
        "trailers": {},
        "web_url": web_url(instance, which),
        "project_id": which.project.id,
    }


def commit_comment(instance: Instance, which: Note) -> Json:
    return {
        "note": which.body,
        "path": which.path,
        "line": which.line,
        "line_type": which.line_type,
        "author": user(instance, which.author),
        "created_at": moment(which.created_at),
    }


def award_emoji(instance: Instance, which: AwardEmoji) -> Json:
    return {
        "id": which.id,
        "name": which.name,
        "user": user(instance, which.user),
        "created_at": moment(which.created_at),
        "updated_at": moment(which.created_at),
        "awardable_id": which.awardable.id,
        "awardable_type": type(which.awardable).__name__,
        "url": None,
    }


def label(which: Label) -> Json:
    return {
        "id": which.id,
        "name": which.name,
        "description": which.description,
        "description_html": which.description or "",
        "text_color": "#FFFFFF",
        "color": which.color,
        "subscribed": False,
        "priority": None,
        "is_project_label": True,
    }


def hook(which: Hook, *, alert_status: str) -> Json:
    """A hook without its secrets, which no answer of GitLab's holds."""
    return {
        "id": which.id,
        "url": which.url,
        "name": which.name,
        "description": which.description,
        "created_at": moment(which.created_at),
        "project_id": which.project.id,
        **{trigger: trigger in which.triggers for trigger in TRIGGERS},
        "repository_update_events": False,
        "enable_ssl_verification": which.enable_ssl_verification,
        "push_events_branch_filter": which.push_events_branch_filter,
        "branch_filter_strategy": which.branch_filter_strategy,
        "custom_webhook_template": "",
        "custom_headers": [{"key": key} for key in which.custom_headers],
        "url_variables": [],
        "alert_status": alert_status,
        "disabled_until": moment(which.disabled_until),
        "token_present": bool(which.token),
        "signing_token_present": bool(which.signing_token),
    }


def hook_event(which: HookEvent) -> Json:
    return {
        "id": which.id,
        "url": which.url,
        "trigger": which.trigger,
        "request_headers": which.headers,
        "request_data": which.data,
        "response_headers": which.response_headers,
        "response_body": which.response_body,
        "execution_duration": which.execution_duration,
        "response_status": which.response_status,
    }


def moment(when: datetime | None) -> str | None:
    """A point in time as the API writes it."""
    if not when:
        return None
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _issuable(instance: Instance, which: Issuable) -> Json:
    names = [emoji.name for emoji in which.awards]
    return {
        "id": which.id,
        "iid": which.iid,
        "project_id": which.project.id,
        "title": which.title,
        "description": which.description,
        "state": which.state,
        "created_at": moment(which.created_at),
        "updated_at": moment(which.updated_at),
        "closed_at": moment(which.closed_at),
        "closed_by": user(instance, which.closed_by) if which.closed_by else None,
        "labels": sorted(each.name for each in which.labels),
        "milestone": None,
        "assignees": [user(instance, each) for each in which.assignees],
        "assignee": user(instance, which.assignees[0]) if which.assignees else None,
        "author": user(instance, which.author),
        "user_notes_count": sum(not each.system for each in which.notes),
        "upvotes": names.count("thumbsup"),
        "downvotes": names.count("thumbsdown"),
        "discussion_locked": None,
        "web_url": web_url(instance, which),
        "imported": False,
        "imported_from": "none",
        "time_stats": {
            "time_estimate": 0,
            "total_time_spent": 0,
            "human_time_estimate": None,
            "human_total_time_spent": None,
        },
        "task_completion_status": {"count": 0, "completed_count": 0},
    }


def _references(which: Issuable, sign: str) -> Json:
    short = f"{sign}{which.iid}"
    full = f"{which.project.path_with_namespace}{short}"
    return {"short": short, "relative": short, "full": full}


def _detailed_merge_status(which: MergeRequest) -> str:
    if which.state != "opened":
        return "not_open"
    return "draft_status" if which.draft else "mergeable"
