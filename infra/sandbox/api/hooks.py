"""`/projects/:id/hooks`: webhooks, their history, resending and testing.

After https://docs.gitlab.com/api/project_webhooks/. No answer holds a hook's secrets.
"""

from collections import deque
from typing import Any
from urllib.parse import urlsplit

from .. import entities, payloads
from ..state import MAINTAINER, TRIGGERS, Hook, HookEvent, Issue, MergeRequest, Project
from ..webhooks import KINDS, signing_key
from .call import Answer, ApiError, Call, Endpoint, not_found
from .pagination import page

_EVENTS_PER_PAGE = 20
_SENDS_PER_MINUTE = 5

_CATEGORIES = {
    "successful": range(200, 300),
    "client_failure": range(400, 500),
    "server_failure": range(500, 600),
}
_TRIGGERS_OF = {kind.trigger: name for name, kind in KINDS.items()}
# What GitLab can send a test of; the sandbox has no jobs, pipelines, wikis or releases to tell of.
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


def listed(call: Call) -> Answer:
    call.require(MAINTAINER)
    return page(call, list(call.project.hooks.values()), lambda each: _entity(call, each))


def one(call: Call) -> Answer:
    return Answer(_entity(call, _find(call)))


def create(call: Call) -> Answer:
    call.require(MAINTAINER)
    instance, project = call.instance, call.project
    url = _good_url(call.params.required("url"))
    hook = Hook(id=0, project=project, url=url, created_at=instance.now())
    _fill(call, hook)
    hook.id = instance.next_id("hook")
    project.hooks[hook.id] = hook
    instance.touch()
    return Answer(_entity(call, hook), 201)


def update(call: Call) -> Answer:
    hook = _find(call)
    url = call.params.text("url")
    if url is not None and _good_url(url) != hook.url:
        # Whoever may edit a hook shall not learn its secret by sending it elsewhere.
        hook.url, hook.token = url, ""
    _fill(call, hook)
    hook.failures, hook.disabled_until = 0, None
    call.instance.touch()
    return Answer(_entity(call, hook))


def delete(call: Call) -> Answer:
    hook = _find(call)
    del hook.project.hooks[hook.id]
    call.instance.touch()
    return Answer(status=204)


def events(call: Call) -> Answer:
    hook = _find(call)
    wanted = call.params.text("status")
    found = [each for each in reversed(hook.events) if _has_status(each, wanted)]
    return page(call, found, entities.hook_event, most=_EVENTS_PER_PAGE)


