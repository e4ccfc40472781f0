"""The bodies of API responses in GitLab's shapes, as dicts that are ready for JSON.

https://docs.gitlab.com/api/api_resources/
"""

from datetime import UTC, datetime
from typing import Any

from .state import (
    TRIGGERS,
    AwardEmoji,
    Commit,
    Hook,
    HookEvent,
    Issuable,
    Issue,
    Label,
    MergeRequest,
    Note,
    Project,
    Token,
    User,
)

Json = dict[str, Any]

_TIME_STATS = {
    "time_estimate": 0,
    "total_time_spent": 0,
    "human_time_estimate": None,
    "human_total_time_spent": None,
}


def user(user: User) -> Json:
    return {
        **_pick(user, "id username name avatar_url web_url"),
        "public_email": "",
        "state": "active",
        "locked": False,
    }


def user_profile(account: User) -> Json:
    return {**user(account), "created_at": None, "bio": "", "bot": account.bot}


def current_user(account: User) -> Json:
    profile = {**user_profile(account), "email": account.email, "external": False}
    return {**profile, "is_admin": True} if account.admin else profile


def token(token: Token) -> Json:
    return {
        "name": "sandbox",
        "scopes": sorted(token.scopes),
        "user_id": token.user.id,
        "active": not token.expired,
        "revoked": False,
        "expires_at": token.expires_at and token.expires_at.isoformat(),
    }


def member(project: Project, account: User) -> Json:
    return {
        **user(account),
        "access_level": project.members[account.id],
        "expires_at": None,
        "membership_state": "active",
    }


def project(project: Project) -> Json:
    return {
        **_pick(project, "id name description path path_with_namespace created_at default_branch"),
        **_pick(project, "web_url visibility"),
        "name_with_namespace": f"{project.namespace} / {project.name}",
        "ssh_url_to_repo": project.ssh_url,
        "http_url_to_repo": project.http_url,
        "avatar_url": None,
        "namespace": {"name": project.namespace, "full_path": project.namespace, "kind": "group"},
    }


def issuable(issuable: Issuable) -> Json:
    """Return an issue or a merge request."""
    emoji = [each.name for each in issuable.awards]
    full = f"{issuable.project.path_with_namespace}{issuable.reference}"
    return {
        **_pick(
            issuable, "id iid title description state created_at updated_at closed_at closed_by"
        ),
        **_pick(issuable, "assignees author web_url"),
        "project_id": issuable.project.id,
        "labels": sorted(each.name for each in issuable.labels),
        "milestone": None,
        "assignee": user(issuable.assignees[0]) if issuable.assignees else None,
        "user_notes_count": sum(not each.system for each in issuable.notes),
        "upvotes": emoji.count("thumbsup"),
        "downvotes": emoji.count("thumbsdown"),
        "discussion_locked": None,
        "imported": False,
        "imported_from": "none",
        "references": {"short": issuable.reference, "relative": issuable.reference, "full": full},
        "time_stats": _TIME_STATS,
        "task_completion_status": {"count": 0, "completed_count": 0},
        **(_merge_request_fields(issuable) if isinstance(issuable, MergeRequest) else {}),
        **(_issue_fields(issuable) if isinstance(issuable, Issue) else {}),
    }


def note(note: Note) -> Json:
    noteable = note.noteable
    return {
        **_pick(note, "id body author created_at updated_at system internal"),
        "type": "DiscussionNote" if note.threaded else None,
        "noteable_id": None if isinstance(noteable, Commit) else noteable.id,
        "noteable_iid": noteable.iid if isinstance(noteable, Issuable) else None,
        "noteable_type": type(noteable).__name__,
        "commit_id": noteable.sha if isinstance(noteable, Commit) else None,
        "project_id": note.project.id,
        "resolvable": note.threaded and isinstance(noteable, MergeRequest),
        "confidential": note.internal,
        "imported": False,
        "imported_from": "none",
        "commands_changes": {},
    }


def discussion(notes: list[Note]) -> Json:
    return {
        "id": notes[0].discussion_id,
        "individual_note": not notes[0].threaded,
        "notes": [note(each) for each in notes],
    }


