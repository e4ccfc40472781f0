"""App: the FastAPI application of a bot, with its routes and its answers.

`delivery` authenticates a delivery, and the router finds the handlers for its event. Here the event
becomes tasks on the queue, or, in inline mode, the handlers run while GitLab waits. GitLab disables
a webhook that keeps failing, so an authenticated delivery is answered with success, and a handler's
failure is reported in the body. A 503 means that GitLab can be asked to resend: settings are
missing, or the queue does not accept messages. Only the log states the reason of a 401 or a 503,
because everybody can cause one.

https://docs.gitlab.com/user/project/integrations/webhooks/#auto-disabled-webhooks
"""

from __future__ import annotations

import asyncio
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

from .delivery import accept, check_headers, join_headers
from .errors import (
    MalformedDelivery,
    QueueUnavailable,
    SettingsError,
    TaskTooLarge,
    ValidationFailure,
)
from .event import delivery_id_in
from .event_types import belongs_to
from .logs import logger
from .redactor import shorten
from .task import Task
from .version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from .event import Event
    from .redactor import Redactor
    from .router import Evaluation
    from .runtime import Runtime

BODY_LIMIT = 6 * 1024 * 1024  # bytes: Lambda accepts no larger event
BODY_TIME = 10.0  # seconds: GitLab waits no longer
BECAUSE_LIMIT = 1000  # characters: GitLab keeps 8 KB of an answer

NOT_AUTHENTICATED = "the delivery is not authenticated; the bot's log states the reason"
MISCONFIGURED = "the bot's settings are incomplete or malformed; its log names them"
UNAVAILABLE = "the bot's queue accepts no tasks for now; the bot's log states the reason"


@dataclass(frozen=True)
class Answer:
    """The answer to a delivery, for GitLab and for the log.

    Attributes:
        because: The reason, for the log.
        public: The reason in the answer, if it differs.
    """

    status_code: HTTPStatus
    status: str
    because: str | None = None
    event: Event | None = None
    handlers: dict[str, str] | list[str] | None = None
    public: str | None = None

    def response(self, redactor: Redactor, delivery_id: str | None) -> Response:
        """Return the answer as small JSON, which GitLab shows to the webhook's owner."""
        body: dict[str, Any] = {"status": self.status}
        if (because := self.public or self.because) is not None:
            body["because"] = because
        if delivery_id is not None:
            body["delivery"] = delivery_id
        if self.handlers is not None:
            body["handlers"] = self.handlers
        text = json.dumps(redactor.value(body))
        return Response(text, self.status_code, media_type="application/json")


