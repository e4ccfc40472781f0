"""Who does something, and on whose behalf webhooks then fire."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .state import Instance, Project, User
from .webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Acting:
    """One user doing one thing: by an API request, or by a helper of the sandbox.

    `event_uuid` is the `X-Gitlab-Event-UUID` of the API request, if it had one.
    """

    instance: Instance
    webhooks: Webhooks
    user: User
    event_uuid: str | None = None

    def fire(self, project: Project, trigger: str, body: Callable[[], dict[str, Any]]) -> None:
        """Send a webhook to the project's hooks that want it; `body` is asked for only then."""
        if any(trigger in hook.triggers for hook in project.hooks.values()):
            self.webhooks.fire(project, trigger, body(), event_uuid=self.event_uuid)

    def fire_later(
        self, project: Project, trigger: str, body: Callable[[], dict[str, Any]]
    ) -> None:
        """As `fire`, from a background job: GitLab's jobs forget which chain caused them."""
        if any(trigger in hook.triggers for hook in project.hooks.values()):
            self.webhooks.fire(project, trigger, body(), event_uuid=None)
