"""The order and the pages of lists, with the headers that link the pages.

https://docs.gitlab.com/api/rest/#offset-based-pagination
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from ..state import Record
from .call import Call

_PER_PAGE = 20
_MOST_PER_PAGE = 100
_COUNTED_ROWS = 10_000

# The parameters that GitLab adds to the links of an ordered list.
ORDER = {"order_by": "created_at", "sort": "desc"}

_T = TypeVar("_T")
_Dated = TypeVar("_Dated", bound=Record)


def ordered(
    call: Call, items: Iterable[_Dated], fields: Iterable[str] = ("created_at", "updated_at")
) -> list[_Dated]:
    """Return the items in the requested order: by default, the newest first.

    Args:
        call: The request.
        items: The items.
        fields: The fields that they can be ordered by.
    """
    field = call.params.choice("order_by", fields, ORDER["order_by"])
    descending = call.params.choice("sort", ("asc", "desc"), ORDER["sort"]) == "desc"
    return sorted(items, key=lambda each: (getattr(each, field), each.id), reverse=descending)


def page(
    call: Call,
    items: Sequence[_T],
    entity: Callable[[_T], Any],
    *,
    defaults: dict[str, str] | None = None,
    most: int = _MOST_PER_PAGE,
) -> Response:
    """Return the requested page of a list.

    Args:
        entity: Makes the JSON of an element.
        defaults: The parameters that GitLab adds to the links if the request has none.
        most: The maximum of elements per page.
    """
    number = max(1, call.params.number("page", 1))
    size = min(max(1, call.params.number("per_page", _PER_PAGE)), most)
    pages = max(1, -(-len(items) // size))
    following = number + 1 if number < pages else None
    previous = number - 1 if number > 1 else None
    counted = len(items) <= _COUNTED_ROWS
    targets = {"prev": previous, "next": following, "first": 1, "last": pages if counted else None}
    headers = {
        "X-Per-Page": str(size),
        "X-Page": str(number),
        "X-Next-Page": str(following or ""),
        "X-Prev-Page": str(previous or ""),
        "Link": ", ".join(
            f'<{_address(call, defaults or {}, target, size)}>; rel="{relation}"'
            for relation, target in targets.items()
            if target
        ),
    }
    if counted:
        headers |= {"X-Total": str(len(items)), "X-Total-Pages": str(pages)}
    shown = items[(number - 1) * size : number * size]
    return JSONResponse([entity(each) for each in shown], headers=headers)


def _address(call: Call, defaults: dict[str, str], number: int, size: int) -> str:
    in_path = {name: call.text(name) for name in call.path}
    given = defaults | in_path | call.params.values | {"page": number, "per_page": size}
    pairs: list[tuple[str, str]] = []
    for name, value in sorted(given.items()):
        if isinstance(value, list):
            pairs += [(f"{name}[]", str(each)) for each in value]
        elif value is not None:
            pairs.append((name, str(value)))
    return f"{call.instance.api_url(call.resource)}?{urlencode(pairs)}"
