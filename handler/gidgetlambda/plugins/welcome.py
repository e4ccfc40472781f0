"""Thank whoever opens an issue, a confidential one too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gidgetlambda import Event, GitLabAPI, Router


@dataclass(frozen=True)
class Settings:
    """text: the comment; `{username}` stands for who opened the issue."""

    text: str = "Thanks for the report @{username}! I will look into it ASAP! (I'm a bot)."


router = Router(settings=Settings())


@router.register("Issue Hook", action="open")
@router.register("Confidential Issue Hook", action="open")
async def issue_opened(
    event: Event, gl: GitLabAPI, *args: Any, settings: Settings, **kwargs: Any
) -> None:
    """Comment on the issue that was opened."""
    if event.username is not None:
        await gl.reply(event, settings.text.replace("{username}", event.username))
