"""React with an emoji to each comment on an issue."""

from __future__ import annotations

from dataclasses import dataclass

from gidgetlambda import Event, GitLabAPI, Router


@dataclass(frozen=True)
class Settings:
    """The settings of this plugin.

    Attributes:
        emoji: The name of the emoji, without colons.
    """

    emoji: str = "thumbsup"


router = Router(name="thumbs_up", settings=Settings())


def is_new(event: Event) -> bool:
    """Return whether a comment is new: GitLab before 16.11 sends new ones only, without action."""
    return event.action in (None, "create")


@router.register("Note Hook", "Confidential Note Hook", noteable_type="Issue", when=is_new)
async def issue_commented(event: Event, gl: GitLabAPI, settings: Settings) -> None:
    """Award the emoji to the comment."""
    await gl.react(event, settings.emoji)
