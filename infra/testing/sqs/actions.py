"""What SQS does with messages: send, receive, hide, delete.

moto keeps the messages, their order and their groups; time, de-duplication and limits are kept
here. After https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html.
"""

import itertools
import uuid
from collections.abc import Callable
from typing import Any

from ..clock import Clock
from . import contents
from .moto import Moto
from .refusal import Refusal
from .stored import Deduplication, Messages, Receipt, Receipts, Stored, Taken

BATCH_ENTRIES = 10
LONGEST = 12 * 60 * 60  # seconds that a message may stay invisible, from its receipt

_HIDDEN = 10 * 60 * 60  # seconds; moto counts its 12 hours from the sending

Json = dict[str, Any]
Action = Callable[[Json], Json]


class Actions:
    """The actions that moto alone does not do as SQS does. Not for several threads at once.

    Args:
        moto: keeps the messages.
        clock: what tells the time.
    """

    def __init__(self, moto: Moto, clock: Clock) -> None:
        self.messages = Messages()
        self.receipts = Receipts()
        self._moto = moto
        self._clock = clock
        self._attributes: dict[str, Json] = {}
        self._deduplication = Deduplication()
        self._deleted: set[str] = set()
        self._sequence = itertools.count(18_850_000_000_000_000_000)
        self._known: dict[str, Action] = {
            "ChangeMessageVisibility": self._change_visibility,
            "ChangeMessageVisibilityBatch": _each(self._change_visibility),
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": _each(self._delete),
            "PurgeQueue": self._purge,
            "ReceiveMessage": self._receive,
            "SendMessage": self._send,
            "SendMessageBatch": self._send_batch,
            "SetQueueAttributes": self._set_attributes,
        }

    def do(self, action: str, parameters: Json) -> Json:
        """Do what a client asks for. Raises Refusal."""
        if known := self._known.get(action):
            return known(parameters)
        if "QueueUrl" in parameters:
            self._reveal(queue_name(parameters["QueueUrl"]))
        return self._moto.call(action, parameters)

    def _send(self, message: Json) -> Json:
        contents.check(message)
        queue, now = queue_name(message["QueueUrl"]), self._clock.now()
        group, given_id = message.get("MessageGroupId"), message.get("MessageDeduplicationId")
        if not group or not given_id:
            return self._moto.call("SendMessage", message)  # which refuses it, on a FIFO queue
        by_group = self._queue(queue).get("DeduplicationScope") == "messageGroup"
        key = (queue, group, given_id) if by_group else (queue, given_id)
        if earlier := self._deduplication.earlier(key, now):
            return {"MessageId": earlier.message_id, "SequenceNumber": earlier.sequence_number}
        # moto would tell repeats by its own clock, and only while the first is still there.
        told = self._moto.call(
            "SendMessage", {**message, "MessageDeduplicationId": uuid.uuid4().hex}
        )
        told["SequenceNumber"] = str(next(self._sequence))
        self._deduplication.remember(key, Taken(told["MessageId"], told["SequenceNumber"], now))
        self.messages.add(
            Stored(
                message_id=told["MessageId"],
                queue=queue,
                body=message["MessageBody"],
                group=group,
                deduplication_id=given_id,
                sequence_number=told["SequenceNumber"],
                sent=now,
            )
        )
        return told

    def _send_batch(self, batch: Json) -> Json:
        entries: list[Json] = batch.get("Entries") or []
        _check_batch(entries)
        contents.check_sum(entries)
        return _each(self._send)(batch)

    def _receive(self, wanted: Json) -> Json:
        queue = queue_name(wanted["QueueUrl"])
        self._reveal(queue)
        if self._all_hidden(queue):
            return {}
        hidden = wanted.get("VisibilityTimeout")
        if hidden is None:
            hidden = int(self._queue(queue)["VisibilityTimeout"])
        answer = self._moto.call(
            "ReceiveMessage",
            {
                "QueueUrl": wanted["QueueUrl"],
                "MaxNumberOfMessages": wanted.get("MaxNumberOfMessages", 1),
                "MessageSystemAttributeNames": ["All"],
                "VisibilityTimeout": _HIDDEN,
                "WaitTimeSeconds": 0,
            },
        )
        names = {*wanted.get("AttributeNames", ()), *wanted.get("MessageSystemAttributeNames", ())}
        for message in answer.get("Messages", ()):
            self._hide(message, queue, hidden)
            attributes = self._true_attributes(message)
            message["Attributes"] = {
                name: value for name, value in attributes.items() if {name, "All"} & names
            }
        return answer

    def _all_hidden(self, queue: str) -> bool:
        """Whether moto need not look for a message, which takes it some milliseconds.

        Of a dead-letter queue this cannot be told: moto itself moves messages there.
        """
        if "RedrivePolicy" not in self._queue(queue):
            return False
        return self.messages.count(queue) <= self.receipts.count(queue)

    def _hide(self, message: Json, queue: str, seconds: float) -> None:
        now = self._clock.now()
        self.messages.move(message["MessageId"], queue)
        self.receipts.add(
            Receipt(
                handle=message["ReceiptHandle"],
                message_id=message["MessageId"],
                queue=queue,
                received=now,
                hidden_until=now + seconds,
                skipped=self._clock.skipped,
            )
        )

    def _true_attributes(self, message: Json) -> dict[str, str]:
        """A message's attributes with what it was sent with, in the receiver's time."""
        attributes: dict[str, str] = message["Attributes"]
        stored = self.messages.get(message["MessageId"])
        if stored is None:
            return attributes
        return {
            **attributes,
            "MessageDeduplicationId": stored.deduplication_id,
            "SequenceNumber": stored.sequence_number,
            "SentTimestamp": str(int(self._clock.real(stored.sent) * 1000)),
        }

    def _change_visibility(self, wanted: Json) -> Json:
        receipt, now = self._valid(wanted["ReceiptHandle"]), self._clock.now()
        seconds = int(wanted["VisibilityTimeout"])
        receipt.catch_up(self._clock.skipped)
        if seconds < 0 or now + seconds - receipt.received > LONGEST:
            raise Refusal(
                "InvalidParameterValue",
                f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total "
                f"VisibilityTimeout for the message is beyond the limit [{LONGEST} seconds].",
            )
        receipt.hidden_until = now + seconds
        return {}

    def _delete(self, wanted: Json) -> Json:
        handle = wanted["ReceiptHandle"]
        if handle in self._deleted:
            return {}
        receipt = self._valid(handle)
        self._moto.call("DeleteMessage", {"QueueUrl": wanted["QueueUrl"], "ReceiptHandle": handle})
        self.receipts.pop(handle)
        self.messages.forget(receipt.message_id)
        self._deleted.add(handle)
        return {}

    def _purge(self, wanted: Json) -> Json:
        self.messages.forget_queue(queue_name(wanted["QueueUrl"]))
        return self._moto.call("PurgeQueue", wanted)

    def _set_attributes(self, wanted: Json) -> Json:
        self._attributes.pop(queue_name(wanted["QueueUrl"]), None)
        return self._moto.call("SetQueueAttributes", wanted)

    def _valid(self, handle: str) -> Receipt:
        """A receipt that still holds; a FIFO queue takes no other. Raises Refusal."""
        receipt = self.receipts.get(handle)
        if receipt is None:
            raise Refusal("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        if not receipt.held and receipt.hidden_until <= self._clock.now():
            raise Refusal(
                "InvalidParameterValue",
                "Value for parameter ReceiptHandle is invalid. Reason: The receipt handle has "
                "expired.",
            )
        return receipt

    def _reveal(self, queue: str) -> None:
        """Have moto show the messages whose time has come."""
        for receipt in self.receipts.due(queue, self._clock.now()):
            self.receipts.pop(receipt.handle)
            self._moto.call(
                "ChangeMessageVisibility",
                {"QueueUrl": queue, "ReceiptHandle": receipt.handle, "VisibilityTimeout": 0},
            )

    def _queue(self, queue: str) -> Json:
        if queue not in self._attributes:
            told = self._moto.call(
                "GetQueueAttributes", {"QueueUrl": queue, "AttributeNames": ["All"]}
            )
            self._attributes[queue] = told["Attributes"]
        return self._attributes[queue]


def queue_name(queue_url: str) -> str:
    return queue_url.rpartition("/")[2]


def failed_entry(entry: Json, refusal: Refusal) -> Json:
    """How a batch's answer tells of an entry that was not taken."""
    return {
        "Id": entry["Id"],
        "SenderFault": refusal.status < 500,
        "Code": refusal.code,
        "Message": refusal.message,
    }


def _each(action: Action) -> Action:
    """An action on several entries, each of which may fail alone."""

    def act(batch: Json) -> Json:
        entries: list[Json] = batch.get("Entries") or []
        _check_batch(entries)
        answer: Json = {"Successful": [], "Failed": []}
        for entry in entries:
            try:
                told = action({**entry, "QueueUrl": batch["QueueUrl"]})
            except Refusal as refusal:
                answer["Failed"].append(failed_entry(entry, refusal))
            else:
                answer["Successful"].append({"Id": entry["Id"], **told})
        return answer

    return act


def _check_batch(entries: list[Json]) -> None:
    if not entries:
        raise Refusal("EmptyBatchRequest", "There should be at least one entry.")
    if len(entries) > BATCH_ENTRIES:
        raise Refusal(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are 10. You have sent {len(entries)}.",
        )
    ids = [entry.get("Id") for entry in entries]
    if len(set(ids)) != len(ids):
        raise Refusal("BatchEntryIdsNotDistinct", "Two entries have the same Id.")
