"""The bodies of API responses in GitLab's shapes, as dicts that are ready for JSON.

https://docs.gitlab.com/api/api_resources/
"""

import base64
import difflib
import hashlib
from datetime import UTC, date, datetime
from typing import Any

from .state import (
    TRIGGERS,
    AwardEmoji,
    Commit,
    Hook,
    HookEvent,
    Issuable,
    Issue,
    Job,
    Label,
    MergeRequest,
    Milestone,
    Note,
    Pipeline,
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
        "milestone": milestone(issuable.milestone) if issuable.milestone else None,
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


def merge_request(merge_request: MergeRequest) -> Json:
    """Return a single merge request, which has more fields than one in a list."""
    project, head = merge_request.project, merge_request.sha
    base = project.merge_base(head, merge_request.base)
    base_sha = base.sha if base else head
    own = [each for each in reversed(project.pipelines.values()) if each.sha == head]
    return {
        **issuable(merge_request),
        "diff_refs": {"base_sha": base_sha, "head_sha": head, "start_sha": base_sha},
        "head_pipeline": pipeline(own[0]) if own else None,
        "pipeline": pipeline(own[0]) if own else None,
        "changes_count": str(len(diffs(merge_request))),
        "diverged_commits_count": 0,
        "rebase_in_progress": False,
        "merge_error": None,
        "first_contribution": False,
        "user": {"can_merge": True},
    }


def diffs(merge_request: MergeRequest) -> list[Json]:
    """Return the changes of a merge request's files."""
    project = merge_request.project
    base = project.merge_base(merge_request.sha, merge_request.base)
    before = project.files(base.sha) if base else {}
    after = project.files(merge_request.sha)
    return [
        {
            "old_path": path,
            "new_path": path,
            "a_mode": "100644" if path in before else "0",
            "b_mode": "100644" if path in after else "0",
            "diff": _diff(before.get(path, ""), after.get(path, "")),
            "new_file": path not in before,
            "renamed_file": False,
            "deleted_file": path not in after,
            "generated_file": False,
        }
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    ]


def approvals(merge_request: MergeRequest, account: User) -> Json:
    approved_by = merge_request.approved_by
    return {
        **_pick(merge_request, "id iid title description state created_at updated_at"),
        "project_id": merge_request.project.id,
        "merge_status": "can_be_merged",
        "approved": True,
        "approvals_required": 0,
        "approvals_left": 0,
        "approved_by": [{"user": user(each)} for each in approved_by],
        "user_has_approved": account in approved_by,
        "user_can_approve": account not in approved_by,
    }


def milestone(milestone: Milestone) -> Json:
    return {
        **_pick(milestone, "id iid title description state created_at updated_at due_date"),
        **_pick(milestone, "start_date web_url"),
        "project_id": milestone.project.id,
        "expired": False,
    }


def pipeline(pipeline: Pipeline) -> Json:
    return {
        **_pick(pipeline, "id iid ref sha status source created_at updated_at web_url"),
        "project_id": pipeline.project.id,
        "user": user(pipeline.user),
    }


def job(job: Job) -> Json:
    project = job.pipeline.project
    return {
        **_pick(job, "id name stage status created_at started_at finished_at failure_reason"),
        **_pick(job, "web_url"),
        "ref": job.pipeline.ref,
        "tag": False,
        "allow_failure": False,
        "duration": None,
        "commit": commit(project.commits[job.pipeline.sha]),
        "pipeline": pipeline(job.pipeline),
        "user": user(job.pipeline.user),
        "artifacts": [],
        "runner": None,
    }


def branch(project: Project, name: str) -> Json:
    default = name == project.default_branch
    return {
        "name": name,
        "commit": commit(project.commits[project.branches[name]]),
        "merged": False,
        "protected": default,
        "default": default,
        "developers_can_push": False,
        "developers_can_merge": False,
        "can_push": True,
        "web_url": f"{project.web_url}/-/tree/{name}",
    }


def file(project: Project, path: str, ref: str) -> Json:
    content = project.files(ref)[path].encode()
    last = next(each for each in reversed(project.commits.values()) if path in each.changes)
    return {
        "file_name": path.rpartition("/")[2],
        "file_path": path,
        "size": len(content),
        "encoding": "base64",
        "content": base64.b64encode(content).decode(),
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "ref": ref,
        "blob_id": hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest(),
        "commit_id": last.sha,
        "last_commit_id": last.sha,
        "execute_filemode": False,
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
        **_pick(issue, "due_date"),
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


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), n=3
    )
    return "".join(list(lines)[2:])


def _pick(thing: object, names: str) -> Json:
    """Return the attributes with these names, ready for JSON."""
    return {name: _json(getattr(thing, name)) for name in names.split()}


def _json(value: Any) -> Any:
    if isinstance(value, list):
        return [_json(each) for each in value]
    if isinstance(value, User):
        return user(value)
    if isinstance(value, datetime):
        return moment(value)
    return value.isoformat() if isinstance(value, date) else value
