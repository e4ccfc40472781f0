"""A user who changes the state, and the webhooks that GitLab sends about the change."""

from dataclasses import dataclass
from typing import Any

from .state import Instance, Project, User
from .webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Actor:
    """A user who acts through an API request or a method of the sandbox.

    Attributes:
        event_uuid: The `X-Gitlab-Event-UUID` of the API request, if it had one.
    """

    user: User
    webhooks: Webhooks
    event_uuid: str | None = None

    @property
    def instance(self) -> Instance:
        return self.user.instance

    def fire(
        self, project: Project, trigger: str, data: dict[str, Any], *, background: bool = False
    ) -> None:
        """Send a webhook to the project's hooks that have the trigger.

        In GitLab, a `background` job does not know the event UUID of the request that caused it.
        """
        event_uuid = None if background else self.event_uuid
        self.webhooks.fire(project, trigger, data, event_uuid=event_uuid)
