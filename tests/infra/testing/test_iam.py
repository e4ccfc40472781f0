"""The evaluation of policies, where the tests that use it would not notice a lenient one."""

from typing import Any

import pytest

from infra.testing.iam import allows

TASKS = "arn:aws:sqs:eu-west-1:123456789012:tasks.fifo"
ROLE = {"iam:PolicyARN": "arn:aws:iam::123456789012:policy/bounded"}
SEND = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": TASKS}
DENY = {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}


def under(
    operator: str, value: str, statement: dict[str, Any] = SEND, key: str = "iam:PolicyARN"
) -> dict[str, Any]:
    return {**statement, "Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([SEND], True),
        ([SEND, DENY], False),
        ([{**SEND, "Action": "sqs:ReceiveMessage"}], False),
        ([{**SEND, "Resource": TASKS.replace("tasks", "parked")}], False),
        ([{**SEND, "Action": ["sqs:Get*", "SQS:send*"], "Resource": ["*:tasks.f?fo"]}], True),
        ([{**SEND, "Action": "sqs.SendMessage"}], False),
        ([under("StringEquals", ROLE["iam:PolicyARN"])], True),
        ([under("StringEquals", "another")], False),
        ([under("ArnLike", "arn:*:policy/b*")], True),
        ([under("ArnLike", "arn:*:role/*")], False),
        ([SEND, under("ArnNotLike", "arn:*:policy/b*", DENY)], True),
        ([SEND, under("ArnNotLike", "arn:*:role/*", DENY)], False),
        ([under("StringEquals", "x", key="of:another")], False),
        ([SEND, under("StringEquals", "x", DENY, key="of:another")], True),
    ],
)
def test_decides_as_iam_does(statements: list[dict[str, Any]], allowed: bool) -> None:
    assert allows(statements, "sqs:SendMessage", TASKS, ROLE) is allowed


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "sqs:*", "Resource": "*"},
        under("DateGreaterThan", "2026-01-01T00:00:00Z"),
    ],
)
def test_raises_on_what_it_cannot_decide(statement: dict[str, Any]) -> None:
    with pytest.raises((KeyError, NotImplementedError)):
        allows([statement], "sqs:SendMessage", TASKS, ROLE)
