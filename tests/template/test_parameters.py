"""The parameters that `sam deploy --guided` asks for, and the values that they accept."""

from __future__ import annotations

import re

import pytest

from tests.template.stack import SECRETS, Resource, TemplateStack

HIDDEN = {"AccessToken", "WebhookSecret", "PreviousWebhookSecret", "SigningToken"}
REFERENCE = "{{resolve:secretsmanager:gidgetlambda:SecretString:webhook::}}"
NOT_SECRETS = ("", "-", "x", "no", "empty", " ")
BOUNDARY = "arn:aws:iam::123456789012:policy/deploy/bot/Boundary-1"


def test_the_default_mode_is_queued(written: Resource) -> None:
    assert written["Parameters"]["Mode"]["Default"] == "queued"
    assert written["Parameters"]["Mode"]["AllowedValues"] == ["queued", "inline"]


def test_only_the_access_token_is_required(written: Resource) -> None:
    required = {name for name, its in written["Parameters"].items() if "Default" not in its}
    assert required == {"AccessToken"}


def test_every_parameter_has_a_description_and_a_place_in_the_console(written: Resource) -> None:
    groups = written["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    placed = [name for group in groups for name in group["Parameters"]]
    assert sorted(placed) == sorted(written["Parameters"])
    assert all(parameter["Description"] for parameter in written["Parameters"].values())


def test_every_pattern_has_an_explanation(written: Resource) -> None:
    for name, parameter in written["Parameters"].items():
        assert ("AllowedPattern" in parameter) == ("ConstraintDescription" in parameter), name


def test_every_secret_and_token_is_hidden(written: Resource) -> None:
    hidden = {name for name, parameter in written["Parameters"].items() if parameter.get("NoEcho")}
    named = {name for name in written["Parameters"] if re.search("Secret|Token", name)}
    assert hidden == named == HIDDEN


def test_secrets_are_in_the_environment_of_functions_only(stack: TemplateStack) -> None:
    visible = {
        name: str(stack.properties(name))
        for name, kind in stack.resources.items()
        if kind != "AWS::Lambda::Function"
    } | stack.outputs
    for secret in SECRETS.values():
        assert [name for name, text in visible.items() if secret in text] == []


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("AccessToken", ["a-token-of-some-length", REFERENCE], NOT_SECRETS),
        ("WebhookSecret", ["none", "a-long-secret", REFERENCE], NOT_SECRETS),
        ("PreviousWebhookSecret", ["none", "a-long-secret", REFERENCE], NOT_SECRETS),
        (
            "SigningToken",
            ["none", "whsec_b25l", "whsec_b25l whsec_dHdv", REFERENCE],
            [*NOT_SECRETS, "a-secret-token-of-some-length"],
        ),
        ("AlarmEmail", ["", "alice@example.com"], ["alice"]),
        (
            "PermissionsBoundary",
            ["", BOUNDARY, "arn:aws-us-gov:iam::123456789012:policy/B"],
            ["Boundary"],
        ),
        ("GitLabUrl", ["https://example.com/gitlab"], ["gitlab.example.com"]),
    ],
)
def test_values_are_checked(
    written: Resource, name: str, accepted: list[str], refused: list[str]
) -> None:
    pattern = written["Parameters"][name]["AllowedPattern"]
    assert [value for value in accepted if not re.fullmatch(pattern, value)] == []
    assert [value for value in refused if re.fullmatch(pattern, value)] == []


def test_the_default_of_an_optional_secret_is_none(written: Resource) -> None:
    optional = HIDDEN - {"AccessToken"}
    assert {written["Parameters"][name]["Default"] for name in optional} == {"none"}


def test_a_webhook_secret_or_a_signing_token_is_required(written: Resource) -> None:
    (assertion,) = written["Rules"]["SomeSecret"]["Assertions"]
    assert assertion["Assert"] == {
        "Fn::Or": [
            {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, "none"]}]}
            for name in ("WebhookSecret", "SigningToken")
        ]
    }


def test_the_default_concurrency_leaves_room_for_receiving_in_a_new_account(
    written: Resource,
) -> None:
    parameter = written["Parameters"]["MaximumConcurrency"]
    assert parameter["MinValue"] == 2  # the minimum of SQS
    assert parameter["Default"] <= 5  # a new account may run 10 functions at once