class Sending:
    """Resending and testing, of which GitLab allows five a minute and user."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, int, int], deque[float]] = {}

    async def resend(self, call: Call) -> Answer:
        hook = _find(call)
        number = call.number("hook_event_id")
        event = next((each for each in hook.events if each.id == number), None)
        if not event:
            raise not_found()
        if event.url != hook.url:
            message = "The hook URL has changed. This log entry cannot be retried."
            raise ApiError(422, {"message": message})
        self._throttle(call, "resend", hook.id)
        sent = await call.webhooks.send(
            hook, _TRIGGERS_OF[event.trigger], event.data, idempotency_key=event.delivery_id
        )
        if not sent.response_status.isdigit():
            raise ApiError(422, {"message": sent.internal_error_message})
        return Answer({"response_status": int(sent.response_status)}, 201)

    async def test(self, call: Call) -> Answer:
        hook, trigger = _find(call), call.text("trigger")
        if trigger not in _MISSING:
            raise ApiError(400, {"error": "trigger does not have a valid value"})
        data = _sample(call, hook.project, trigger)
        if data is None:
            raise ApiError(422, {"message": _MISSING[trigger]})
        self._throttle(call, "test", hook.project.id)
        sent = await call.webhooks.send(hook, trigger, data)
        if not sent.response_status.startswith("2"):
            message = sent.internal_error_message or sent.response_body
            raise ApiError(422, {"message": message})
        return Answer({"message": "201 Created"}, 201)

    def _throttle(self, call: Call, what: str, about: int) -> None:
        now = call.instance.now().timestamp()
        sent = self._sent.setdefault((what, about, call.user.id), deque())
        while sent and sent[0] <= now - 60:
            sent.popleft()
        if len(sent) >= _SENDS_PER_MINUTE:
            complaint = "This endpoint has been requested too many times. Try again later."
            raise ApiError(429, {"message": {"error": complaint}})
        sent.append(now)


def _find(call: Call) -> Hook:
    call.require(MAINTAINER)
    hook = call.project.hooks.get(call.number("hook_id"))
    if not hook:
        raise not_found()
    return hook


def _entity(call: Call, hook: Hook) -> dict[str, Any]:
    return entities.hook(hook, alert_status=call.webhooks.alert_status(hook))


def _good_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ApiError(422, {"error": "Invalid url given"})
    return text


def _fill(call: Call, hook: Hook) -> None:
    params = call.params
    for trigger in TRIGGERS:
        wanted = params.flag(trigger)
        if wanted is not None:
            (hook.triggers.add if wanted else hook.triggers.discard)(trigger)
    verify = params.flag("enable_ssl_verification")
    hook.enable_ssl_verification = hook.enable_ssl_verification if verify is None else verify
    hook.branch_filter_strategy = params.choice(
        "branch_filter_strategy",
        ("wildcard", "regex", "all_branches"),
        hook.branch_filter_strategy,
    )
    for name in ("name", "description", "push_events_branch_filter", "token"):
        if name in params:
            setattr(hook, name, params.text(name) or "")
    if "signing_token" in params:
        hook.signing_token = _good_signing_token(params.text("signing_token") or "")
    if "custom_headers" in params:
        hook.custom_headers = _custom_headers(params.values["custom_headers"])


def _good_signing_token(text: str) -> str:
    if text:
        try:
            signing_key(text)
        except ValueError:
            raise ApiError(400, {"message": {"signing_token": ["is invalid"]}}) from None
    return text


def _custom_headers(value: Any) -> dict[str, str]:
    try:
        return {str(each["key"]): str(each["value"]) for each in value}
    except (TypeError, KeyError):
        raise ApiError(400, {"error": "custom_headers is invalid"}) from None


def _has_status(event: HookEvent, wanted: str | None) -> bool:
    if wanted is None:
        return True
    status = event.response_status
    if wanted in _CATEGORIES:
        return status.isdigit() and int(status) in _CATEGORIES[wanted]
    return status == wanted


def _sample(call: Call, project: Project, trigger: str) -> dict[str, Any] | None:
    instance, user = call.instance, call.user
    match trigger:
        case "issues_events" | "confidential_issues_events" if project.issues:
            issue: Issue = list(project.issues.values())[-1]
            return payloads.issue_event(instance, issue, action="open", by=user, changes={})
        case "merge_requests_events" if project.merge_requests:
            merge_request: MergeRequest = list(project.merge_requests.values())[-1]
            return payloads.merge_request_event(
                instance, merge_request, action="open", by=user, changes={}
            )
        case "note_events":
            said = [n for each in _noteables(project) for n in each.notes if not n.system]
            return (
                payloads.note_event(instance, said[-1], action="create", by=user) if said else None
            )
        case "emoji_events":
            awards = [award for each in _noteables(project) for award in each.awards]
            return (
                payloads.emoji_event(instance, awards[-1], action="award", by=user)
                if awards
                else None
            )
        case "push_events" | "tag_push_events" if project.commits:
            commit = list(project.commits.values())[-1]
            ref = "refs/tags/v1.0.0" if trigger == "tag_push_events" else "refs/heads/main"
            return payloads.push_event(
                instance,
                project,
                ref=ref,
                before=commit.parents[0] if commit.parents else payloads.NO_COMMIT,
                after=commit.sha,
                commits=[commit],
                by=user,
            )
    return None


def _noteables(project: Project) -> list[Issue | MergeRequest]:
    return [*project.issues.values(), *project.merge_requests.values()]


_HOOK = "/projects/{id}/hooks/{hook_id}"


def endpoints(sending: Sending) -> tuple[Endpoint, ...]:
    """The endpoints of hooks; `sending` counts what was resent and tested."""
    return (
        Endpoint("GET", "/projects/{id}/hooks", listed),
        Endpoint("POST", "/projects/{id}/hooks", create),
        Endpoint("GET", _HOOK, one),
        Endpoint("PUT", _HOOK, update),
        Endpoint("DELETE", _HOOK, delete),
        Endpoint("GET", f"{_HOOK}/events", events),
        Endpoint("POST", f"{_HOOK}/events/{{hook_event_id}}/resend", sending.resend),
        Endpoint("POST", f"{_HOOK}/test/{{trigger}}", sending.test),
    )
