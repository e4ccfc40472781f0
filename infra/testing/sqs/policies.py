"""Whether a role may do something, by the statements of its policies.

As much of IAM as least-privilege roles for queues need. What is not understood fails closed: a
condition keeps an Allow from allowing, and does not keep a Deny from denying.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_KEYS = {"Sid", "Effect", "Action", "Resource", "Condition"}


class PolicyError(ValueError):
    """A policy's statement is not one that can be judged here."""


@dataclass(frozen=True)
class Policy:
    """The statements of all policies of one role."""

    statements: tuple[Mapping[str, Any], ...]

    def __post_init__(self) -> None:
        for statement in self.statements:
            _require_known(statement)

    @classmethod
    def of(cls, documents: Iterable[Mapping[str, Any]]) -> "Policy":
        """The policy that several policy documents make together. Raises PolicyError."""
        return cls(
            tuple(
                statement
                for document in documents
                for statement in _listed(document.get("Statement"))
            )
        )

    def allows(self, action: str, resource: str) -> bool:
        """Whether an action (`sqs:SendMessage`) is allowed on a resource (its ARN)."""
        fitting = [one for one in self.statements if _fits(one, action, resource)]
        if any(one["Effect"] == "Deny" for one in fitting):
            return False
        return any(one["Effect"] == "Allow" and not one.get("Condition") for one in fitting)


def _require_known(statement: Mapping[str, Any]) -> None:
    if unknown := statement.keys() - _KEYS:
        raise PolicyError(f"a statement has {', '.join(sorted(unknown))}, which is not judged here")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"a statement's Effect is {statement.get('Effect')!r}")
    for key in ("Action", "Resource"):
        for pattern in _listed(statement.get(key)):
            if not isinstance(pattern, str):
                raise PolicyError(f"a statement's {key} is no text but {pattern!r}")


def _fits(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    return any(
        _like(pattern.lower(), action.lower()) for pattern in _listed(statement.get("Action"))
    ) and any(_like(pattern, resource) for pattern in _listed(statement.get("Resource")))


def _like(pattern: str, text: str) -> bool:
    """`*` is any text and `?` any character, as in IAM; nothing else is special."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


EVERYTHING = Policy(({"Effect": "Allow", "Action": "*", "Resource": "*"},))
