"""Refusal: what SQS answers instead of doing what it was asked."""

import json

PREFIX = "com.amazonaws.sqs"
COMMON_PREFIX = "com.amazon.coral.service"


class Refusal(Exception):  # noqa: N818 - an answer, though not the one asked for
    """An error as SQS's JSON protocol tells it.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html

    Args:
        code: such as "InvalidMessageContents".
        message: for people.
        status: of the HTTP answer.
        common: whether it is one that every AWS service has; those name their text "Message".
    """

    def __init__(self, code: str, message: str, *, status: int = 400, common: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.common = common

    def body(self) -> bytes:
        prefix, text = (COMMON_PREFIX, "Message") if self.common else (PREFIX, "message")
        return json.dumps({"__type": f"{prefix}#{self.code}", text: self.message}).encode()
