"""Thank whoever opened a merge request once it is merged; one that is merely closed is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gidgetlambda import Event, GitLabAPI, Router


@dataclass(frozen=True)
class Settings:
    """text: the comment; `{username}` stands for the author of the merge request."""

    text: str = "Thanks for the contribution @{username}!"


router = Router(settings=Settings())


@router.register("Merge Request Hook", action="merge")
async def merge_request_merged(
    event: Event, gl: GitLabAPI, *args: Any, settings: Settings, **kwargs: Any
) -> None:
    """Comment on the merge request that was merged."""
    # The event names who merged; whose merge request it is, only by number.
    if event.author_id is None:
        return
    author = await gl.getitem(f"/users/{event.author_id}")
    await gl.reply(event, settings.text.replace("{username}", author["username"]))
