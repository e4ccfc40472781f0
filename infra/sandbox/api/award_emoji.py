"""`…/award_emoji` on issues, merge requests, snippets and their notes.

After https://docs.gitlab.com/api/emoji_reactions/.
"""

import re
from collections.abc import Callable, Iterator

from .. import awards, entities
from ..state import Awardable, AwardEmoji, Issue, MergeRequest, Note, Snippet
from .call import Answer, ApiError, Call, Endpoint, not_found
from .notes import NOTEABLES, Find, find_note
from .pagination import page

_NAME = re.compile(r"[a-z0-9_+-]{1,100}", re.ASCII)


def listed(call: Call, awardable: Awardable) -> Answer:
    return page(call, awardable.awards, lambda each: entities.award_emoji(call.instance, each))


def one(call: Call, awardable: Awardable) -> Answer:
    return Answer(entities.award_emoji(call.instance, _find(call, awardable)))


def create(call: Call, awardable: Awardable) -> Answer:
    name = call.params.required("name")
    if not _NAME.fullmatch(name):
        raise not_found("Award Emoji Name is not a valid emoji name")
    try:
        emoji = awards.award(call.acting, awardable, name)
    except ValueError as error:
        raise not_found(f"Award Emoji {error}") from None
    return Answer(entities.award_emoji(call.instance, emoji), 201)


def delete(call: Call, awardable: Awardable) -> Answer:
    emoji = _find(call, awardable)
    if emoji.user is not call.user and not call.user.admin:
        raise ApiError(401, {"message": "401 Unauthorized"})
    awards.revoke(call.acting, emoji)
    return Answer(status=204)


def _find(call: Call, awardable: Awardable) -> AwardEmoji:
    number = call.number("award_id")
    for emoji in awardable.awards:
        if emoji.id == number:
            return emoji
    raise not_found("Award Emoji")


def _on_noteable(find: Find) -> Callable[[Call], Awardable]:
    def awardable(call: Call) -> Awardable:
        found = find(call)
        assert isinstance(found, Issue | MergeRequest | Snippet)
        return found

    return awardable


def _on_note(find: Find) -> Callable[[Call], Note]:
    return lambda call: find_note(call, find(call))


def _endpoints() -> Iterator[Endpoint]:
    for path, find in NOTEABLES.items():
        yield from _endpoints_at(f"{path}/award_emoji", _on_noteable(find))
        yield from _endpoints_at(f"{path}/notes/{{note_id}}/award_emoji", _on_note(find))


def _endpoints_at(path: str, find: Callable[[Call], Awardable]) -> Iterator[Endpoint]:
    yield Endpoint("GET", path, lambda call: listed(call, find(call)))
    yield Endpoint("POST", path, lambda call: create(call, find(call)))
    yield Endpoint("GET", f"{path}/{{award_id}}", lambda call: one(call, find(call)))
    yield Endpoint("DELETE", f"{path}/{{award_id}}", lambda call: delete(call, find(call)))


endpoints = tuple(_endpoints())
