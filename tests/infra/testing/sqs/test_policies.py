import pytest

from infra.testing.sqs import Policy, PolicyError

TASKS = "arn:aws:sqs:eu-west-1:123456789012:tasks.fifo"
PARKED = "arn:aws:sqs:eu-west-1:123456789012:parked.fifo"
SEND = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": TASKS}


def test_what_no_statement_allows_is_not_allowed() -> None:
    policy = Policy((SEND,))

    assert policy.allows("sqs:SendMessage", TASKS)
    assert not policy.allows("sqs:SendMessage", PARKED)
    assert not policy.allows("sqs:ReceiveMessage", TASKS)


def test_a_denial_outweighs_what_is_allowed() -> None:
    denial = {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}

    assert not Policy((SEND, denial)).allows("sqs:SendMessage", TASKS)


def test_actions_and_resources_may_be_lists_and_patterns() -> None:
    policy = Policy(
        ({"Effect": "Allow", "Action": ["sqs:Get*", "SQS:list*"], "Resource": ["*:tasks.f?fo"]},)
    )

    assert policy.allows("sqs:GetQueueUrl", TASKS)
    assert policy.allows("sqs:ListQueues", TASKS)
    assert not policy.allows("sqs:GetQueueUrl", PARKED)


def test_a_condition_that_is_not_understood_fails_closed() -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "bots"}}
    denial = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}

    assert not Policy(({**SEND, "Condition": condition},)).allows("sqs:SendMessage", TASKS)
    assert not Policy((SEND, denial)).allows("sqs:SendMessage", TASKS)


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "sqs:*", "Resource": "*"},
        {"Effect": "allow", "Action": "sqs:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": {"Fn::GetAtt": ["TaskQueue", "Arn"]}},
    ],
)
def test_a_statement_that_cannot_be_judged_is_refused(statement: dict[str, object]) -> None:
    with pytest.raises(PolicyError):
        Policy((statement,))


def test_the_statements_of_several_documents_count_together() -> None:
    policy = Policy.of(
        [{"Statement": SEND}, {"Statement": [{**SEND, "Action": "sqs:DeleteMessage"}]}]
    )

    assert policy.allows("sqs:SendMessage", TASKS)
    assert policy.allows("sqs:DeleteMessage", TASKS)
