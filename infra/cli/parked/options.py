"""The options of `gidgetlambda parked`: which tasks are meant, and where they are."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from .. import durations
from ..options import StackName

if TYPE_CHECKING:
    from .queues import Queues
    from .selection import Selection

Id = Annotated[
    str, typer.Argument(metavar="ID", help="An id as `list` shows it, or its beginning.")
]
Handler = Annotated[
    str | None,
    typer.Option(
        help="Tasks of this handler: module:function, only the function, or a pattern with *."
    ),
]
OlderThan = Annotated[
    float | None,
    typer.Option(
        parser=durations.seconds, metavar="TIME", help="Tasks parked for longer: 30m, 2h, 3d."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]
_Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID...", help="Ids as `list` shows them; their beginnings serve."),
]
_All = Annotated[bool, typer.Option("--all", help="Every parked task.")]
_QueueUrl = Annotated[
    str | None, typer.Option(help="The URL of the queue, instead of the one of a stack.")
]
_ParkedQueueUrl = Annotated[
    str | None,
    typer.Option(help="The URL of the parked queue. Default: what the queue names as such."),
]


@dataclass(frozen=True)
class Choice:
    """Which tasks are meant."""

    ids: _Ids = None
    all_: _All = False
    handler: Handler = None
    older_than: OlderThan = None

    def require(self) -> None:
        """Raises `typer.BadParameter` unless it was said, without contradiction."""
        if self.ids and self.all_:
            raise typer.BadParameter("ids and --all contradict each other")
        conditions = self.handler is not None or self.older_than is not None
        if not (self.ids or self.all_ or conditions):
            raise typer.BadParameter("say which: ids, --handler, --older-than or --all")

    def selection(self) -> "Selection":
        from .selection import Selection

        before = None if self.older_than is None else time.time() - self.older_than
        return Selection(tuple(one.lower() for one in self.ids or ()), self.handler, before)


@dataclass(frozen=True)
class Where:
    """Where the tasks are."""

    stack: StackName = None
    queue_url: _QueueUrl = None
    parked_queue_url: _ParkedQueueUrl = None

    def queues(self) -> "Queues":
        """Raises `typer.BadParameter` for a contradiction, and `Failure`."""
        from .queues import Queues

        if self.stack and (self.queue_url or self.parked_queue_url):
            raise typer.BadParameter("name the stack or the queues, not both")
        return Queues.found(self.stack, self.queue_url, self.parked_queue_url)
