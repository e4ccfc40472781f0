"""The transport of webhooks to the receiving function: counts, repeats and resends deliveries."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

REPEATED = 0.03  # share of the deliveries that GitLab sends twice at once
RESENT = 0.03  # share of the deliveries that GitLab resends later although they were accepted


class Gate(httpx.AsyncBaseTransport):
    """A transport in front of the one that reaches the receiving function.

    Args:
        chance: Chooses the deliveries that are repeated or resent.

    Attributes:
        functions: The transport to the function; set before the first delivery.
        delivered: The ids of all deliveries.
        accepted: The ids of those that were answered 202.
        answers: The number of answers, by status.
        repetitions: The number of repeated deliveries, by kind.
    """

    def __init__(self, chance: Random) -> None:
        self.functions: httpx.AsyncBaseTransport
        self._chance = chance
        self._guard = threading.Lock()
        self._failed: list[httpx.Request] = []
        self._later: list[httpx.Request] = []
        self.delivered: set[str] = set()
        self.accepted: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.repetitions: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Deliver a webhook once or twice."""
        await request.aread()
        with self._guard:
            self.delivered.add(request.headers["idempotency-key"])
        response = await self._deliver(request)
        if self._chance.random() < REPEATED:
            self.repetitions["repeated at once"] += 1
            await self._deliver(request)
        if self._chance.random() < RESENT:
            with self._guard:
                self._later.append(request)
        return response

    async def resend(self, chosen: Callable[[], bool]) -> int:
        """Resend some of the deliveries that failed or that wait for a resend.

        Args:
            chosen: Decides about each delivery.

        Returns:
            The number of failed deliveries that still wait for a resend.
        """
        with self._guard:
            failed, later = self._failed, self._later
            self._failed, self._later = [], []
        for kind, waiting, kept in (
            ("resent after a failure", failed, self._failed),
            ("resent although accepted", later, self._later),
        ):
            for request in waiting:
                if chosen():
                    self.repetitions[kind] += 1
                    # A resend keeps the idempotency key and has a new webhook UUID.
                    request.headers["x-gitlab-webhook-uuid"] = str(uuid.uuid4())
                    await self._deliver(request)
                else:
                    kept.append(request)
        return len(self._failed)

    async def _deliver(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self.functions.handle_async_request(request)
        except Exception:
            with self._guard:
                self.answers["none"] += 1
                self._failed.append(request)
            raise
        with self._guard:
            self.answers[str(response.status_code)] += 1
            if response.status_code == 202:
                self.accepted.add(request.headers["idempotency-key"])
            else:
                self._failed.append(request)
        return response
