"""Sqs: a queue service for tests, and the server that puts it on HTTP.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

import contextlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import httpx
from moto.moto_server.werkzeug_app import create_backend_app
from moto.sqs import models
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ... import server
from ...server import drop, hang
from ..iam import EVERYTHING, Policy, allows
from .faults import ANSWERS, Fault, QueueFaults, SqsError
from .principals import REGION, Principal, authenticate
from .strict import StrictBackend, StrictMessage, StrictQueue

ACCOUNT = "123456789012"

_TYPE = "application/x-amz-json-1.0"
# moto reads the service and the region from it, and verifies nothing.
_FOR_MOTO = (
    f"AWS4-HMAC-SHA256 Credential=moto/20260101/{REGION}/sqs/aws4_request, "
    "SignedHeaders=host, Signature=none"
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """A message on a queue, as it was sent."""

    message_id: str
    body: str
    group: str
    deduplication_id: str


class Sqs:
    """SQS in one account and region, and its ASGI app. Safe to use from several threads.

    Attributes:
        url: The address under which it is reached.
        clock: The time of the queues; `clock.advance` skips some.
        faults: The faults of requests over HTTP.
        owner: A role that may do everything.
    """

    def __init__(self, moto: httpx.Client) -> None:
        self.url = ""
        self._moto = moto
        self.reset()

    def reset(self) -> None:
        """Forget everything: queues, roles, faults, and the time that was skipped."""
        models.sqs_backends.clear()
        self._backend = cast("StrictBackend", models.sqs_backends[ACCOUNT][REGION])
        self.clock = self._backend.clock
        self.faults = QueueFaults()
        self._principals: list[Principal] = []
        self.owner = self.add_role("Owner", EVERYTHING)

    def add_role(self, name: str, policy: Policy) -> Principal:
        """Add a role, and return it with its keys."""
        keys = (f"TESTKEY{name.upper()}", f"secret-of-{name}", f"session-of-{name}")
        self._principals.append(Principal(name, policy, *keys))
        return self._principals[-1]

    def environment(self, principal: Principal) -> dict[str, str]:
        """Return the environment variables of a function that acts as a role on this SQS."""
        return {"AWS_ENDPOINT_URL_SQS": self.url, **principal.environment()}

    def create_queue(self, name: str, **attributes: str) -> str:
        """Create a queue with the attributes of `CreateQueue`, and return its URL."""
        parameters = {"QueueName": name, "Attributes": attributes}
        return str(self.call(self.owner, "CreateQueue", parameters)["QueueUrl"])

    def arn(self, queue_url: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue_url.rpartition('/')[2]}"

    def messages(self, queue_url: str) -> list[Stored]:
        """Return all messages on a queue, oldest first, without receiving them."""
        with self._backend.guard:
            return [
                Stored(one.id, one.body, one.group_id or "", one.deduplication_id or "")
                for one in self._queue(queue_url)._messages
            ]

    def next_visible(self, queue_url: str) -> float | None:
        """Return the time at which the next message becomes visible, in the clock's seconds."""
        with self._backend.guard:
            hidden = [one for one in self._queue(queue_url)._pending_messages if not one.held]
            moment = min((one.visible_at for one in hidden), default=None)
            return None if moment is None else moment / 1000 + self.clock.skipped

    @contextlib.contextmanager
    def receive(self, principal: Principal, queue_url: str) -> Iterator[Json | None]:
        """Receive a message with its attributes, `None` if none is visible.

        While the block lasts, no skipped time passes for the receipt.
        """
        messages: list[Json] = []
        receipts: list[StrictMessage] = []
        with self._backend.guard:
            queue = self._queue(queue_url)
            if any(one.visible for one in queue._messages):  # moto takes some milliseconds
                wanted = {"QueueUrl": queue_url, "MessageSystemAttributeNames": ["All"]}
                messages = self.call(principal, "ReceiveMessage", wanted).get("Messages", [])
                receipts = [queue.received(one["ReceiptHandle"]) for one in messages]
            for receipt in receipts:
                receipt.held = True
        try:
            yield messages[0] if messages else None
        finally:
            for receipt in receipts:
                receipt.held = False

    def call(
        self, principal: Principal, action: str, parameters: Json, fault: Fault | None = None
    ) -> Json:
        """Do an action, if the role allows it, with a fault on SQS's side, if any.

        Raises:
            SqsError: SQS answers an error.
        """
        self._authorize(principal, action, parameters)
        with self._backend.guard:
            if fault is Fault.PARTIAL and action == "SendMessageBatch":
                return self._accept_some(parameters)
            if fault in ANSWERS:
                raise SqsError(*ANSWERS[fault])
            return self._call_moto(action, parameters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request in SQS's JSON protocol."""
        if scope["type"] != "http":
            return None
        request = Request(scope, receive)
        with contextlib.suppress(ClientDisconnect):
            body = await request.body()
            action = request.headers.get("x-amz-target", "").removeprefix("AmazonSQS.")
            fault = self.faults.next(action)
            if fault is Fault.SILENT:
                return await hang(receive)
            if fault is not Fault.DROPPED:
                response = self._response(request, action, body, fault)
            if fault in (Fault.DROPPED, Fault.LOST):
                return await drop(receive, send)
            return await response(scope, receive, send)

    def _response(
        self, request: Request, action: str, body: bytes, fault: Fault | None
    ) -> Response:
        url, headers = str(request.url), request.headers
        try:
            principal = authenticate(self._principals, request.method, url, headers, body)
            answer = self.call(principal, action, json.loads(body), fault)
        except SqsError as error:
            return Response(error.body, error.status, media_type=_TYPE)
        return Response(json.dumps(answer), media_type=_TYPE)

    def _authorize(self, principal: Principal, action: str, parameters: Json) -> None:
        permission = f"sqs:{action.removesuffix('Batch')}"
        resource = self.arn(parameters.get("QueueUrl") or parameters.get("QueueName") or "*")
        if not allows(principal.policy, permission, resource):
            missing = f"{principal.role} is not authorized to perform {permission} on {resource}"
            raise SqsError("AccessDeniedException", f"User: {missing}", 403)

    def _accept_some(self, batch: Json) -> Json:
        entries: list[Json] = batch["Entries"]
        refused = random.sample(entries, random.randint(1, max(1, len(entries) - 1)))
        accepted = [entry for entry in entries if entry not in refused]
        answer: Json = {"Successful": [], "Failed": []}
        if accepted:
            answer = self._call_moto("SendMessageBatch", {**batch, "Entries": accepted})
        code, message, _ = ANSWERS[Fault.PARTIAL]
        fault = {"SenderFault": False, "Code": code, "Message": message}
        failed = [{"Id": entry["Id"], **fault} for entry in refused]
        return {**answer, "Failed": answer["Failed"] + failed}

    def _call_moto(self, action: str, parameters: Json) -> Json:
        headers = {
            "authorization": _FOR_MOTO,
            "content-type": _TYPE,
            "x-amz-target": f"AmazonSQS.{action}",
        }
        response = self._moto.post(self.url, content=json.dumps(parameters), headers=headers)
        answer: Json = response.json() if response.content else {}
        if response.is_error:
            code = answer["__type"].rpartition("#")[2]
            raise SqsError(code, str(answer), response.status_code, response.content)
        return answer

    def _queue(self, queue_url: str) -> StrictQueue:
        return self._backend.get_queue(queue_url.rpartition("/")[2])


@contextlib.contextmanager
def serve() -> Iterator[Sqs]:
    """Serve an empty SQS from a thread. There can be one at a time: moto's state is global."""
    app = create_backend_app("sqs")
    with httpx.Client(transport=httpx.WSGITransport(app=app)) as moto:
        sqs = Sqs(moto)
        with server.serve(sqs) as sqs.url:
            yield sqs
