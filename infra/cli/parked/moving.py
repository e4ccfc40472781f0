"""Look at the parked queue, and replay or drop what is on it.

Replaying is send, then delete: a crash in between leaves the task parked as well, and the next
replay sends the very same message again, which SQS swallows within five minutes and the handler's
markers afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from gidgetlambda.errors import MalformedTask, TaskTooLarge

from ..failure import Failure
from .inventory import Parked, inventory
from .queues import Held, NotMoved, Queues
from .selection import Selection


@dataclass
class Result:
    """What became of the tasks that were chosen; grows while they are moved.

    tell: called for each as it is done, with the problem where there was one.
    missing: what was named and is not there.
    """

    tell: Callable[[Parked, str | None], None]
    done: list[Parked] = field(default_factory=list)
    failed: list[tuple[Parked, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def note(self, parked: Parked, problem: str | None = None) -> None:
        if problem is None:
            self.done.append(parked)
        else:
            self.failed.append((parked, problem))
        self.tell(parked, problem)


def look(queues: Queues) -> tuple[list[Parked], int]:
    """All parked tasks, oldest first, and about how many others somebody holds at the moment.

    The others are only asked for where nothing is found. Raises `Failure`.
    """
    with Held(queues.parked) as held:
        everything = inventory(held.sweep())
    return everything, 0 if everything else queues.parked.count_hidden()


def replay(queues: Queues, selection: Selection, result: Result) -> None:
    """Send the chosen tasks to the queue again, then take them off the parked queue.

    Raises `Failure` where it cannot go on; what was done by then is in `result`.
    """
    queue = queues.queue
    if queue is None:
        raise Failure("To replay, the queue must be known too: name it by --queue-url or --stack.")

    def move(held: Held, parked: Parked) -> None:
        message = parked.replay()
        held.keep(parked.copies[0])
        queue.send(message)
        try:
            _delete(held, parked)
        except NotMoved as error:
            raise NotMoved(
                f"it was sent, and is still parked too; replay it again. {error}"
            ) from None

    _carry_out(queues, selection, result, move)


def drop(queues: Queues, selection: Selection, result: Result) -> None:
    """Delete the chosen tasks for good.

    Raises `Failure` where it cannot go on; what was done by then is in `result`.
    """
    _carry_out(queues, selection, result, _delete)


def _carry_out(
    queues: Queues, selection: Selection, result: Result, act: Callable[[Held, Parked], None]
) -> None:
    everything: list[Parked] = []
    with Held(queues.parked) as held:
        while found := inventory(held.sweep()):
            everything += found
            _require_clear(selection, everything)
            chosen = [parked for parked in found if selection.takes(parked)]
            for parked in chosen:
                result.note(parked, _problem(held, parked, act))
            # Others of a group show up only when those before them are gone.
            if not any(parked.moved_by_sqs for parked in chosen):
                break
    result.missing = selection.missing(everything)


def _problem(held: Held, parked: Parked, act: Callable[[Held, Parked], None]) -> str | None:
    try:
        act(held, parked)
    except (NotMoved, TaskTooLarge, MalformedTask) as error:
        return str(error)
    return None


def _delete(held: Held, parked: Parked) -> None:
    """Delete all copies, the oldest last: its id makes a repeated replay the same message."""
    for copy in reversed(parked.copies):
        held.keep(copy)
        held.delete(copy)


def _require_clear(selection: Selection, everything: list[Parked]) -> None:
    unclear = selection.unclear(everything)
    if unclear:
        raise Failure(" ".join(unclear))
