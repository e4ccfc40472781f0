"""`/projects/:id/hooks`: webhooks, their history, resends and tests.

After https://docs.gitlab.com/api/project_webhooks/. No response contains a hook's secrets.
"""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from .. import entities, payloads
from ..entities import Json
from ..state import MAINTAINER, TRIGGERS, Hook, HookEvent, Project, User
from ..webhooks import HEADERS, signing_key
from .call import Call
from .endpoints import endpoint, index, show
from .errors import ApiError, invalid, invalid_field
from .pagination import page

_HOOKS = "/projects/{id}/hooks"
_HOOK = f"{_HOOKS}/{{hook_id}}"
_EVENTS_PER_PAGE = 20
_BRANCH_STRATEGIES = ("wildcard", "regex", "all_branches")

_CATEGORIES = {
    "successful": range(200, 300),
    "client_failure": range(400, 500),
    "server_failure": range(500, 600),
}
_TRIGGERS_OF = {header: trigger for trigger, header in HEADERS.items()}
# The triggers that GitLab can test, with its message about a project that has no object to send.
# The sandbox never has jobs, pipelines, wikis, releases or access tokens.
_MISSING = {
    "push_events": "Ensure the project has at least one commit.",
    "tag_push_events": "Ensure the project has at least one commit.",
    "issues_events": "Ensure the project has issues.",
    "confidential_issues_events": "Ensure the project has issues.",
    "note_events": "Ensure the project has notes.",
    "merge_requests_events": "Ensure the project has merge requests.",
    "emoji_events": "Ensure the project has emoji reactions.",
    "job_events": "Ensure the project has CI jobs.",
    "pipeline_events": "Ensure the project has CI pipelines.",
    "wiki_page_events": "Ensure the wiki is enabled and has pages.",
    "releases_events": "Ensure the project has releases.",
    "resource_access_token_events": "Ensure the project has resource access tokens.",
}


@endpoint("POST", _HOOKS)
def create(call: Call) -> Json:
    call.require(MAINTAINER)
    url = _validated_url(call.params.required("url"))
    hook = call.instance.create(Hook, project=call.project, url=url)
    _fill(call, hook)
    hook.project.hooks[hook.id] = hook
    return entities.hook(hook)


@endpoint("PUT", _HOOK)
def update(call: Call) -> Json:
    hook = _find(call)
    url = call.params.text("url")
    if url is not None and _validated_url(url) != hook.url:
        # A user who may edit a hook must not learn its secret by changing the receiver.
        hook.url, hook.token = url, ""
    _fill(call, hook)
    hook.failures, hook.disabled_until = 0, None
    return entities.hook(hook)


@endpoint("DELETE", _HOOK)
def delete(call: Call) -> None:
    hook = _find(call)
    del hook.project.hooks[hook.id]


@endpoint("GET", f"{_HOOK}/events")
def events(call: Call) -> Response:
    status = call.params.text("status")
    found = [each for each in reversed(_find(call).events) if _has_status(each, status)]
    return page(call, found, entities.hook_event, most=_EVENTS_PER_PAGE)


@endpoint("POST", f"{_HOOK}/events/{{hook_event_id}}/resend")
async def resend(call: Call) -> Json:
    hook = _find(call)
    event = call.find({each.id: each for each in hook.events}, "hook_event_id")
    if event.url != hook.url:
        message = "The hook URL has changed. This log entry cannot be retried."
        raise ApiError(422, {"message": message})
    _throttle(call, "resend", hook.id)
    trigger = _TRIGGERS_OF[event.headers["X-Gitlab-Event"]]
    sent = await asyncio.wrap_future(
        call.webhooks.send(hook, trigger, event.data, idempotency_key=event.delivery_id)
    )
    if not sent.response_status.isdigit():
        raise ApiError(422, {"message": sent.internal_error_message})
    return {"response_status": int(sent.response_status)}


