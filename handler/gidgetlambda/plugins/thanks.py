"""Thank the author of a merge request when it is merged, but not when it is closed."""

from __future__ import annotations

from dataclasses import dataclass

from gidgetlambda import Event, GitLabAPI, Router


@dataclass(frozen=True)
class Settings:
    """The settings of this plugin.

    Attributes:
        text: The comment; `{username}` stands for the author of the merge request.
    """

    text: str = "Thanks for the contribution @{username}!"


router = Router(name="thanks", settings=Settings())


@router.register("Merge Request Hook", action="merge")
async def merge_request_merged(event: Event, gl: GitLabAPI, settings: Settings) -> None:
    """Comment on the merge request."""
    # The event names the user who merged, and the author only by number.
    if event.author_id is None:
        return
    author = await gl.getitem(f"/users/{event.author_id}")
    await gl.reply(event, settings.text.replace("{username}", author["username"]))
