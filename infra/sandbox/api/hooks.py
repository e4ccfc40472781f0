"""`/projects/:id/hooks`: webhooks, their history and resends.

https://docs.gitlab.com/api/project_webhooks/
"""

import asyncio
from urllib.parse import urlsplit

from starlette.responses import Response

from .. import entities
from ..entities import Json
from ..state import MAINTAINER, TRIGGERS, Hook
from ..webhooks import signing_key
from .call import Call
from .endpoints import endpoint, index, show
from .errors import ApiError, invalid_field
from .pagination import page

_HOOKS = "/projects/{id}/hooks"
_HOOK = f"{_HOOKS}/{{hook_id}}"
_EVENTS_PER_PAGE = 20
_FIRST_DIGITS = {"successful": "2", "client_failure": "4", "server_failure": "5"}


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
    wanted = call.params.text("status")
    found = [
        event
        for event in reversed(_find(call).events)
        if wanted in (None, event.response_status)
        or event.response_status[0] == _FIRST_DIGITS.get(wanted)
    ]
    return page(call, found, entities.hook_event, most=_EVENTS_PER_PAGE)


@endpoint("POST", f"{_HOOK}/events/{{hook_event_id}}/resend")
async def resend(call: Call) -> Json:
    hook = _find(call)
    event = call.find({each.id: each for each in hook.events}, "hook_event_id")
    if event.url != hook.url:
        message = "The hook URL has changed. This log entry cannot be retried."
        raise ApiError(422, {"message": message})
    if not call.webhooks.may_resend(hook, call.user):
        message = "This endpoint has been requested too many times. Try again later."
        raise ApiError(429, {"message": {"error": message}})
    sent = await asyncio.wrap_future(call.webhooks.resend(hook, event))
    if not sent.response_status.isdigit():
        raise ApiError(422, {"message": sent.internal_error_message})
    return {"response_status": int(sent.response_status)}


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
    for name in ("name", "description", "token"):
        if name in params:
            setattr(hook, name, params.text(name) or "")
    if "signing_token" in params:
        hook.signing_token = _validated_signing_token(params.text("signing_token") or "")


def _validated_signing_token(text: str) -> str:
    try:
        if text:
            signing_key(text)
    except ValueError:
        raise invalid_field("signing_token", "is invalid") from None
    return text


index(_HOOKS, find=_all, entity=entities.hook)
show(_HOOK, find=_find, entity=entities.hook)
