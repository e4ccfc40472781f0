"""The stand-in is as strict as SQS where moto is kinder; seen with boto3, over HTTP."""

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.testing.sqs import Fault, Policy, Sqs

from .client import bodies, client, receive, send

MIB = 1024 * 1024


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"]).rpartition(".")[2]


def test_a_repeat_is_acknowledged_and_not_delivered_for_five_minutes(sqs: Sqs, queue: str) -> None:
    boto = client(sqs)
    first = send(boto, queue, "hello", once="1")

    assert send(boto, queue, "hello again", once="1") == first
    assert bodies(boto, queue) == ["hello"]


def test_a_repeat_is_not_delivered_even_when_the_first_was_deleted(sqs: Sqs, queue: str) -> None:
    boto = client(sqs)
    first = send(boto, queue, "hello", once="1")
    boto.delete_message(QueueUrl=queue, ReceiptHandle=receive(boto, queue)[0]["ReceiptHandle"])

    sqs.clock.advance(290)
    assert send(boto, queue, "hello", once="1") == first
    assert bodies(boto, queue) == []

    sqs.clock.advance(11)
    assert send(boto, queue, "hello", once="1") != first
    assert bodies(boto, queue) == ["hello"]


def test_a_message_that_still_waits_is_no_reason_to_swallow_a_repeat_later(
    sqs: Sqs, queue: str
) -> None:
    boto = client(sqs)
    send(boto, queue, "hello", once="1")

    sqs.clock.advance(301)
    send(boto, queue, "hello", once="1")

    assert bodies(boto, queue) == ["hello", "hello"]


def test_in_high_throughput_the_same_id_in_another_group_is_no_repeat(sqs: Sqs, queue: str) -> None:
    boto = client(sqs)
    send(boto, queue, "hello", group="a", once="1")
    send(boto, queue, "hello", group="b", once="1")

    assert bodies(boto, queue) == ["hello", "hello"]


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_a_forbidden_character_is_refused(sqs: Sqs, queue: str, character: str) -> None:
    boto = client(sqs)
    with pytest.raises(ClientError) as refused:
        send(boto, queue, f"hello {character}")

    assert code(refused) == "InvalidMessageContents"


@pytest.mark.parametrize("character", ["\t", "\n", "\r", "\u00e9", "\ufffd", "\U0001f600"])
def test_any_other_character_arrives(sqs: Sqs, queue: str, character: str) -> None:
    boto = client(sqs)
    send(boto, queue, f"hello {character}")

    assert bodies(boto, queue) == [f"hello {character}"]


def test_sizes_are_counted_in_bytes(sqs: Sqs, queue: str) -> None:
    boto = client(sqs)
    send(boto, queue, "x" * MIB)
    with pytest.raises(ClientError) as refused:
        send(boto, queue, "é" * (MIB // 2 + 1))

    assert code(refused) == "InvalidParameterValue"


def test_a_batch_is_refused_by_the_sum_of_its_entries(sqs: Sqs, queue: str) -> None:
    entries = [
        {
            "Id": str(number),
            "MessageBody": "x" * (MIB // 2 + 1),
            "MessageGroupId": "group",
            "MessageDeduplicationId": str(number),
        }
        for number in range(2)
    ]
    with pytest.raises(ClientError) as refused:
        client(sqs).send_message_batch(QueueUrl=queue, Entries=entries)

    assert code(refused) == "BatchRequestTooLong"
    assert sqs.messages(queue) == []


def test_a_message_is_invisible_as_long_as_the_clock_says(sqs: Sqs, queue: str) -> None:
    boto = client(sqs)
    send(boto, queue, "hello")
    handle = receive(boto, queue)[0]["ReceiptHandle"]
    boto.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=3600)

    sqs.clock.advance(3590)
    assert receive(boto, queue) == []
    sqs.clock.advance(11)
    again = receive(boto, queue)[0]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_receipt_does_not_outlive_its_visibility_timeout(sqs: Sqs, queue: str) -> None:
    boto = client(sqs)
    send(boto, queue, "hello")
    handle = receive(boto, queue)[0]["ReceiptHandle"]
    sqs.clock.advance(361)

    with pytest.raises(ClientError):
        boto.delete_message(QueueUrl=queue, ReceiptHandle=handle)
    assert bodies(boto, queue) == ["hello"]


def test_no_message_hides_for_more_than_twelve_hours_from_its_receipt(sqs: Sqs, queue: str) -> None:
    boto = client(sqs)
    send(boto, queue, "hello")
    sqs.clock.advance(3 * 24 * 3600)
    handle = receive(boto, queue)[0]["ReceiptHandle"]

    boto.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=43_100)
    with pytest.raises(ClientError):
        boto.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=43_201
        )