def create_app(runtime: Runtime) -> FastAPI:
    """Return the application that receives a bot's deliveries.

    `POST /webhook` and `POST /` accept deliveries; `GET /health` and `HEAD /health` report
    liveness, and the former the version.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await runtime.aclose()

    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # GitLab follows no redirect and counts one as success: "/webhook/" would lose every event.
        redirect_slashes=False,
        lifespan=lifespan,
    )
    receiver = Receiver(runtime)

    # A delivery is read as raw bytes: plain routes skip FastAPI's parsing of parameters.
    for path in ("/webhook", "/"):
        app.add_route(path, receiver.receive, methods=["POST"])

    # A `Response` needs no model: for another annotation, FastAPI imports all of pydantic.v1.
    @app.api_route("/health", methods=["GET", "HEAD"])
    async def health() -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    for event_type, similar in runtime.router.unknown_event_types().items():
        hint = f": did you mean {similar!r}?" if similar else ""
        logger.warning("GitLab sends no event called %r%s", event_type, hint)
    return app


class Receiver:
    """Receives a bot's deliveries and answers them."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._warned_of_signature = False

    async def receive(self, request: Request) -> Response:
        """Answer one delivery and report the answer."""
        started = time.monotonic()
        headers = join_headers(request.scope["headers"])
        answer = await self._answer(request, headers)
        delivery_id = answer.event.delivery_id if answer.event else delivery_id_in(headers)
        self._runtime.reporter.delivery(
            answer.event,
            delivery_id=delivery_id,
            claims_event="x-gitlab-event" in headers,
            status=answer.status_code,
            outcome=answer.status,
            because=answer.because,
            handlers=answer.handlers or (),
            started=started,
            request_id=_request_id(request.scope),
        )
        return answer.response(self._runtime.redactor, delivery_id)

    async def _answer(self, request: Request, headers: dict[str, str]) -> Answer:
        try:
            event = await self._authenticate(request, headers)
        except SettingsError as error:
            return _misconfigured(error)
        except ValidationFailure as error:
            because = str(error)
            return Answer(HTTPStatus.UNAUTHORIZED, "refused", because, public=NOT_AUTHENTICATED)
        except MalformedDelivery as error:
            return Answer(error.status_code, "refused", str(error))
        except ClientDisconnect:
            return Answer(HTTPStatus.BAD_REQUEST, "refused", "the delivery is incomplete")
        return await self._handle(event)

    async def _authenticate(self, request: Request, headers: dict[str, str]) -> Event:
        credentials = self._runtime.receive_settings.credentials
        check_headers(headers, credentials, now=time.time())
        body = await _read(request)
        delivery = accept(headers, body, credentials, now=time.time())
        if delivery.signature_unchecked and not self._warned_of_signature:
            self._warned_of_signature = True
            logger.warning("the signatures of deliveries are not checked: set GL_SIGNING_TOKEN")
        return delivery.event

    async def _handle(self, event: Event) -> Answer:
        """Queue the event for its handlers, or run them."""
        if not belongs_to(event.kind, event.event):
            because = (
                f"GitLab sends no {event.kind!r} payload as {event.event!r}: the header "
                "X-Gitlab-Event, which is not signed, was changed"
            )
            text = self._runtime.redactor.text(f"delivery {event.delivery_id}: {because}")
            logger.warning("%s", text)
            return Answer(HTTPStatus.OK, "ignored", because, event)
        evaluations = self._runtime.router.explain(event)
        if logger.isEnabledFor(logging.DEBUG):
            self._runtime.reporter.routes(event, evaluations)
        matched = [evaluation for evaluation in evaluations if evaluation.matched]
        if not matched:
            return Answer(HTTPStatus.OK, "ignored", _ignored_because(event, evaluations), event)
        queue_url = self._runtime.receive_settings.queue_url
        if queue_url is not None:
            return await self._queue(event, matched, queue_url)
        return await self._run(event, matched)

    async def _queue(self, event: Event, matched: list[Evaluation], queue_url: str) -> Answer:
        names = [evaluation.handler for evaluation in matched]
        tasks = [
            Task(event, one.handler, received=time.time(), identity=one.route.identity)
            for one in matched
        ]
        try:
            await self._runtime.queue(queue_url).send([task.message() for task in tasks])
        except SettingsError as error:
            return _misconfigured(error, event)
        except TaskTooLarge as error:
            # Not 413: it would count as a failure of the webhook, and GitLab would disable it.
            return Answer(HTTPStatus.OK, "too_large", str(error), event)
        except QueueUnavailable as error:
            # GitLab does not retry, but can be asked to resend: `gidgetlambda hook resend`.
            return Answer(
                HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", str(error), event, public=UNAVAILABLE
            )
        return Answer(HTTPStatus.ACCEPTED, "queued", None, event, names)

    async def _run(self, event: Event, matched: list[Evaluation]) -> Answer:
        try:
            worker = self._runtime.worker
        except SettingsError as error:
            return _misconfigured(error, event)
        outcomes = await worker.run_all(event, matched)
        statuses = {outcome.status for outcome in outcomes.values()}
        status = next(one for one in ("failed", "done", "ignored") if one in statuses)
        handlers = {name: str(outcome) for name, outcome in outcomes.items()}
        return Answer(HTTPStatus.OK, status, None, event, handlers)


def _misconfigured(error: SettingsError, event: Event | None = None) -> Answer:
    return Answer(
        HTTPStatus.SERVICE_UNAVAILABLE, "misconfigured", str(error), event, public=MISCONFIGURED
    )


def _request_id(scope: Mapping[str, Any]) -> str | None:
    """Return API Gateway's ID of a request, which Mangum passes on."""
    context = scope.get("aws.event", {}).get("requestContext", {})
    request_id = context.get("requestId")
    return request_id if isinstance(request_id, str) else None


async def _read(request: Request) -> bytes:
    """Read the raw body.

    Raises:
        MalformedDelivery: The body exceeds its limit (413), or does not arrive in time (408).
    """
    chunks = bytearray()
    try:
        async with asyncio.timeout(BODY_TIME):
            async for chunk in request.stream():
                chunks += chunk
                if len(chunks) > BODY_LIMIT:
                    raise MalformedDelivery(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body exceeds {BODY_LIMIT} bytes"
                    )
    except TimeoutError:
        raise MalformedDelivery(
            HTTPStatus.REQUEST_TIMEOUT, f"the body did not arrive within {BODY_TIME:g} s"
        ) from None
    return bytes(chunks)


def _ignored_because(event: Event, evaluations: list[Evaluation]) -> str:
    reasons = [f"{one.handler}: {one.because}" for one in evaluations if one.route.takes(event)]
    if not reasons:
        return shorten(f"no handler is registered for {event.event!r}", BECAUSE_LIMIT)
    return shorten("; ".join(reasons), BECAUSE_LIMIT)
