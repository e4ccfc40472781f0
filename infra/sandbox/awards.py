"""What users do with award emoji: award, revoke. Each fires the emoji hooks."""

from . import payloads
from .acting import Acting
from .state import Awardable, AwardEmoji


def award(acting: Acting, awardable: Awardable, name: str) -> AwardEmoji:
    """Award an emoji. Raises ValueError if the user already awarded this one."""
    if any(each.user is acting.user and each.name == name for each in awardable.awards):
        raise ValueError("Name has already been taken")
    emoji = AwardEmoji(
        id=acting.instance.next_id("award_emoji"),
        name=name,
        user=acting.user,
        awardable=awardable,
        created_at=acting.instance.now(),
    )
    awardable.awards.append(emoji)
    acting.instance.touch()
    _fire(acting, emoji, "award")
    return emoji


def revoke(acting: Acting, emoji: AwardEmoji) -> None:
    emoji.awardable.awards.remove(emoji)
    acting.instance.touch()
    _fire(acting, emoji, "revoke")


def _fire(acting: Acting, emoji: AwardEmoji, action: str) -> None:
    acting.fire(
        emoji.awardable.project,
        "emoji_events",
        lambda: payloads.emoji_event(acting.instance, emoji, action=action, by=acting.user),
    )
