"""The limits of GitLab and AWS, each with its source, and the share of them that a load uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.scaling.load import DAY, PEAK

if TYPE_CHECKING:
    from infra.scaling.load import Load

MINUTE = 60

# In template.yaml.
API_RATE = 250  # requests a second: HttpApi's DefaultRouteSettings
MAXIMUM_CONCURRENCY = 5  # tasks at once: the queue's ScalingConfig

TEMPLATE = "../template.yaml"
GITLAB_COM = "https://docs.gitlab.com/user/gitlab_com/"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
SQS = (
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
    "quotas-messages.html"
)


@dataclass(frozen=True)
class Limit:
    """A limit, the amount that a load uses of it in the busiest hour, and the limit's source."""

    name: str
    allowed: float
    used: float
    unit: str
    source: str

    @property
    def share(self) -> float:
        return self.used / self.allowed


def limits(load: Load) -> list[Limit]:
    """Return the limits that a load uses a part of; it reaches the first one first."""
    deliveries, tasks = (count * PEAK / DAY for count in (load.deliveries, load.tasks_a_day))
    working = tasks * load.work
    at_once = deliveries * load.receive + tasks * load.queue + working
    gitlab_com = (
        ("notes by one user", 60, tasks * load.notes),
        ("issues by one user", 200, tasks * load.issues),
        ("API calls by one user", 2_000, tasks * load.calls),
        ("webhooks of one group, Free", 500, deliveries),
        ("webhooks of one group, Ultimate", 13_000, deliveries),
    )
    rows = [
        *(
            Limit(f"gitlab.com: {name}", allowed, used * MINUTE, "a minute", GITLAB_COM)
            for name, allowed, used in gitlab_com
        ),
        Limit("`MaximumConcurrency`: tasks", MAXIMUM_CONCURRENCY, working, "at once", TEMPLATE),
        Limit("HTTP API: requests", API_RATE, deliveries, "a second", TEMPLATE),
        Limit("Lambda: invocations, new account", 10, at_once, "at once", LAMBDA),
        Limit("Lambda: invocations, by default", 1_000, at_once, "at once", LAMBDA),
        Limit("SQS FIFO: requests for each action", 70_000, tasks, "a second", SQS),
    ]
    return sorted(
        (limit for limit in rows if limit.used), key=lambda limit: limit.share, reverse=True
    )
