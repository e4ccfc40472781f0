"""React with an emoji to each comment on an issue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gidgetlambda import Event, GitLabAPI, Router


@dataclass(frozen=True)
class Settings:
    """emoji: its name, without colons."""

    emoji: str = "thumbsup"


router = Router(settings=Settings())


def is_new(event: Event) -> bool:
    """Whether the comment was just written. GitLab before 16.11 tells of nothing else."""
    return event.action in (None, "create")


@router.register("Note Hook", noteable_type="Issue", when=is_new)
@router.register("Confidential Note Hook", noteable_type="Issue", when=is_new)
async def issue_commented(
    event: Event, gl: GitLabAPI, *args: Any, settings: Settings, **kwargs: Any
) -> None:
    """Award the emoji to the comment."""
    await gl.react(event, settings.emoji)
