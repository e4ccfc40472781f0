"""Whether a role may do something, as IAM decides it, for the policies that this project has.

moto's own evaluation treats a condition that is not met as a denial, and knows few operators.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

Statement = dict[str, Any]
Policy = tuple[Statement, ...]  # the statements of all policies of one role

EVERYTHING: Policy = ({"Effect": "Allow", "Action": "*", "Resource": "*"},)


def allows(
    statements: Iterable[Statement],
    action: str,
    resource: str,
    context: Mapping[str, str] | None = None,
) -> bool:
    """Return whether some statement allows an action on a resource, and none denies it.

    Args:
        statements: The statements of the role's policies.
        action: The action, such as `sqs:SendMessage`.
        resource: An ARN, or `*` for an action that names no resource.
        context: The condition keys of the request.

    Raises:
        KeyError: A statement has no Action or no Resource, but NotAction, say.
        NotImplementedError: A condition has another operator than those below.
    """
    given = context or {}
    return {
        statement["Effect"]
        for statement in statements
        if any(_like(one, action, re.IGNORECASE) for one in listed(statement["Action"]))
        and any(_like(one, resource) for one in listed(statement["Resource"]))
        and all(
            _holds(operator, listed(values), given.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    } == {"Allow"}


def listed(value: Any) -> list[Any]:
    """Return the values of an element of a policy, which may be one value or several."""
    return value if isinstance(value, list) else [value]


def _holds(operator: str, values: list[str], actual: str | None) -> bool:
    match operator:
        case "StringEquals":
            return actual in values
        case "ArnLike":
            return actual is not None and any(_like(value, actual) for value in values)
        case "ArnNotLike":
            return not _holds("ArnLike", values, actual)
    raise NotImplementedError(f"the operator {operator}: add it here")


def _like(pattern: str, text: str, flags: int = 0) -> bool:
    """Compare a text with a pattern, in which `*` is any text and `?` any character."""
    translated = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(translated, text, flags) is not None
