"""What `sam deploy --guided` asks for, and what it takes for an answer."""

from __future__ import annotations

import re

import pytest

from tests.template.stack import SECRETS, Resource, Stack

HIDDEN = {"AccessToken", "WebhookSecret", "PreviousWebhookSecret", "SigningToken"}
REFERENCE = "{{resolve:secretsmanager:gidgetlambda:SecretString:webhook::}}"


def test_the_default_is_a_queue(written: Resource) -> None:
    assert written["Parameters"]["Mode"]["Default"] == "queued"
    assert written["Parameters"]["Mode"]["AllowedValues"] == ["queued", "inline"]


def test_only_the_access_token_has_to_be_typed(written: Resource) -> None:
    asked = {name for name, its in written["Parameters"].items() if "Default" not in its}
    assert asked == {"AccessToken"}


def test_every_parameter_is_described_and_has_its_place_in_the_console(written: Resource) -> None:
    groups = written["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    placed = [name for group in groups for name in group["Parameters"]]
    assert sorted(placed) == sorted(written["Parameters"])
    assert all(parameter["Description"] for parameter in written["Parameters"].values())


def test_a_pattern_that_is_not_met_is_explained(written: Resource) -> None:
    for name, parameter in written["Parameters"].items():
        assert ("AllowedPattern" in parameter) == ("ConstraintDescription" in parameter), name


def test_all_that_calls_itself_a_secret_or_a_token_is_hidden(written: Resource) -> None:
    hidden = {name for name, parameter in written["Parameters"].items() if parameter.get("NoEcho")}
    named = {name for name in written["Parameters"] if re.search("Secret|Token", name)}
    assert hidden == named == HIDDEN


def test_no_secret_is_told_by_outputs_or_by_anything_but_a_functions_environment(
    stack: Stack,
) -> None:
    told = {
        name: str(stack.properties(name))
        for name, kind in stack.resources.items()
        if kind != "AWS::Lambda::Function"
    } | stack.outputs
    for secret in SECRETS.values():
        assert [name for name, text in told.items() if secret in text] == []


@pytest.mark.parametrize("name", sorted(HIDDEN))
def test_a_secret_may_be_a_reference_to_secrets_manager(written: Resource, name: str) -> None:
    assert allows(written, name, REFERENCE)


@pytest.mark.parametrize("name", sorted(HIDDEN - {"AccessToken"}))
def test_a_secret_that_is_not_used_is_none(written: Resource, name: str) -> None:
    assert written["Parameters"][name]["Default"] == "none"
    assert allows(written, name, "none")


@pytest.mark.parametrize("name", sorted(HIDDEN))
@pytest.mark.parametrize("typed", ["", "-", "x", "no", "empty", " "])
def test_what_is_typed_to_get_past_a_prompt_does_not_become_a_secret(
    written: Resource, name: str, typed: str
) -> None:
    assert not allows(written, name, typed)


def test_several_signing_tokens_may_be_given(written: Resource) -> None:
    assert allows(written, "SigningToken", "whsec_b25l whsec_dHdv")
    assert not allows(written, "SigningToken", "a-secret-token-of-some-length")


def test_some_webhook_secret_is_required(written: Resource) -> None:
    (assertion,) = written["Rules"]["SomeSecret"]["Assertions"]
    assert assertion["Assert"] == {
        "Fn::Or": [
            {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, "none"]}]}
            for name in ("WebhookSecret", "SigningToken")
        ]
    }


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("AlarmEmail", "", True),
        ("AlarmEmail", "alice@example.com", True),
        ("AlarmEmail", "alice", False),
        ("PermissionsBoundary", "", True),
        ("PermissionsBoundary", "arn:aws:iam::123456789012:policy/deploy/bot/Boundary-1", True),
        ("PermissionsBoundary", "arn:aws-us-gov:iam::123456789012:policy/B", True),
        ("PermissionsBoundary", "Boundary", False),
        ("GitLabUrl", "https://example.com/gitlab", True),
        ("GitLabUrl", "gitlab.example.com", False),
    ],
)
def test_other_answers_are_checked(written: Resource, name: str, value: str, taken: bool) -> None:
    assert allows(written, name, value) is taken


def test_few_enough_tasks_run_at_once_that_a_new_account_can_still_receive(
    written: Resource,
) -> None:
    parameter = written["Parameters"]["MaximumConcurrency"]
    assert parameter["MinValue"] == 2  # SQS's own
    assert parameter["Default"] <= 5  # a new account may run 10 functions at once


def allows(template: Resource, parameter: str, value: str) -> bool:
    """Whether CloudFormation takes a value; the whole of it has to match."""
    return bool(re.fullmatch(template["Parameters"][parameter]["AllowedPattern"], value))
