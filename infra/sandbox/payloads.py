"""The bodies of webhooks in GitLab's shapes, as dicts that are ready for JSON.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from .state import (
    AwardEmoji,
    Commit,
    Issuable,
    Issue,
    Job,
    Label,
    MergeRequest,
    Milestone,
    Note,
    Noteable,
    Pipeline,
    Project,
    Snippet,
    User,
)

Json = dict[str, Any]

NO_COMMIT = "0" * 40
_MOST_COMMITS = 20
_VISIBILITY_LEVELS = {"private": 0, "internal": 10, "public": 20}


def issue_event(issue: Issue, *, action: str, by: User, changes: Json) -> Json:
    """Return the body of an action ("open", "close", "reopen", "update") on an issue or task."""
    kind = "issue" if issue.issue_type in ("issue", "incident") else "work_item"
    return {
        "object_kind": kind,
        "event_type": "confidential_issue" if issue.confidential else kind,
        **_issuable_event(issue, action, by, changes),
    }


def merge_request_event(
    merge_request: MergeRequest,
    *,
    action: str,
    by: User,
    changes: Json,
    oldrev: str | None = None,
) -> Json:
    """Return the body of an action on a merge request, with the `oldrev` after a push."""
    body = {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        **_issuable_event(merge_request, action, by, changes),
    }
    if oldrev:
        body["object_attributes"]["oldrev"] = oldrev
    if merge_request.reviewers:
        body["reviewers"] = [
            {**_user(each), "state": "unreviewed", "re_requested": False}
            for each in merge_request.reviewers
        ]
    return body


def note_event(note: Note, *, action: str, by: User) -> Json:
    """Return the body of an action ("create", "update") on a comment."""
    return {
        "object_kind": "note",
        "event_type": "confidential_note" if note.confidential else "note",
        "user": _user(by),
        "project_id": note.project.id,
        "project": _project(note.project),
        "object_attributes": {**_note_attributes(note), "action": action},
        "repository": _repository(note.project),
        **_target(note.noteable),
    }


def emoji_event(award: AwardEmoji, *, action: str, by: User) -> Json:
    """Return the body of an action ("award", "revoke") on an award emoji."""
    awardable = award.awardable
    noteable = awardable.noteable if isinstance(awardable, Note) else awardable
    body = {
        "object_kind": "emoji",
        "event_type": action,
        "user": _user(by),
        "project_id": awardable.project.id,
        "project": _project(awardable.project),
        "object_attributes": {
            **_pick(award, "id name created_at updated_at"),
            "user_id": award.user.id,
            "awardable_type": type(awardable).__name__,
            "awardable_id": awardable.id,
            "action": action,
            "awarded_on_url": awardable.web_url,
        },
        **_target(noteable),
    }
    if isinstance(awardable, Note):
        body["note"] = _note_attributes(awardable)
    return body


def push_event(
    project: Project, *, ref: str, before: str, after: str, commits: Sequence[Commit], by: User
) -> Json:
    """Return the body of a push to a branch or tag, with at most 20 commits and their number."""
    kind = "tag_push" if ref.startswith("refs/tags/") else "push"
    return {
        "object_kind": kind,
        "event_name": kind,
        "before": before,
        "after": after,
        "ref": ref,
        "ref_protected": ref.removeprefix("refs/heads/") == project.default_branch,
        "checkout_sha": None if after == NO_COMMIT else after,
        "message": None,
        "user_id": by.id,
        "user_name": by.name,
        "user_username": by.username,
        "user_email": "",
        "user_avatar": by.avatar_url,
        "project_id": project.id,
        "project": _project(project),
        "commits": [{**_commit(each), **_files(each)} for each in commits[-_MOST_COMMITS:]],
        "total_commits_count": len(commits),
        "push_options": {},
        "repository": _full_repository(project),
    }


def milestone_event(milestone: Milestone, *, action: str) -> Json:
    """Return the body of an action ("create", "close", "reopen", "delete") on a milestone."""
    return {
        "object_kind": "milestone",
        "event_type": "milestone",
        "project": _project(milestone.project),
        "object_attributes": {
            **_pick(milestone, "id iid title description state created_at updated_at"),
            **_pick(milestone, "due_date start_date"),
            "group_id": None,
            "project_id": milestone.project.id,
        },
        "action": action,
    }


def pipeline_event(pipeline: Pipeline) -> Json:
    """Return the body of a change of a pipeline's status."""
    merge_request = pipeline.merge_request
    named = "id iid title source_branch target_branch state detailed_merge_status"
    return {
        "object_kind": "pipeline",
        "object_attributes": {
            **_pick(pipeline, "id iid ref sha source status created_at"),
            **_nothing("name finished_at duration queued_duration"),
            "tag": False,
            "before_sha": NO_COMMIT,
            "detailed_status": "passed" if pipeline.status == "success" else pipeline.status,
            "stages": list(dict.fromkeys(job.stage for job in pipeline.jobs)),
            "variables": [],
            "protected_ref": pipeline.ref == pipeline.project.default_branch,
            "default_branch": pipeline.ref == pipeline.project.default_branch,
            "url": pipeline.web_url,
        },
        "merge_request": merge_request
        and {
            **_pick(merge_request, named),
            "source_project_id": pipeline.project.id,
            "target_project_id": pipeline.project.id,
            "merge_status": "can_be_merged",
            "url": merge_request.web_url,
        },
        "user": _user(pipeline.user),
        "project": _project(pipeline.project),
        "commit": _commit(pipeline.project.commits[pipeline.sha]),
        "builds": [
            {
                **_pick(job, "id stage name status created_at started_at finished_at"),
                **_pick(job, "failure_reason"),
                **_nothing("duration queued_duration runner environment"),
                "when": "on_success",
                "manual": False,
                "allow_failure": False,
                "user": _user(pipeline.user),
                "artifacts_file": {"filename": None, "size": None},
            }
            for job in pipeline.jobs
        ],
    }


