"""create_app: the FastAPI application of a bot; its routes and its answers.

Whether a delivery is let in is `delivery`'s question, what it is for the router's, and what becomes
of it the worker's. Here a delivery becomes tasks on the queue, or, without one, is worked on while
GitLab waits. GitLab disables a webhook that keeps failing, so what was let in is answered with
success, and a handler's bug is told in the body. Failure (503) is for what GitLab can be asked to
send again: settings are missing, or the queue takes nothing.

https://docs.gitlab.com/user/project/integrations/webhooks/#auto-disabled-webhooks
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from .delivery import accept, join_headers
from .errors import (
    MalformedDelivery,
    QueueUnavailable,
    SettingsError,
    TaskTooLarge,
    ValidationFailure,
)
from .logs import logger
from .task import Task
from .version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .event import Event
    from .gitlabbot import GitLabBot
    from .redactor import Redactor
    from .router import Explanation, Route

BODY_LIMIT = 6 * 1024 * 1024  # bytes: what Lambda takes
BECAUSE_LIMIT = 1000  # characters: GitLab keeps 8 KB of an answer


@dataclass(frozen=True)
class Answer:
    """What a delivery is answered with, and what is logged of it."""

    status_code: HTTPStatus
    status: str
    because: str | None = None
    event: Event | None = None
    handlers: dict[str, str] | list[str] | None = None

    def response(self, redactor: Redactor) -> Response:
        """The answer as small JSON, which GitLab shows to whoever owns the webhook."""
        body: dict[str, Any] = {"status": self.status}
        if self.because is not None:
            body["because"] = self.because
        if self.event is not None:
            body["delivery"] = self.event.delivery_id
        if self.handlers is not None:
            body["handlers"] = self.handlers
        text = json.dumps(redactor.value(body))
        return Response(text, self.status_code, media_type="application/json")


def create_app(bot: GitLabBot) -> FastAPI:
    """The application that takes deliveries for a bot.

    `POST /webhook` and `POST /` take deliveries; `GET /health` tells liveness and version.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await bot.aclose()

    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # GitLab follows no redirect and takes one for success: "/webhook/" would lose every event.
        redirect_slashes=False,
        lifespan=lifespan,
    )
    reception = Reception(bot)

    # A delivery is read as raw bytes: plain routes spare it FastAPI's parsing of parameters.
    for path in ("/webhook", "/"):
        app.add_route(path, reception.receive, methods=["POST"])

    # A `Response` needs no model: FastAPI would import all of pydantic.v1 to look for one.
    @app.get("/health")
    async def health() -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    for event_type, resembled in bot.router.unknown_event_types().items():
        hint = f": did you mean {resembled!r}?" if resembled else ""
        logger.warning("GitLab sends no event called %r%s", event_type, hint)
    return app


class Reception:
    """Takes deliveries for a bot and answers them."""

    def __init__(self, bot: GitLabBot) -> None:
        self._bot = bot
        self._warned_of_signature = False

    async def receive(self, request: Request) -> Response:
        """Answer one delivery, and log what became of it."""
        started = time.monotonic()
        answer = await self._answer(request)
        self._bot.reporter.delivery(
            answer.event,
            status=answer.status_code,
            outcome=answer.status,
            because=answer.because,
            handlers=answer.handlers or (),
            started=started,
        )
        return answer.response(self._bot.redactor)

    async def _answer(self, request: Request) -> Answer:
        try:
            event = await self._admit(request)
        except SettingsError as error:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "misconfigured", str(error))
        except ValidationFailure as error:
            return Answer(HTTPStatus.UNAUTHORIZED, "refused", str(error))
        except MalformedDelivery as error:
            return Answer(error.status_code, "refused", str(error))
        except ClientDisconnect:
            return Answer(HTTPStatus.BAD_REQUEST, "refused", "the delivery broke off")
        return await self._deliver(event)

    async def _admit(self, request: Request) -> Event:
        credentials = self._bot.receive_settings.credentials
        headers = join_headers(request.scope["headers"])
        body = await _read(request)
        delivery = accept(headers, body, credentials, now=time.time())
        if delivery.signature_unchecked and not self._warned_of_signature:
            self._warned_of_signature = True
            logger.warning("deliveries are signed and go unchecked: set GL_SIGNING_TOKEN")
        return delivery.event

    async def _deliver(self, event: Event) -> Answer:
        """Queue the event for the handlers that it is for, or run them."""
        router = self._bot.router
        explanations = router.explain(event)
        if logger.isEnabledFor(logging.DEBUG):
            self._bot.reporter.routes(event, explanations)
        judged = list(zip(router.routes, explanations, strict=True))
        routes = [route for route, explanation in judged if explanation.matched]
        if not routes:
            return Answer(HTTPStatus.OK, "ignored", _ignored_because(event, judged), event)
        queue_url = self._bot.receive_settings.queue_url
        if queue_url is not None:
            return await self._queue(event, routes, queue_url)
        return await self._run(event, routes)

    async def _queue(self, event: Event, routes: list[Route], queue_url: str) -> Answer:
        tasks = [Task(event, route.name, received=time.time()) for route in routes]
        try:
            await self._bot.queue(queue_url).send([task.message() for task in tasks])
        except TaskTooLarge as error:
            # Not 413: it would count against the webhook, and GitLab would disable it.
            return Answer(HTTPStatus.OK, "too_large", str(error), event)
        except QueueUnavailable as error:
            # GitLab does not retry, but can be asked to: `gidgetlambda hook resend`.
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", str(error), event)
        return Answer(HTTPStatus.ACCEPTED, "queued", None, event, [task.handler for task in tasks])

    async def _run(self, event: Event, routes: list[Route]) -> Answer:
        try:
            worker = self._bot.worker
        except SettingsError as error:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "misconfigured", str(error), event)
        outcomes = await worker.run_all(event, routes)
        statuses = {outcome.status for outcome in outcomes.values()}
        status = next(one for one in ("failed", "done", "ignored") if one in statuses)
        told = {name: str(outcome) for name, outcome in outcomes.items()}
        return Answer(HTTPStatus.OK, status, None, event, told)


async def _read(request: Request) -> bytes:
    """The raw body. Raises `MalformedDelivery` (413) as soon as it is over the limit."""
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > BODY_LIMIT:
            raise MalformedDelivery(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {BODY_LIMIT} bytes"
            )
    return bytes(chunks)


def _ignored_because(event: Event, judged: list[tuple[Route, Explanation]]) -> str:
    reasons = [
        f"{route.name}: {explanation.because}"
        for route, explanation in judged
        if route.takes(event)
    ]
    if not reasons:
        return f"no handler is registered for {event.event!r}"[:BECAUSE_LIMIT]
    return "; ".join(reasons)[:BECAUSE_LIMIT]
