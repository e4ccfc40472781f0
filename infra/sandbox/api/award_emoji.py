"""`…/award_emoji` on issues, merge requests, snippets and their notes.

https://docs.gitlab.com/api/emoji_reactions/
"""

from rich.emoji import Emoji, NoEmoji

from .. import entities, notes
from ..entities import Json
from ..state import Awardable, AwardEmoji, Commit
from .call import ISSUE, MERGE_REQUEST, SNIPPET, Call
from .endpoints import endpoint, index, show
from .errors import not_found, unauthorized

_AWARDS = [
    f"{path}{note}/award_emoji"
    for path in (ISSUE, MERGE_REQUEST, SNIPPET)
    for note in ("", "/notes/{note_id}")
]
_AWARD = [f"{path}/{{award_id}}" for path in _AWARDS]


@endpoint("POST", *_AWARDS)
def create(call: Call) -> Json:
    awardable = _awardable(call)
    name = call.params.required("name")
    try:
        Emoji(name)
    except NoEmoji:
        raise not_found("Award Emoji Name is not a valid emoji name") from None
    try:
        emoji = notes.award(call, awardable, name)
    except ValueError as error:
        raise not_found(f"Award Emoji {error}") from None
    return entities.award_emoji(emoji)


@endpoint("DELETE", *_AWARD)
def delete(call: Call) -> None:
    emoji = _find(call)
    if emoji.user is not call.user and not call.user.admin:
        raise unauthorized()
    notes.revoke(call, emoji)


def _awardable(call: Call) -> Awardable:
    awardable = call.note if "note_id" in call.path else call.noteable
    assert not isinstance(awardable, Commit)
    return awardable


def _find(call: Call) -> AwardEmoji:
    awards = {each.id: each for each in _awardable(call).awards}
    return call.find(awards, "award_id", "Award Emoji")


index(*_AWARDS, find=lambda call: _awardable(call).awards, entity=entities.award_emoji)
show(*_AWARD, find=_find, entity=entities.award_emoji)
