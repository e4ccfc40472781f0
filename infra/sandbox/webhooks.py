"""Webhooks as GitLab sends them: headers, signature, time limit, history, loop detection.

A thread with its own event loop delivers them, so that neither an API response nor a test waits
for the receiver. `payloads` makes the bodies.

https://docs.gitlab.com/user/project/integrations/webhooks/ and https://www.standardwebhooks.com/
"""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import anyio
import httpx
from anyio.from_thread import start_blocking_portal

from .state import Hook, HookEvent, Instance, Project, User

EVENT_UUID_HEADER = "X-Gitlab-Event-UUID"
_RESPONSE_BYTES = 8 * 1024
_CONCURRENT_DELIVERIES = 50
_RESENDS_PER_MINUTE = 5
_MOST_HOOKS_PER_CHAIN = 100
_CHAIN_KEPT = timedelta(minutes=30)
_EVENTS_IN_HISTORY = 10_000  # per hook; GitLab keeps them for 7 days instead
_FAILURES_UNTIL_PAUSED = 4
_LONGEST_PAUSE = timedelta(hours=24)
_RECURSIVE_WEBHOOK = "Recursive webhook blocked. Update or delete the following project hook"

# The `X-Gitlab-Event` header of each trigger that fires.
_EVENTS = {
    "push_events": "Push Hook",
    "tag_push_events": "Tag Push Hook",
    "issues_events": "Issue Hook",
    "confidential_issues_events": "Confidential Issue Hook",
    "note_events": "Note Hook",
    "confidential_note_events": "Confidential Note Hook",
    "merge_requests_events": "Merge Request Hook",
    "emoji_events": "Emoji Hook",
    "job_events": "Job Hook",
    "pipeline_events": "Pipeline Hook",
    "milestone_events": "Milestone Hook",
}


