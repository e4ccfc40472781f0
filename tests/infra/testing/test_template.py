from typing import Any

import pytest

from infra.testing.template import Template, read

TEMPLATE = """
Parameters:
  Mode: { Type: String, Default: queued }
  Name: { Type: String }
Conditions:
  Queued: !Equals [!Ref Mode, queued]
  Both: !And [!Condition Queued, !Not [!Equals [!Ref Name, ""]]]
Mappings:
  Levels: { DEBUG: { Lambda: debug } }
Globals:
  Function:
    Timeout: 10
    Environment: { Variables: { SHARED: yes-it-is, OWN: shared } }
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Condition: Queued
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 60
      Role: !GetAtt Role.Arn
      Nothing: !If [Both, !Ref AWS::NoValue, here]
      List: [!If [Both, one, two], !Ref AWS::NoValue]
      Mapped: !FindInMap [Levels, DEBUG, Lambda]
      Joined: !Join ["-", [a, !Ref Name]]
      Told: !Sub "${Name} at ${AWS::Region} for ${Queue} and ${Queue.Arn}"
      Environment:
        Variables: { OWN: !If [Queued, !Ref Queue, ""] }
  Role:
    Type: AWS::IAM::Role
"""


def names(logical_id: str, attribute: str | None) -> str | None:
    return f"<{logical_id} {attribute}>" if logical_id == "Queue" else None


def test_a_resource_is_resolved_with_what_is_set_for_all_functions() -> None:
    properties = Template(TEMPLATE, {"Name": "bot"}).properties("Function", names)

    assert properties == {
        "Timeout": 60,
        "Role": "arn:aws:test:eu-west-1:123456789012:Role:Arn",
        "List": ["one"],
        "Mapped": "debug",
        "Joined": "a-bot",
        "Told": "bot at eu-west-1 for <Queue None> and <Queue Arn>",
        "Environment": {"Variables": {"SHARED": "yes-it-is", "OWN": "<Queue None>"}},
    }


def test_what_a_condition_leaves_out_is_not_there() -> None:
    template = Template(TEMPLATE, {"Name": "bot", "Mode": "inline"})

    assert "Queue" not in template.resources
    with pytest.raises(KeyError, match="makes no Queue"):
        template.properties("Queue", names)
    # It still names the queue in a text, which CloudFormation would refuse too.
    with pytest.raises(KeyError, match="Queue, which is not made"):
        template.properties("Function", names)


@pytest.mark.parametrize("parameters", [{}, {"Name": "bot", "Colour": "blue"}])
def test_parameters_have_to_be_known_and_complete(parameters: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        Template(TEMPLATE, parameters)


def test_this_projects_template_is_resolved_in_both_modes() -> None:
    def resolved(mode: str) -> dict[str, Any]:
        template = read({"AccessToken": "sandbox-bot-token", "Mode": mode})
        return {name: template.properties(name, names) for name in template.resources}

    queued, inline = resolved("queued"), resolved("inline")
    assert {"TaskQueue", "ParkedQueue", "WorkFunction"} <= queued.keys() - inline.keys()
