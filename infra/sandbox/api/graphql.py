"""`POST /api/graphql`, as far as to ask who the token is: `query { currentUser { … } }`."""

import re
from typing import Any

from .call import Answer, Call, Endpoint

_CURRENT_USER = re.compile(
    r"\A\s*(?:query\b[^{]*)?\{\s*currentUser\s*\{(?P<fields>[\w\s,]*)\}\s*\}\s*\Z"
)
_FIRST_FIELD = re.compile(r"\{\s*(\w+)")


def execute(call: Call) -> Answer:
    query = call.params.text("query") or ""
    match = _CURRENT_USER.match(query)
    if not match:
        first = _FIRST_FIELD.search(query)
        return _refusal(f"Field '{first[1] if first else ''}' doesn't exist on type 'Query'")
    known = _user(call)
    asked = match["fields"].replace(",", " ").split()
    for field in asked:
        if field not in known:
            return _refusal(f"Field '{field}' doesn't exist on type 'CurrentUser'")
    return Answer({"data": {"currentUser": {field: known[field] for field in asked}}})


def _user(call: Call) -> dict[str, Any]:
    user = call.user
    return {
        "__typename": "CurrentUser",
        "id": f"gid://gitlab/User/{user.id}",
        "username": user.username,
        "name": user.name,
        "bot": user.bot,
        "state": "active",
    }


def _refusal(message: str) -> Answer:
    return Answer({"errors": [{"message": message, "locations": [{"line": 1, "column": 1}]}]})


endpoints = (Endpoint("POST", "/graphql", execute),)
