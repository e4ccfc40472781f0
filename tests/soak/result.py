"""The result of a soak: the comments and parked tasks, compared with the expected ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gidgetlambda.task import Task

from infra.sandbox import BOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.sandbox.state import Issue

# The bot's comments on an issue at the end, by the first word of its title.
WELCOME = "Thanks for the report @alice! I will look into it ASAP! (I'm a bot)."
EXPECTED = {
    "plain": [WELCOME],
    "twice": [WELCOME, "one", "two"],
    "wavering": [WELCOME, "at last"],
    "branching": [WELCOME, "preparing", "prepared"],
    "buggy": [WELCOME, "begun", "ended"],
    "hopeless": [WELCOME],
}


@dataclass
class SoakResult:
    """The outcome of all deliveries.

    Attributes:
        deliveries: The number of different deliveries.
        accepted: The number of deliveries that were answered 202 at least once.
        lost: The missing comments, and the tasks that are neither done nor parked with a reason.
        duplicated: The comments that exist too often.
        counts: The numbers of faults, answers and so on, by kind.
    """

    deliveries: int = 0
    accepted: int = 0
    comments: int = 0
    parked: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether each delivery was accepted and handled exactly once."""
        return self.accepted == self.deliveries and not self.lost and not self.duplicated

    def check_comments(self, issue: Issue) -> None:
        """Compare the bot's comments on an issue with the expected ones."""
        expected = Counter(EXPECTED[kind(issue)])
        written = Counter(
            note.body.partition("\n")[0] for note in issue.notes if note.author.username == BOT
        )
        self.comments += written.total()
        for found, difference in (
            (self.lost, expected - written),
            (self.duplicated, written - expected),
        ):
            found += [f"{text!r} on {issue.title!r}" for text in difference.elements()]

    def check_queues(self, issues: Iterable[Issue], parked: list[str], queued: list[str]) -> None:
        """Require that the hopeless tasks are parked with their reason, and no others.

        Args:
            issues: All issues.
            parked: The bodies of the messages on the parked queue.
            queued: The bodies of the messages on the task queue.
        """
        hopeless = {issue.iid for issue in issues if kind(issue) == "hopeless"}
        reasons: dict[int, str] = {}
        for task in map(Task.decode, parked):
            reasons[task.event.iid or 0] = task.parking.because if task.parking else ""
        self.parked = len(parked)
        self.lost += [f"issue {iid} is not parked" for iid in hopeless - reasons.keys()]
        self.lost += [
            f"issue {iid} is parked because of {because!r}"
            for iid, because in reasons.items()
            if iid not in hopeless or "404" not in because
        ]
        self.lost += [f"{body[:200]} is still queued" for body in queued]


def kind(issue: Issue) -> str:
    """Return the first word of an issue's title."""
    return issue.title.partition(" ")[0]
