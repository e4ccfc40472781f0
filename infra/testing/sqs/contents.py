"""What a message may hold: which characters, and how many bytes.

After https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .refusal import Refusal

LIMIT = 1024 * 1024

# What XML 1.0 does not allow; lone surrogates among it.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check(entry: Mapping[str, Any]) -> None:
    """Check a message, or one entry of a batch. Raises Refusal."""
    body = entry.get("MessageBody")
    if not isinstance(body, str) or not body:
        raise Refusal("MissingParameter", "The request must contain the parameter MessageBody.")
    if found := _FORBIDDEN.search(body):
        raise Refusal(
            "InvalidMessageContents",
            f"Invalid characters found: U+{ord(found[0]):04X} at {found.start()}",
        )
    if size(entry) > LIMIT:
        raise Refusal(
            "InvalidParameterValue",
            f"One or more parameters are invalid. Reason: Message must be shorter than {LIMIT} "
            "bytes.",
        )


def check_sum(entries: Sequence[Mapping[str, Any]]) -> None:
    """Check the sum of a batch. Raises Refusal."""
    total = sum(size(entry) for entry in entries)
    if total > LIMIT:
        raise Refusal(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {LIMIT} bytes. You have sent {total} bytes.",
        )


def size(entry: Mapping[str, Any]) -> int:
    """The bytes of a message that count. Message attributes would count too; nobody sends any."""
    return len(str(entry.get("MessageBody", "")).encode("utf-8", "surrogatepass"))
