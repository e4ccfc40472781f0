"""`POST /api/graphql`, which supports one query: `query { currentUser { … } }`."""

import re

from starlette.responses import JSONResponse, Response

from .call import Call

_CURRENT_USER = re.compile(
    r"\A\s*(?:query\b[^{]*)?\{\s*currentUser\s*\{(?P<fields>[\w\s,]*)\}\s*\}\s*\Z"
)
_FIRST_FIELD = re.compile(r"\{\s*(\w+)")


def execute(call: Call) -> Response:
    query = call.params.text("query") or ""
    match = _CURRENT_USER.match(query)
    if not match:
        first = _FIRST_FIELD.search(query)
        return _no_field(first[1] if first else "", "Query")
    user = call.user
    known = {
        "__typename": "CurrentUser",
        "id": f"gid://gitlab/User/{user.id}",
        "username": user.username,
        "name": user.name,
        "bot": user.bot,
        "state": "active",
    }
    fields = match["fields"].replace(",", " ").split()
    for field in fields:
        if field not in known:
            return _no_field(field, "CurrentUser")
    return JSONResponse({"data": {"currentUser": {field: known[field] for field in fields}}})


def _no_field(field: str, kind: str) -> Response:
    message = f"Field '{field}' doesn't exist on type '{kind}'"
    error = {"message": message, "locations": [{"line": 1, "column": 1}]}
    return JSONResponse({"errors": [error]})
