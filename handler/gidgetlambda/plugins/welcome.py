"""Thank the author of each new issue, confidential ones included."""

from __future__ import annotations

from dataclasses import dataclass

from gidgetlambda import Event, GitLabAPI, Router


@dataclass(frozen=True)
class Settings:
    """The settings of this plugin.

    Attributes:
        text: The comment; `{username}` stands for the author of the issue.
    """

    text: str = "Thanks for the report @{username}! I will look into it ASAP! (I'm a bot)."


router = Router(name="welcome", settings=Settings())


@router.register("Issue Hook", "Confidential Issue Hook", action="open")
async def issue_opened(event: Event, gl: GitLabAPI, settings: Settings) -> None:
    """Comment on the issue."""
    if event.username is not None:
        await gl.reply(event, settings.text.replace("{username}", event.username))