class Webhooks:
    """The sender of an instance's webhooks, which records the history of each hook.

    `Sandbox` describes its arguments.

    Attributes:
        under_way: The number of deliveries that have not finished.
    """

    def __init__(
        self,
        instance: Instance,
        *,
        timeout: float,
        disable_failing: bool,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._instance = instance
        self._timeout = timeout
        self._disable_failing = disable_failing
        self._transport = transport
        self._thread = _DeliveryThread()
        self._slots = anyio.CapacityLimiter(_CONCURRENT_DELIVERIES)
        # The hooks that were sent under each event UUID, and the time until which that counts.
        self._chains: dict[str, tuple[frozenset[int], datetime]] = {}
        self._resends: dict[tuple[int, int], deque[float]] = {}
        self.under_way = 0

    def fire(
        self, project: Project, trigger: str, data: dict[str, Any], *, event_uuid: str | None
    ) -> None:
        """Send a body to the project's hooks that have a trigger, such as "issues_events".

        A hook that has already fired under the request's event UUID does not fire again under it.
        GitLab shows a banner to the project's owners instead.

        Args:
            project: The project.
            trigger: The trigger.
            data: The body.
            event_uuid: The `X-Gitlab-Event-UUID` of the request; by default, each hook gets a new
                one.
        """
        for hook in project.hooks.values():
            if trigger not in hook.triggers or hook.alert_status != "executable":
                continue
            chain = event_uuid or str(uuid.uuid4())
            if self._is_loop(hook, chain):
                project.banners.add(f"{_RECURSIVE_WEBHOOK}: {hook.url}")
                continue
            self._start(hook, _EVENTS[trigger], data, chain, str(uuid.uuid4()))

    def _is_loop(self, hook: Hook, chain: str) -> bool:
        """Return whether a hook must not fire under an event UUID, and record it otherwise."""
        now = self._instance.now()
        fired, until = self._chains.get(chain, (frozenset[int](), now))
        if until <= now:
            fired = frozenset()
        if hook.id in fired or len(fired) >= _MOST_HOOKS_PER_CHAIN:
            return True
        self._chains[chain] = fired | {hook.id}, now + _CHAIN_KEPT
        return False

    def resend(self, hook: Hook, event: HookEvent) -> Future[HookEvent]:
        """Send an event of the hook's history again with its id, even if the hook is disabled."""
        name, chain = event.headers["X-Gitlab-Event"], str(uuid.uuid4())
        return self._start(hook, name, event.data, chain, event.delivery_id)

    def may_resend(self, hook: Hook, user: User) -> bool:
        """Return whether the rate limit permits a resend by the user, and count it."""
        now = self._instance.now().timestamp()
        recent = self._resends.setdefault((hook.id, user.id), deque(maxlen=_RESENDS_PER_MINUTE))
        if len(recent) == _RESENDS_PER_MINUTE and recent[0] > now - 60:
            return False
        recent.append(now)
        return True

    def close(self) -> None:
        """Drop the deliveries under way and end the thread. The next delivery starts a new one."""
        self._thread.stop()

    def _start(
        self, hook: Hook, event: str, data: dict[str, Any], chain: str, delivery_id: str
    ) -> Future[HookEvent]:
        with self._instance.changing():
            self.under_way += 1
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"GitLab/{self._instance.version}",
            "Idempotency-Key": delivery_id,
            "X-Gitlab-Event": event,
            "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
            "X-Gitlab-Instance": self._instance.url,
            EVENT_UUID_HEADER: chain,
            "webhook-id": delivery_id,
            "webhook-timestamp": str(int(self._instance.now().timestamp())),
        }
        future = self._thread.submit(self._deliver(hook, data, headers))
        future.add_done_callback(self._finished)
        return future

    def _finished(self, future: Future[HookEvent]) -> None:
        with self._instance.changing():
            self.under_way -= 1

    async def _deliver(
        self, hook: Hook, data: dict[str, Any], headers: dict[str, str]
    ) -> HookEvent:
        body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
        if hook.signing_token:
            delivery_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
            signature = sign(hook.signing_token, delivery_id, timestamp, body)
            headers = {**headers, "webhook-signature": signature}
        event = HookEvent(
            url=hook.url,
            # The history calls an "Issue Hook" "issue_hooks".
            trigger=headers["X-Gitlab-Event"].lower().replace(" ", "_") + "s",
            headers=headers | ({"X-Gitlab-Token": "[REDACTED]"} if hook.token else {}),
            data=data,
        )
        if hook.token:
            headers |= {"X-Gitlab-Token": hook.token.replace("\n", "").replace("\r", "")}
        async with self._slots:
            await self._exchange(hook, event, body, httpx.Headers(headers, encoding="utf-8"))
        self._record(hook, event)
        return event

    async def _exchange(
        self, hook: Hook, event: HookEvent, body: bytes, headers: httpx.Headers
    ) -> None:
        started = time.monotonic()
        try:
            with anyio.fail_after(self._timeout):
                response = await self._post(hook, body, headers)
        except TimeoutError:
            event.internal_error_message = f"execution expired after {self._timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            event.internal_error_message = f"{type(error).__name__}: {error}"
        else:
            event.response_status = str(response.status_code)
            event.response_headers = dict(response.headers)
            event.response_body = response.content[:_RESPONSE_BYTES].decode(errors="replace")
        event.execution_duration = time.monotonic() - started

    async def _post(self, hook: Hook, body: bytes, headers: httpx.Headers) -> httpx.Response:
        async with httpx.AsyncClient(
            # Loading the certificates is slow, and plain HTTP needs none.
            verify=hook.enable_ssl_verification and hook.url.startswith("https:"),
            timeout=None,
            trust_env=False,
            transport=self._transport,
            headers={"Connection": "close", "Accept": "*/*"},
        ) as client:
            return await client.post(hook.url, content=body, headers=headers)

    def _record(self, hook: Hook, event: HookEvent) -> None:
        with self._instance.changing():
            event.id = self._instance.next_id(HookEvent)
            hook.events.append(event)
            del hook.events[:-_EVENTS_IN_HISTORY]
            if event.response_status[:1] in ("2", "3"):
                hook.failures, hook.disabled_until = 0, None
            elif self._disable_failing:
                hook.failures += 1
                hook.disabled_until = _disabled_until(hook.failures, self._instance.now())


class _DeliveryThread:
    """A thread with an event loop, which starts at the first delivery, also after a stop."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._running = ExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, delivery: Coroutine[Any, Any, HookEvent]) -> Future[HookEvent]:
        # The portal's own methods wait for the thread, which can wait for the lock that the
        # caller holds.
        with self._guard:
            if self._loop is None:
                portal = self._running.enter_context(start_blocking_portal(name="sandbox-webhooks"))
                self._loop = portal.call(asyncio.get_running_loop)
            return asyncio.run_coroutine_threadsafe(delivery, self._loop)

    def stop(self) -> None:
        with self._guard:
            self._running.close()
            self._loop = None


def sign(signing_token: str, delivery_id: str, timestamp: str, body: bytes) -> str:
    """Return the `webhook-signature` of a delivery. Raises ValueError like `signing_key`."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    digest = hmac.digest(signing_key(signing_token), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def signing_key(signing_token: str) -> bytes:
    """Return the key in a signing token. Raises ValueError if the token is malformed."""
    prefix, _, encoded = signing_token.partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    if prefix != "whsec" or len(key) != 32:
        raise ValueError("a signing token is 'whsec_' followed by 32 bytes in base64")
    return key


def _disabled_until(failures: int, now: datetime) -> datetime | None:
    if failures < _FAILURES_UNTIL_PAUSED:
        return None
    doublings = min(failures - _FAILURES_UNTIL_PAUSED, 20)
    return now + min(timedelta(minutes=2**doublings), _LONGEST_PAUSE)
