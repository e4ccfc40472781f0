"""Label each new merge request, and leave its other labels as they are."""

from __future__ import annotations

from dataclasses import dataclass

from gidgetlambda import Event, GitLabAPI, Router


@dataclass(frozen=True)
class Settings:
    """The settings of this plugin.

    Attributes:
        label: The title of the label. GitLab creates the label if the project has none.
    """

    label: str = "needs review"


router = Router(name="needs_review", settings=Settings())


@router.register("Merge Request Hook", action="open")
async def merge_request_opened(event: Event, gl: GitLabAPI, settings: Settings) -> None:
    """Add the label to the merge request."""
    await gl.add_labels(event, settings.label)
