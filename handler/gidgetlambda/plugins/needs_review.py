"""Label each new merge request, without touching its other labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gidgetlambda import Event, GitLabAPI, Router


@dataclass(frozen=True)
class Settings:
    """label: its title; GitLab makes the label where the project has none of that title."""

    label: str = "needs review"


router = Router(settings=Settings())


@router.register("Merge Request Hook", action="open")
async def merge_request_opened(
    event: Event, gl: GitLabAPI, *args: Any, settings: Settings, **kwargs: Any
) -> None:
    """Add the label to the merge request."""
    if event.target_path is not None:
        await gl.put(event.target_path, data={"add_labels": settings.label})
