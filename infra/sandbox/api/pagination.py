"""Pages of a list, and the headers that lead from one to the next.

After https://docs.gitlab.com/api/rest/#offset-based-pagination.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from ..urls import api_url
from .call import Answer, Call

_PER_PAGE = 20
_MOST_PER_PAGE = 100
_COUNTED_ROWS = 10_000

T = TypeVar("T")


def page(
    call: Call,
    items: Sequence[T],
    entity: Callable[[T], Any],
    *,
    defaults: dict[str, str] | None = None,
    most: int = _MOST_PER_PAGE,
) -> Answer:
    """The page of `items` that the call asks for.

    Args:
        defaults: parameters that GitLab puts into its links though the call left them out.
        most: how many a page may hold.
    """
    number = max(1, call.params.number("page", 1))
    size = min(max(1, call.params.number("per_page", _PER_PAGE)), most)
    start = (number - 1) * size
    shown = items[start : start + size]
    pages = max(1, -(-len(items) // size))
    following = number + 1 if number < pages else None
    previous = number - 1 if number > 1 else None
    counted = len(items) <= _COUNTED_ROWS

    def link(relation: str, target: int) -> str:
        return f'<{_address(call, defaults or {}, target, size)}>; rel="{relation}"'

    links = [
        *([link("prev", previous)] if previous else []),
        *([link("next", following)] if following else []),
        link("first", 1),
        *([link("last", pages)] if counted else []),
    ]
    headers = {
        "X-Per-Page": str(size),
        "X-Page": str(number),
        "X-Next-Page": str(following or ""),
        "X-Prev-Page": str(previous or ""),
        "Link": ", ".join(links),
    }
    if counted:
        headers |= {"X-Total": str(len(items)), "X-Total-Pages": str(pages)}
    return Answer([entity(each) for each in shown], headers=headers)


def _address(call: Call, defaults: dict[str, str], number: int, size: int) -> str:
    in_path = {name: call.text(name) for name in call.path}
    asked = defaults | in_path | call.params.values | {"page": number, "per_page": size}
    pairs: list[tuple[str, str]] = []
    for name in sorted(asked):
        value = asked[name]
        if isinstance(value, list):
            pairs += [(f"{name}[]", str(each)) for each in value]
        elif value is not None:
            pairs.append((name, str(value)))
    return f"{api_url(call.instance, call.resource)}?{urlencode(pairs)}"