@endpoint("POST", f"{_HOOK}/test/{{trigger}}")
async def test(call: Call) -> Json:
    hook, trigger = _find(call), call.text("trigger")
    if trigger not in _MISSING:
        raise invalid("trigger", "does not have a valid value")
    data = _sample(hook.project, trigger, call.user)
    if data is None:
        raise ApiError(422, {"message": _MISSING[trigger]})
    _throttle(call, "test", hook.project.id)
    sent = await asyncio.wrap_future(call.webhooks.send(hook, trigger, data))
    if not sent.response_status.startswith("2"):
        raise ApiError(422, {"message": sent.internal_error_message or sent.response_body})
    return {"message": "201 Created"}


def _throttle(call: Call, action: str, number: int) -> None:
    now = call.instance.now().timestamp()
    if not call.webhooks.may_send((action, number, call.user.id), now):
        message = "This endpoint has been requested too many times. Try again later."
        raise ApiError(429, {"message": {"error": message}})


def _find(call: Call) -> Hook:
    call.require(MAINTAINER)
    return call.find(call.project.hooks, "hook_id")


def _all(call: Call) -> list[Hook]:
    call.require(MAINTAINER)
    return list(call.project.hooks.values())


def _validated_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ApiError(422, {"error": "Invalid url given"})
    return text


def _fill(call: Call, hook: Hook) -> None:
    params = call.params
    hook.triggers = {name for name in TRIGGERS if params.flag(name, name in hook.triggers)}
    hook.enable_ssl_verification = params.flag(
        "enable_ssl_verification", hook.enable_ssl_verification
    )
    hook.branch_filter_strategy = params.choice(
        "branch_filter_strategy", _BRANCH_STRATEGIES, hook.branch_filter_strategy
    )
    for name in ("name", "description", "push_events_branch_filter", "token"):
        if name in params:
            setattr(hook, name, params.text(name) or "")
    if "signing_token" in params:
        hook.signing_token = _validated_signing_token(params.text("signing_token") or "")
    if "custom_headers" in params:
        hook.custom_headers = _custom_headers(params.values["custom_headers"])


def _validated_signing_token(text: str) -> str:
    try:
        if text:
            signing_key(text)
    except ValueError:
        raise invalid_field("signing_token", "is invalid") from None
    return text


def _custom_headers(value: Any) -> dict[str, str]:
    try:
        return {str(each["key"]): str(each["value"]) for each in value}
    except (TypeError, KeyError):
        raise invalid("custom_headers") from None


def _has_status(event: HookEvent, wanted: str | None) -> bool:
    status = event.response_status
    if wanted in _CATEGORIES:
        return status.isdigit() and int(status) in _CATEGORIES[wanted]
    return wanted in (None, status)


def _sample(project: Project, trigger: str, by: User) -> Json | None:
    """Return the body of a test: the project's newest object for the trigger, if there is one."""
    match trigger:
        case "issues_events" | "confidential_issues_events" if project.issues:
            issue = list(project.issues.values())[-1]
            return payloads.issue_event(issue, action="open", by=by, changes={})
        case "merge_requests_events" if project.merge_requests:
            merge_request = list(project.merge_requests.values())[-1]
            return payloads.merge_request_event(merge_request, action="open", by=by, changes={})
        case "note_events":
            comments = [
                note for each in project.issuables for note in each.notes if not note.system
            ]
            return payloads.note_event(comments[-1], action="create", by=by) if comments else None
        case "emoji_events":
            awards = [award for each in project.issuables for award in each.awards]
            return payloads.emoji_event(awards[-1], action="award", by=by) if awards else None
        case "push_events" | "tag_push_events" if project.commits:
            commit = list(project.commits.values())[-1]
            ref = "refs/tags/v1.0.0" if trigger == "tag_push_events" else "refs/heads/main"
            before = commit.parents[0] if commit.parents else payloads.NO_COMMIT
            return payloads.push_event(project, ref=ref, before=before, commits=[commit], by=by)
    return None


index(_HOOKS, find=_all, entity=entities.hook)
show(_HOOK, find=_find, entity=entities.hook)
