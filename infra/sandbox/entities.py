"""The bodies of API responses in GitLab's shapes, as JSON-ready dicts.

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
    Issuable,
    Issue,
    Label,
    MergeRequest,
    Note,
    Project,
    User,
)

Json = dict[str, Any]

_TIME_STATS = {
    "time_estimate": 0,
    "total_time_spent": 0,
    "human_time_estimate": None,
    "human_total_time_spent": None,
}


def user(who: User) -> Json:
    return {
        **_pick(who, "id username name avatar_url web_url"),
        "public_email": "",
        "state": "active",
        "locked": False,
    }


def user_profile(who: User) -> Json:
    return {**user(who), "created_at": None, "bio": "", "bot": who.bot}


def current_user(who: User) -> Json:
    profile = {**user_profile(who), "email": who.email, "external": False}
    return {**profile, "is_admin": True} if who.admin else profile


def member(where: Project, who: User) -> Json:
    return {
        **user(who),
        "access_level": where.members[who.id],
        "expires_at": None,
        "membership_state": "active",
    }


def project(which: Project) -> Json:
    return {
        **_pick(which, "id name description path path_with_namespace created_at default_branch"),
        **_pick(which, "web_url visibility"),
        "name_with_namespace": f"{which.namespace} / {which.name}",
        "ssh_url_to_repo": which.ssh_url,
        "http_url_to_repo": which.http_url,
        "avatar_url": None,
        "namespace": {"name": which.namespace, "full_path": which.namespace, "kind": "group"},
    }


def issuable(which: Issuable) -> Json:
    """An issue or a merge request."""
    emoji = [each.name for each in which.awards]
    full = f"{which.project.path_with_namespace}{which.reference}"
    return {
        **_pick(which, "id iid title description state created_at updated_at closed_at closed_by"),
        **_pick(which, "assignees author web_url"),
        "project_id": which.project.id,
        "labels": sorted(each.name for each in which.labels),
        "milestone": None,
        "assignee": user(which.assignees[0]) if which.assignees else None,
        "user_notes_count": sum(not each.system for each in which.notes),
        "upvotes": emoji.count("thumbsup"),
        "downvotes": emoji.count("thumbsdown"),
        "discussion_locked": None,
        "imported": False,
        "imported_from": "none",
        "references": {"short": which.reference, "relative": which.reference, "full": full},
        "time_stats": _TIME_STATS,
        "task_completion_status": {"count": 0, "completed_count": 0},
        **(_merge_request_fields(which) if isinstance(which, MergeRequest) else {}),
        **(_issue_fields(which) if isinstance(which, Issue) else {}),
    }


def note(which: Note) -> Json:
    noteable = which.noteable
    return {
        **_pick(which, "id body author created_at updated_at system internal"),
        "type": "DiscussionNote" if which.threaded else None,
        "noteable_id": None if isinstance(noteable, Commit) else noteable.id,
        "noteable_iid": noteable.iid if isinstance(noteable, Issuable) else None,
        "noteable_type": type(noteable).__name__,
        "commit_id": noteable.sha if isinstance(noteable, Commit) else None,
        "project_id": which.project.id,
        "resolvable": which.threaded and isinstance(noteable, MergeRequest),
        "confidential": which.internal,
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


def commit(which: Commit) -> Json:
    when = moment(which.created_at)
    return {
        **_pick(which, "title message web_url"),
        "id": which.sha,
        "short_id": which.sha[:8],
        "created_at": when,
        "parent_ids": list(which.parents),
        "author_name": which.author.name,
        "author_email": which.author.email,
        "authored_date": when,
        "committer_name": which.author.name,
        "committer_email": which.author.email,
        "committed_date": when,
        "trailers": {},
        "project_id": which.project.id,
    }


def commit_comment(which: Note) -> Json:
    return {"note": which.body, **_pick(which, "path line line_type author created_at")}


def award_emoji(which: AwardEmoji) -> Json:
    return {
        **_pick(which, "id name user created_at"),
        "updated_at": moment(which.created_at),
        "awardable_id": which.awardable.id,
        "awardable_type": type(which.awardable).__name__,
        "url": None,
    }


def label(which: Label) -> Json:
    return {
        **_pick(which, "id name description color"),
        "description_html": which.description or "",
        "text_color": "#FFFFFF",
        "subscribed": False,
        "priority": None,
        "is_project_label": True,
    }


def hook(which: Hook) -> Json:
    """Return a hook without its secrets, which no response of GitLab's contains."""
    return {
        **_pick(which, "id url name description created_at disabled_until alert_status"),
        "enable_ssl_verification": which.enable_ssl_verification,
        **{trigger: trigger in which.triggers for trigger in TRIGGERS},
        "project_id": which.project.id,
        "repository_update_events": False,
        "custom_webhook_template": "",
        "custom_headers": [],
        "push_events_branch_filter": "",
        "branch_filter_strategy": "wildcard",
        "url_variables": [],
        "token_present": bool(which.token),
        "signing_token_present": bool(which.signing_token),
    }


def hook_event(which: HookEvent) -> Json:
    return {
        **_pick(which, "id url trigger response_headers response_body execution_duration"),
        "response_status": which.response_status,
        "request_headers": which.headers,
        "request_data": which.data,
    }


def moment(when: datetime | None) -> str | None:
    """A point in time in the format of the API."""
    if not when:
        return None
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _issue_fields(which: Issue) -> Json:
    instance = which.project.instance
    project_url = instance.api_url(f"/projects/{which.project.id}")
    url = f"{project_url}/issues/{which.iid}"
    return {
        "type": which.issue_type.upper(),
        "issue_type": which.issue_type,
        "due_date": None,
        "confidential": which.confidential,
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


def _merge_request_fields(which: MergeRequest) -> Json:
    return {
        **_pick(which, "merge_user merged_at source_branch target_branch reviewers draft"),
        **_pick(which, "detailed_merge_status sha merge_commit_sha reference"),
        "merged_by": user(which.merge_user) if which.merge_user else None,
        "source_project_id": which.project.id,
        "target_project_id": which.project.id,
        "work_in_progress": which.draft,
        "merge_when_pipeline_succeeds": False,
        "merge_status": "can_be_merged" if which.state == "opened" else "cannot_be_merged",
        "squash_commit_sha": None,
        "prepared_at": moment(which.created_at),
        "should_remove_source_branch": None,
        "force_remove_source_branch": None,
        "squash": False,
        "has_conflicts": False,
        "blocking_discussions_resolved": True,
    }


def _pick(thing: object, names: str) -> Json:
    """The attributes with these names, ready for JSON."""
    return {name: _json(getattr(thing, name)) for name in names.split()}


def _json(value: Any) -> Any:
    match value:
        case datetime():
            return moment(value)
        case User():
            return user(value)
        case list():
            return [_json(each) for each in value]
    return value
