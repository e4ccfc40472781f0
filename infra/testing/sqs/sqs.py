"""Sqs: who may ask SQS for what, and what goes wrong meanwhile. `server` puts HTTP before it."""

import threading
from typing import Any

from ..clock import Clock
from .actions import Actions, failed_entry, queue_name
from .faults import Fault, Faults, refusal_of, some
from .moto import Moto
from .policies import EVERYTHING, Policy
from .principals import REGION, Principal, Principals
from .refusal import Refusal
from .stored import Stored

ACCOUNT = "123456789012"

Json = dict[str, Any]


class Sqs:
    """SQS in one account and region. Safe to use from several threads.

    Args:
        url: the address under which it is reached.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._guard = threading.RLock()
        self._moto = Moto(url)
        self.reset()

    def close(self) -> None:
        self._moto.close()

    def reset(self) -> None:
        """Forget everything: queues, roles, faults, and the time that was skipped."""
        with self._guard:
            self.clock = Clock()
            self._moto.reset()
            self._actions = Actions(self._moto, self.clock)
            self.faults = Faults()
            self.principals = Principals()
            self.owner = self.add_role("Owner", EVERYTHING)

    def add_role(self, name: str, policy: Policy) -> Principal:
        """Add a role; what it gives has the keys to act as it."""
        principal = Principal(name, policy)
        self.principals.add(principal)
        return principal

    def environment(self, principal: Principal) -> dict[str, str]:
        """The environment variables of a function that acts as a role on this SQS."""
        return {"AWS_ENDPOINT_URL_SQS": self.url, **principal.environment()}

    def create_queue(self, name: str, **attributes: str) -> str:
        """Create a queue, as `CreateQueue` does with these attributes, and give its URL."""
        parameters = {"QueueName": name, "Attributes": attributes}
        return str(self.call(self.owner, "CreateQueue", parameters)["QueueUrl"])

    def arn(self, queue_url: str) -> str:
        return arn(queue_name(queue_url))

    def messages(self, queue_url: str) -> list[Stored]:
        """The messages on a queue, visible or not, oldest first; none is received by this.

        One that SQS itself moved to a dead-letter queue is told of once it was received there.
        """
        with self._guard:
            return self._actions.messages.on(queue_name(queue_url))

    def next_visible(self, queue_url: str) -> float | None:
        """When the next message appears on a queue again, in the clock's seconds."""
        with self._guard:
            return self._actions.receipts.next(queue_name(queue_url))

    def take(self, principal: Principal, queue_url: str) -> Json | None:
        """Receive a message to be worked on, with its attributes, `None` where none is visible.

        No skipped time passes for it until `let_go`. A function has ended long before its message
        becomes visible again; a test that skips hours meanwhile must not change that.
        """
        with self._guard:
            wanted = {"QueueUrl": queue_url, "MessageSystemAttributeNames": ["All"]}
            messages = self.call(principal, "ReceiveMessage", wanted).get("Messages")
            if not messages:
                return None
            message: Json = messages[0]
            if receipt := self._actions.receipts.get(message["ReceiptHandle"]):
                receipt.held = True
            return message

    def let_go(self, handle: str) -> None:
        """End what `take` began."""
        with self._guard:
            if receipt := self._actions.receipts.get(handle):
                receipt.catch_up(self.clock.skipped)
                receipt.held = False

    def call(
        self, principal: Principal, action: str, parameters: Json, fault: Fault | None = None
    ) -> Json:
        """Do what is asked, if the role allows it. Raises Refusal.

        Args:
            fault: what goes wrong on SQS's side, if anything.
        """
        self._authorise(principal, action, parameters)
        with self._guard:
            if fault is Fault.PARTIAL and action == "SendMessageBatch":
                return self._send_some(parameters)
            if fault is not None and fault is not Fault.LOST:
                raise refusal_of(fault)
            return self._actions.do(action, parameters)

    def _authorise(self, principal: Principal, action: str, parameters: Json) -> None:
        name = queue_name(parameters.get("QueueUrl") or parameters.get("QueueName") or "*")
        asked = f"sqs:{action.removesuffix('Batch')}"
        resource = arn(name)
        if not principal.policy.allows(asked, resource):
            raise Refusal(
                "AccessDeniedException",
                f"User: {principal.role} is not authorized to perform: {asked} on resource: "
                f"{resource} because no identity-based policy allows the {asked} action",
                status=403,
                common=True,
            )

    def _send_some(self, batch: Json) -> Json:
        """Take only some entries of a batch."""
        entries: list[Json] = batch["Entries"]
        refused = some(len(entries))
        taken = [entry for number, entry in enumerate(entries) if number not in refused]
        answer: Json = {"Successful": [], "Failed": []}
        if taken:
            answer = self._actions.do("SendMessageBatch", {**batch, "Entries": taken})
        trouble = refusal_of(Fault.PARTIAL)
        answer["Failed"] += [failed_entry(entries[number], trouble) for number in sorted(refused)]
        return answer


def arn(name: str) -> str:
    """The ARN of a queue, by its name."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