def test_what_is_worked_on_does_not_age_with_the_clock(sqs: Sqs, queue: str) -> None:
    boto = client(sqs)
    send(boto, queue, "hello")
    with sqs.receive(sqs.owner, queue) as message:
        assert message is not None
        sqs.clock.advance(3600)
        assert receive(boto, queue) == []

    assert receive(boto, queue) == []
    sqs.clock.advance(361)
    assert bodies(boto, queue) == ["hello"]


def test_a_receiver_sees_when_a_message_was_sent_as_if_the_time_had_passed(
    sqs: Sqs, queue: str
) -> None:
    boto = client(sqs)
    send(boto, queue, "hello")
    sqs.clock.advance(1000)
    attributes = receive(boto, queue)[0]["Attributes"]

    received = int(attributes["ApproximateFirstReceiveTimestamp"])
    assert 1_000_000 <= received - int(attributes["SentTimestamp"]) < 1_060_000
    assert attributes["MessageDeduplicationId"] == "hello"


def test_a_group_waits_for_its_head_and_no_other_group_does(sqs: Sqs, queue: str) -> None:
    boto = client(sqs)
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        send(boto, queue, body, group=group)

    assert [bodies(boto, queue, 1) for _ in range(3)] == [["a1"], ["b1"], []]


def test_a_message_whose_receiver_keeps_dying_moves_to_the_dead_letter_queue(sqs: Sqs) -> None:
    boto = client(sqs)
    dead = sqs.create_queue("dead.fifo", FifoQueue="true", VisibilityTimeout="30")
    policy = f'{{"deadLetterTargetArn": "{sqs.arn(dead)}", "maxReceiveCount": 2}}'
    queue = sqs.create_queue(
        "dying.fifo", FifoQueue="true", VisibilityTimeout="30", RedrivePolicy=policy
    )
    send(boto, queue, "hello")
    for _ in range(2):
        assert bodies(boto, queue) == ["hello"]
        sqs.clock.advance(31)

    assert bodies(boto, queue) == []
    assert bodies(boto, dead) == ["hello"]
    assert [message.body for message in sqs.messages(dead)] == ["hello"]


def test_a_role_may_do_what_its_policy_allows_and_nothing_else(sqs: Sqs, queue: str) -> None:
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": sqs.arn(queue)}
    boto = client(sqs, sqs.add_role("Sender", Policy((statement,))))
    other = sqs.create_queue("other.fifo", FifoQueue="true")

    send(boto, queue, "hello")
    with pytest.raises(ClientError) as refused:
        receive(boto, queue)
    assert code(refused) == "AccessDeniedException"
    with pytest.raises(ClientError):
        send(boto, other, "hello")


@pytest.mark.parametrize(
    "keys",
    [
        {"aws_access_key_id": "somebody"},
        {"aws_secret_access_key": "guessed"},
        {"aws_session_token": "of another"},
    ],
)
def test_a_request_that_nobody_known_signed_is_refused(
    sqs: Sqs, queue: str, keys: dict[str, str]
) -> None:
    with pytest.raises(ClientError) as refused:
        send(client(sqs, **keys), queue, "hello")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert sqs.messages(queue) == []


@pytest.mark.parametrize(
    ("fault", "acted"),
    [
        (Fault.BROKEN, False),
        (Fault.UNAVAILABLE, False),
        (Fault.THROTTLED, False),
        (Fault.DROPPED, False),
        (Fault.LOST, True),
    ],
)
def test_a_fault_happens_once_and_before_or_after_sqs_acts(
    sqs: Sqs, queue: str, fault: Fault, acted: bool
) -> None:
    sqs.faults.add("SendMessage", fault)
    boto = client(sqs, config=Config(retries={"total_max_attempts": 1}))

    with pytest.raises((ClientError, BotoCoreError)):
        send(boto, queue, "hello")
    assert len(sqs.messages(queue)) == acted
    send(boto, queue, "hello")
    assert len(sqs.messages(queue)) == 1
    assert sqs.faults.happened == [("SendMessage", fault)]


def test_a_batch_may_be_taken_in_part(sqs: Sqs, queue: str) -> None:
    sqs.faults.add("SendMessageBatch", Fault.PARTIAL)
    entries = [
        {
            "Id": str(number),
            "MessageBody": "hello",
            "MessageGroupId": "group",
            "MessageDeduplicationId": str(number),
        }
        for number in range(10)
    ]
    answer = client(sqs).send_message_batch(QueueUrl=queue, Entries=entries)

    taken, failed = len(answer["Successful"]), len(answer["Failed"])
    assert (taken + failed, bool(taken), bool(failed)) == (10, True, True)
    assert len(sqs.messages(queue)) == taken
