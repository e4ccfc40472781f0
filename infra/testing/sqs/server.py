"""SQS's JSON protocol over real HTTP, before an `Sqs`.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

import contextlib
import json
from collections.abc import Iterator

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .. import server
from ..breakage import drop, hang
from .faults import Fault
from .refusal import Refusal
from .sqs import Sqs

_TARGET = "AmazonSQS."
_TYPE = "application/x-amz-json-1.0"


@contextlib.contextmanager
def serve() -> Iterator[Sqs]:
    """Serve an empty SQS from a thread. There can be one at a time: moto's state is global.

    Raises:
        OSError: no port is free.
    """
    front = _Front()
    with server.serve(front) as url:
        front.sqs = Sqs(url)
        try:
            yield front.sqs
        finally:
            front.sqs.close()


class _Front:
    """The ASGI app."""

    def __init__(self) -> None:
        self.sqs: Sqs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        with contextlib.suppress(ClientDisconnect):
            await self._answer(request, await request.body(), receive, send)

    async def _answer(self, request: Request, body: bytes, receive: Receive, send: Send) -> None:
        action = request.headers.get("x-amz-target", "").removeprefix(_TARGET)
        fault = self.sqs.faults.next(action)
        if fault is Fault.SILENT:
            return await hang(receive)
        if fault is Fault.DROPPED:
            return await drop(receive, send)
        response = self._response(request, action, body, fault)
        if fault is Fault.LOST:
            return await drop(receive, send)
        return await response(request.scope, receive, send)

    def _response(
        self, request: Request, action: str, body: bytes, fault: Fault | None
    ) -> Response:
        try:
            principal = self.sqs.principals.authenticate(
                request.method, str(request.url), request.headers, body
            )
            answer = self.sqs.call(principal, action, _parameters(request, body), fault)
        except Refusal as refusal:
            return Response(refusal.body(), refusal.status, media_type=_TYPE)
        return Response(json.dumps(answer), media_type=_TYPE)


def _parameters(request: Request, body: bytes) -> dict[str, object]:
    if not request.headers.get("content-type", "").startswith("application/x-amz-json"):
        raise Refusal("InvalidAction", "Only SQS's JSON protocol is spoken here.", common=True)
    try:
        parameters: dict[str, object] = json.loads(body)
    except ValueError:
        raise Refusal("SerializationException", "The body is no JSON.", common=True) from None
    return parameters
