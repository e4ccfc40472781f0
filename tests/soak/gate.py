"""The way of webhooks to the receiving function: counts them, repeats some, keeps what failed."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATED = 0.03
KEPT_FOR_LATER = 0.03


class Gate(httpx.AsyncBaseTransport):
    """A transport before the one that reaches the function, `functions`."""

    def __init__(self) -> None:
        self.functions: httpx.AsyncBaseTransport
        self._guard = threading.Lock()
        self._delivered: set[str] = set()
        self._failed: list[httpx.Request] = []
        self._later: list[httpx.Request] = []
        self.accepted: set[str] = set()
        self.answers: Counter[int] = Counter()
        self.counts: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        with self._guard:
            self._delivered.add(request.headers["idempotency-key"])
        response = await self._deliver(request)
        if random.random() < REPEATED:
            self.counts["repeated at once"] += 1
            await self._deliver(request)
        if random.random() < KEPT_FOR_LATER:
            with self._guard:
                self._later.append(request)
        return response

    @property
    def delivered(self) -> int:
        return len(self._delivered)

    async def resend(self, share: Callable[[], bool]) -> int:
        """Have GitLab send again some of what failed, and of what it sent hours ago; how many
        deliveries have failed so far and were not sent again.

        Args:
            share: decides about each.
        """
        with self._guard:
            failed, later = self._failed, self._later
            self._failed, self._later = [], []
        for kind, waiting, kept in (
            ("resent after a failure", failed, self._failed),
            ("resent although accepted", later, self._later),
        ):
            for request in waiting:
                if share():
                    self.counts[kind] += 1
                    # https://docs.gitlab.com: the idempotency key stays, this one is new.
                    request.headers["x-gitlab-webhook-uuid"] = str(uuid.uuid4())
                    await self._deliver(request)
                else:
                    kept.append(request)
        return len(self._failed)

    async def _deliver(self, request: httpx.Request) -> httpx.Response:
        response = await self.functions.handle_async_request(request)
        delivery = request.headers["idempotency-key"]
        with self._guard:
            self.answers[response.status_code] += 1
            if response.status_code == 202:
                self.accepted.add(delivery)
            else:
                self._failed.append(request)
        return response