def job_event(job: Job) -> Json:
    """Return the body of a change of a job's status."""
    pipeline, project = job.pipeline, job.pipeline.project
    commit = project.commits[pipeline.sha]
    return {
        "object_kind": "build",
        "ref": pipeline.ref,
        "tag": False,
        "before_sha": NO_COMMIT,
        "sha": pipeline.sha,
        "retries_count": 0,
        "build_id": job.id,
        "build_name": job.name,
        "build_stage": job.stage,
        "build_status": job.status,
        **_times("build_", job),
        "build_duration": None,
        "build_queued_duration": None,
        "build_allow_failure": False,
        "build_failure_reason": job.failure_reason or "unknown_failure",
        "pipeline_id": pipeline.id,
        "runner": None,
        "project_id": project.id,
        "project_name": f"{project.namespace} / {project.name}",
        "user": _user(pipeline.user),
        "commit": {
            "id": pipeline.id,
            "name": None,
            "sha": commit.sha,
            "message": commit.message,
            "author_name": commit.author.name,
            "author_email": "[REDACTED]",
            "author_url": commit.author.web_url,
            "status": pipeline.status,
            "duration": None,
            **_times("", job),
        },
        "repository": _full_repository(project),
        "project": _project(project),
        "environment": None,
    }


def tracked(issuable: Issuable) -> Json:
    """Return the present values of the fields that `changes` compares."""
    names = "id iid title description state_id created_at closed_at updated_at last_edited_at"
    fields = {
        "milestone_id": issuable.milestone.id if issuable.milestone else None,
        **_raw(issuable, names),
        **_people_ids(issuable),
        "labels": [_label(each) for each in issuable.labels],
        "assignees": [_user(each) for each in issuable.assignees],
    }
    if isinstance(issuable, Issue):
        fields |= {
            **_raw(issuable, "confidential"),
            "project_id": issuable.project.id,
            "due_date": issuable.due_date and issuable.due_date.isoformat(),
        }
    if isinstance(issuable, MergeRequest):
        fields |= {
            **_raw(issuable, "draft source_branch target_branch merged_at merge_commit_sha"),
            "reviewers": [_user(each) for each in issuable.reviewers],
            "merge_user_id": _id_of(issuable.merge_user),
        }
    return fields


