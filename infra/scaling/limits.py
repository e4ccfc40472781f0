"""What GitLab and AWS allow, each with the page that says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.scaling.load import Load


@dataclass(frozen=True)
class GitLabLimits:
    """What GitLab takes from one user in a minute.

    https://docs.gitlab.com/user/gitlab_com/#rate-limits-on-gitlabcom and
    https://docs.gitlab.com/rate_limits/content_creation/
    """

    notes: int
    issues: int
    calls: int

    def asked(self, load: Load) -> list[tuple[str, int, int]]:
        """What a task of a load asks for: its name, how much, and the limit."""
        pairs = {
            "calls": (load.calls, self.calls),
            "issues": (load.issues, self.issues),
            "notes": (load.notes, self.notes),
        }
        return [(what, amount, limit) for what, (amount, limit) in pairs.items() if amount]

    def tasks(self, load: Load) -> float:
        """How many tasks of a load are taken in a minute."""
        return min((limit / amount for _, amount, limit in self.asked(load)), default=math.inf)


GITLAB_COM = GitLabLimits(notes=60, issues=200, calls=2_000)

# GitLab's own default is 300 notes; an administrator can raise it, or exempt the bot's user.
RAISED = GitLabLimits(notes=1_000_000, issues=1_000_000, calls=1_000_000)

# Webhook calls a minute that gitlab.com sends for a top-level group in the plan Ultimate, before it
# drops the rest; in the plan Free, 500.
GITLAB_COM_WEBHOOKS = 13_000

# template.yaml: HttpApi's DefaultRouteSettings and the queue's MaximumConcurrency.
API_RATE = 1_000  # requests a second
MAXIMUM_CONCURRENCY = 5  # tasks at once

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LAMBDA_CONCURRENCY = 1_000  # functions at once, for the account and region; a new account has 10

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
FIFO_REQUESTS = 70_000  # a second and action, in eu-west-1, in high-throughput form
FIFO_GROUP_REQUESTS = 300  # a second and action, for one message group
FIFO_BACKLOG = 120_000  # messages that a FIFO queue looks at, and that may be in flight
