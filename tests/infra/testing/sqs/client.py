"""boto3's SQS client, and short words for what tests do with it."""

from typing import Any

import boto3

from infra.testing.sqs import Sqs
from infra.testing.sqs.principals import REGION, Principal


def client(sqs: Sqs, principal: Principal | None = None, **options: Any) -> Any:
    who = principal or sqs.owner
    return boto3.client(
        "sqs",
        endpoint_url=sqs.url,
        region_name=REGION,
        **{
            "aws_access_key_id": who.access_key,
            "aws_secret_access_key": who.secret_key,
            "aws_session_token": who.session_token,
            **options,
        },
    )


def send(boto: Any, queue: str, body: str, *, group: str = "group", once: str = "") -> str:
    answer = boto.send_message(
        QueueUrl=queue,
        MessageBody=body,
        MessageGroupId=group,
        MessageDeduplicationId=once or body,
    )
    return str(answer["MessageId"])


def receive(boto: Any, queue: str, most: int = 1) -> list[dict[str, Any]]:
    answer = boto.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=most, MessageSystemAttributeNames=["All"]
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def bodies(boto: Any, queue: str, most: int = 10) -> list[str]:
    return [message["Body"] for message in receive(boto, queue, most)]