def changes(before: Json, after: Json) -> Json:
    """Return the `changes` between two results of `tracked`."""
    changed: Json = {
        name: {"previous": _json(before[name]), "current": _json(after[name])}
        for name in after
        if before[name] != after[name]
    }
    if "reviewers" in changed:
        # GitLab formats only this field differently.
        changed["reviewers"] = [before["reviewers"], after["reviewers"]]
    return changed


def all_new(after: Json) -> Json:
    """Return the `changes` of a new issue or merge request."""
    return {
        name: {"previous": None, "current": _json(value)}
        for name, value in after.items()
        if value not in (None, [], False) and name != "reviewers"
    }


def _user(user: User) -> Json:
    return {**_pick(user, "id name username avatar_url"), "email": "[REDACTED]"}


def _project(project: Project) -> Json:
    return {
        **_pick(project, "id name description web_url ssh_url http_url namespace"),
        **_pick(project, "path_with_namespace default_branch"),
        "avatar_url": None,
        "git_ssh_url": project.ssh_url,
        "git_http_url": project.http_url,
        "visibility_level": _VISIBILITY_LEVELS[project.visibility],
        "ci_config_path": None,
        "homepage": project.web_url,
        "url": project.ssh_url,
    }


def _label(label: Label) -> Json:
    return {
        **_pick(label, "id color created_at updated_at description"),
        "title": label.name,
        "project_id": label.project.id,
        "template": False,
        "type": "ProjectLabel",
        "group_id": None,
    }


def _issuable_event(issuable: Issuable, action: str, by: User, changes: Json) -> Json:
    body = {
        "user": _user(by),
        "project": _project(issuable.project),
        "object_attributes": {**_target_attributes(issuable), "action": action},
        "labels": [_label(each) for each in issuable.labels],
        "changes": changes,
        "repository": _repository(issuable.project),
    }
    if issuable.assignees:  # GitLab omits an empty list
        body["assignees"] = [_user(each) for each in issuable.assignees]
    return body


def _target(noteable: Noteable) -> Json:
    """Return the object that a note or an award is on, under its key in the body."""
    if isinstance(noteable, MergeRequest):
        assignee = _user(noteable.assignees[0]) if noteable.assignees else None
        return {"merge_request": {**_target_attributes(noteable), "assignee": assignee}}
    return {type(noteable).__name__.lower(): _target_attributes(noteable)}


def _target_attributes(noteable: Noteable) -> Json:
    match noteable:
        case Issue():
            return _issue_attributes(noteable)
        case MergeRequest():
            return _merge_request_attributes(noteable)
        case Snippet():
            return _snippet_attributes(noteable)
        case Commit():
            return _commit(noteable)
    raise TypeError(f"a note cannot be on a {type(noteable).__name__}")


def _issue_attributes(issue: Issue) -> Json:
    return {
        **_issuable_attributes(issue),
        **_pick(issue, "closed_at confidential"),
        **_nothing("discussion_locked start_date moved_to_id duplicated_to_id"),
        "due_date": issue.due_date and issue.due_date.isoformat(),
        **_nothing("relative_position weight health_status"),
        "project_id": issue.project.id,
        "severity": "unknown",
        "type": issue.issue_type.title(),
    }


def _merge_request_attributes(merge_request: MergeRequest) -> Json:
    project = merge_request.project
    return {
        **_issuable_attributes(merge_request),
        **_pick(merge_request, "draft source_branch target_branch merged_at merge_commit_sha"),
        **_pick(merge_request, "detailed_merge_status"),
        **_nothing("head_pipeline_id squash_commit_sha merge_error"),
        "work_in_progress": merge_request.draft,
        "merge_params": {"force_remove_source_branch": merge_request.force_remove_source_branch},
        "merge_status": "can_be_merged",
        "merge_user_id": _id_of(merge_request.merge_user),
        "merge_when_pipeline_succeeds": False,
        "blocking_discussions_resolved": True,
        "first_contribution": False,
        "prepared_at": _json(merge_request.created_at),
        "source_project_id": project.id,
        "target_branch_protected": merge_request.target_branch == project.default_branch,
        "target_project_id": project.id,
        "reviewer_ids": [each.id for each in merge_request.reviewers],
        "last_commit": _commit(project.commits[merge_request.sha]),
        "source": _project(project),
        "target": _project(project),
        "system": False,
    }