def commit(commit: Commit) -> Json:
    created_at = moment(commit.created_at)
    return {
        **_pick(commit, "title message web_url"),
        "id": commit.sha,
        "short_id": commit.sha[:8],
        "created_at": created_at,
        "parent_ids": list(commit.parents),
        "author_name": commit.author.name,
        "author_email": commit.author.email,
        "authored_date": created_at,
        "committer_name": commit.author.name,
        "committer_email": commit.author.email,
        "committed_date": created_at,
        "trailers": {},
        "project_id": commit.project.id,
    }


def commit_comment(note: Note) -> Json:
    return {"note": note.body, **_pick(note, "path line line_type author created_at")}


def award_emoji(award: AwardEmoji) -> Json:
    return {
        **_pick(award, "id name user created_at updated_at"),
        "awardable_id": award.awardable.id,
        "awardable_type": type(award.awardable).__name__,
        "url": None,
    }


def label(label: Label) -> Json:
    return {
        **_pick(label, "id name description color"),
        "description_html": label.description or "",
        "text_color": "#FFFFFF",
        "subscribed": False,
        "priority": None,
        "is_project_label": True,
    }


def hook(hook: Hook) -> Json:
    """Return a hook without its secrets."""
    return {
        **_pick(hook, "id url name description created_at disabled_until alert_status"),
        "enable_ssl_verification": hook.enable_ssl_verification,
        **{trigger: trigger in hook.triggers for trigger in TRIGGERS},
        "project_id": hook.project.id,
        "repository_update_events": False,
        "custom_webhook_template": "",
        "custom_headers": [],
        "push_events_branch_filter": "",
        "branch_filter_strategy": "wildcard",
        "url_variables": [],
        "token_present": bool(hook.token),
        "signing_token_present": bool(hook.signing_token),
    }


def hook_event(event: HookEvent) -> Json:
    return {
        **_pick(event, "id url trigger response_headers response_body execution_duration"),
        "response_status": event.response_status,
        "request_headers": event.headers,
        "request_data": event.data,
    }


def moment(time: datetime) -> str:
    """Return a time in the format of the API."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _issue_fields(issue: Issue) -> Json:
    instance = issue.project.instance
    project_url = instance.api_url(f"/projects/{issue.project.id}")
    url = f"{project_url}/issues/{issue.iid}"
    return {
        "type": issue.issue_type.upper(),
        "issue_type": issue.issue_type,
        "due_date": issue.due_date and issue.due_date.isoformat(),
        "confidential": issue.confidential,
        "severity": "UNKNOWN",
        "moved_to_id": None,
        "_links": {
            "self": url,
            "notes": f"{url}/notes",
            "award_emoji": f"{url}/award_emoji",
            "project": project_url,
            "closed_as_duplicate_of": None,
        },
    }


def _merge_request_fields(merge_request: MergeRequest) -> Json:
    return {
        **_pick(merge_request, "merge_user merged_at source_branch target_branch reviewers draft"),
        **_pick(merge_request, "detailed_merge_status sha merge_commit_sha reference"),
        "merged_by": user(merge_request.merge_user) if merge_request.merge_user else None,
        "source_project_id": merge_request.project.id,
        "target_project_id": merge_request.project.id,
        "work_in_progress": merge_request.draft,
        "merge_when_pipeline_succeeds": False,
        "merge_status": "can_be_merged" if merge_request.state == "opened" else "cannot_be_merged",
        "squash_commit_sha": None,
        "prepared_at": moment(merge_request.created_at),
        "should_remove_source_branch": None,
        "force_remove_source_branch": merge_request.force_remove_source_branch,
        "squash": merge_request.squash,
        "has_conflicts": False,
        "blocking_discussions_resolved": True,
    }


def _pick(thing: object, names: str) -> Json:
    """Return the attributes with these names, ready for JSON."""
    return {name: _json(getattr(thing, name)) for name in names.split()}


def _json(value: Any) -> Any:
    if isinstance(value, list):
        return [_json(each) for each in value]
    if isinstance(value, User):
        return user(value)
    return moment(value) if isinstance(value, datetime) else value
