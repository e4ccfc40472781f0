"""Decides as IAM does whether a policy allows a request, as far as this project's policies go.

moto's own evaluation takes a condition that is not met for a denial, and knows few operators.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Statement = dict[str, Any]


def allows(
    statements: Sequence[Statement],
    action: str,
    resource: str,
    context: Mapping[str, str] | None = None,
) -> bool:
    """Whether a policy of these statements allows an action on a resource.

    resource: an ARN, or `*` for an action that names no resource.
    context: the condition keys of the request.
    """
    effects = {
        statement["Effect"]
        for statement in statements
        if _concerns(statement, action, resource, context or {})
    }
    return effects == {"Allow"}


def listed(value: str | list[str]) -> list[str]:
    """An element of a policy, which may be one text or several, as several."""
    return [value] if isinstance(value, str) else value


def _concerns(statement: Statement, action: str, resource: str, context: Mapping[str, str]) -> bool:
    return (
        any(_like(one, action, re.IGNORECASE) for one in listed(statement["Action"]))
        and any(_like(one, resource) for one in listed(statement["Resource"]))
        and all(
            _holds(operator, listed(values), context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, values: list[str], actual: str | None) -> bool:
    match operator:
        case "StringEquals":
            return actual in values
        case "ArnLike":
            return actual is not None and any(_like(value, actual) for value in values)
        case "ArnNotLike":
            return actual is None or not any(_like(value, actual) for value in values)
    raise NotImplementedError(f"the operator {operator}: add it here")


def _like(pattern: str, text: str, flags: int = 0) -> bool:
    translated = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(translated, text, flags) is not None