def _issuable_attributes(issuable: Issuable) -> Json:
    return {
        **_pick(issuable, "id iid title description created_at updated_at last_edited_at"),
        **_pick(issuable, "state state_id"),
        **_people_ids(issuable),
        **_nothing("human_total_time_spent human_time_estimate human_time_change"),
        "milestone_id": issuable.milestone.id if issuable.milestone else None,
        "assignee_id": issuable.assignees[0].id if issuable.assignees else None,
        "assignee_ids": [each.id for each in issuable.assignees],
        "labels": [_label(each) for each in issuable.labels],
        "time_estimate": 0,
        "total_time_spent": 0,
        "time_change": 0,
        "url": issuable.web_url,
    }


def _note_attributes(note: Note) -> Json:
    noteable = note.noteable
    return {
        **_pick(note, "id internal created_at updated_at discussion_id system"),
        **_nothing("attachment line_code st_diff"),
        "note": note.body,
        "description": note.body,
        "noteable_type": type(noteable).__name__,
        "noteable_id": None if isinstance(noteable, Commit) else noteable.id,
        "commit_id": noteable.sha if isinstance(noteable, Commit) else "",
        "author_id": note.author.id,
        "updated_by_id": _id_of(note.updated_by),
        "project_id": note.project.id,
        "type": "DiscussionNote" if note.threaded else None,
        "url": note.web_url,
    }


def _snippet_attributes(snippet: Snippet) -> Json:
    return {
        **_pick(snippet, "id title description content created_at updated_at file_name"),
        "author_id": snippet.author.id,
        "project_id": snippet.project.id,
        "type": "ProjectSnippet",
        "visibility_level": 0,
        "url": snippet.web_url,
    }


def _commit(commit: Commit) -> Json:
    return {
        "id": commit.sha,
        "message": commit.message,
        "title": commit.title,
        "timestamp": commit.created_at.isoformat(timespec="seconds"),
        "url": commit.web_url,
        "author": {"name": commit.author.name, "email": "[REDACTED]"},
    }


def _files(commit: Commit) -> Json:
    before = commit.project.files(commit.parents[0]) if commit.parents else {}
    kinds: dict[str, list[str]] = {"added": [], "modified": [], "removed": []}
    for path, content in commit.changes.items():
        kind = "removed" if content is None else "modified" if path in before else "added"
        kinds[kind].append(path)
    return kinds


def _repository(project: Project) -> Json:
    return {
        **_pick(project, "name description"),
        "url": project.ssh_url,
        "homepage": project.web_url,
    }


def _full_repository(project: Project) -> Json:
    described = _project(project)
    names = ("git_http_url", "git_ssh_url", "visibility_level")
    return {**_repository(project), **{name: described[name] for name in names}}


def _times(prefix: str, job: Job) -> Json:
    """Return the times of a job in both formats; those without a prefix have no creation."""
    names = ("created_at", "started_at", "finished_at") if prefix else ("started_at", "finished_at")
    times: dict[str, datetime | None] = {name: getattr(job, name) for name in names}
    return {
        **{f"{prefix}{name}": _json(time) for name, time in times.items()},
        **{f"{prefix}{name}_iso": time and time.isoformat() for name, time in times.items()},
    }


def _people_ids(issuable: Issuable) -> Json:
    return {
        "author_id": issuable.author.id,
        "updated_by_id": _id_of(issuable.updated_by),
        "last_edited_by_id": _id_of(issuable.last_edited_by),
    }


def _id_of(user: User | None) -> int | None:
    return user.id if user else None


def _raw(thing: object, names: str) -> Json:
    return {name: getattr(thing, name) for name in names.split()}


def _pick(thing: object, names: str) -> Json:
    """Return the attributes with these names, ready for JSON."""
    return {name: _json(value) for name, value in _raw(thing, names).items()}


def _nothing(names: str) -> Json:
    """Return the fields, all null, of features that the sandbox does not have."""
    return dict.fromkeys(names.split())


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S UTC")
    return value.isoformat() if isinstance(value, date) else value
