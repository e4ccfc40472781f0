"""The commands of `gidgetlambda parked`.

A replay sends a task and then deletes its parked copies. After a crash in between, the task is
still parked too, and the next replay sends the very same message: SQS drops it within five minutes,
and later the handler's markers prevent a second effect.
"""

from collections.abc import Callable
from typing import Annotated

import typer
from gidgetlambda.errors import MalformedTask, TaskTooLarge

from ..aws import MessageRefused
from ..report import AsJson, Report, flag, print_json, raise_problems
from ..stack import StackName
from ..times import ago
from .printing import print_details, print_list
from .queues import Held, Queues
from .tasks import Parked, Selection, inventory

Id = Annotated[str, typer.Argument(metavar="ID", help="An id from `list`, or its beginning.")]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Ids from `list`, or their beginnings.")
]
All = Annotated[bool, flag("--all", help="Every parked task.")]
Handler = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Tasks of a handler: its name, its function, or a pattern with *."
    ),
]
OlderThan = Annotated[
    float | None,
    typer.Option(parser=ago, metavar="TIME", help="Tasks parked 30m, 2h, 3d ago or earlier."),
]
QueueUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="The queue, instead of a stack's queue.")
]
ParkedQueueUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The parked queue. Default: the queue's dead-letter queue."),
]
Yes = Annotated[bool, flag("--yes", "-y", help="Do not ask.")]

app = typer.Typer(
    name="parked", help="List, show, replay or drop the parked tasks.", no_args_is_help=True
)


@app.command("list")
def list_(
    handler: Handler = None,
    older_than: OlderThan = None,
    stack: StackName = None,
    queue_url: QueueUrl = None,
    parked_queue_url: ParkedQueueUrl = None,
    as_json: AsJson = False,
) -> None:
    """Print one line for each parked task, oldest first."""
    selection = Selection((), handler, older_than)
    queues = Queues.find(stack, queue_url, parked_queue_url)
    everything = _look(queues)
    shown = selection.of(everything)
    if as_json:
        print_json([parked.summary() for parked in shown])
    else:
        hidden = queues.parked.attributes["ApproximateNumberOfMessagesNotVisible"]
        print_list(shown, of=len(everything), hidden=int(hidden))
    if everything:
        raise_problems(selection.missing(everything))


@app.command()
def show(
    id_: Id,
    stack: StackName = None,
    queue_url: QueueUrl = None,
    parked_queue_url: ParkedQueueUrl = None,
    as_json: AsJson = False,
) -> None:
    """Print a parked task: its subject, its errors, and the event's payload."""
    selection = Selection((id_.lower(),))
    everything = _look(Queues.find(stack, queue_url, parked_queue_url))
    raise_problems(selection.ambiguous(everything) or selection.missing(everything))
    (parked,) = selection.of(everything)
    if as_json:
        print_json(parked.details())
    else:
        print_details(parked)


@app.command()
def replay(
    ids: Ids = None,
    all_: All = False,
    handler: Handler = None,
    older_than: OlderThan = None,
    stack: StackName = None,
    queue_url: QueueUrl = None,
    parked_queue_url: ParkedQueueUrl = None,
    as_json: AsJson = False,
) -> None:
    """Put parked tasks back on the queue, oldest first. It is safe to interrupt and repeat this."""
    selection = _selection(ids or [], all_, handler, older_than)
    queues = Queues.find(stack, queue_url, parked_queue_url)

    def send_and_delete(held: Held, parked: Parked) -> None:
        message = parked.replayed()
        held.keep(parked.copies[0])
        queues.send(message)
        try:
            _delete(held, parked)
        except MessageRefused as error:
            raise MessageRefused(f"it is sent and still parked: replay it again. {error}") from None

    _carry_out(send_and_delete, queues, selection, Report("tasks", "replayed", as_json=as_json))


@app.command()
def drop(
    ids: Ids = None,
    all_: All = False,
    handler: Handler = None,
    older_than: OlderThan = None,
    yes: Yes = False,
    stack: StackName = None,
    queue_url: QueueUrl = None,
    parked_queue_url: ParkedQueueUrl = None,
    as_json: AsJson = False,
) -> None:
    """Delete parked tasks for good."""
    selection = _selection(ids or [], all_, handler, older_than)
    if as_json and not yes:
        raise typer.BadParameter("--json cannot ask for confirmation: add --yes")
    queues = Queues.find(stack, queue_url, parked_queue_url)
    if not yes:
        selection = _confirm(selection, _look(queues))
    _carry_out(_delete, queues, selection, Report("tasks", "dropped", as_json=as_json))


def _selection(
    ids: list[str], all_: bool, handler: str | None, older_than: float | None
) -> Selection:
    selection = Selection(tuple(one.lower() for one in ids), handler, older_than)
    if ids and all_:
        raise typer.BadParameter("ids and --all contradict each other")
    if not all_ and selection == Selection():
        raise typer.BadParameter("select tasks by ids, --handler, --older-than or --all")
    return selection


def _look(queues: Queues) -> list[Parked]:
    with Held(queues.parked) as held:
        return inventory(held.sweep())


def _confirm(selection: Selection, everything: list[Parked]) -> Selection:
    """The selection that the user saw and confirmed; a task that is parked later is not in it."""
    raise_problems(selection.ambiguous(everything))
    chosen = selection.of(everything)
    if not chosen:
        return selection
    print_list(chosen, of=len(everything))
    typer.confirm(f"Drop these tasks ({len(chosen)}) for good?", abort=True, err=True)
    return Selection(ids=(*selection.ids, *(parked.id for parked in chosen)))


def _carry_out(
    act: Callable[[Held, Parked], None], queues: Queues, selection: Selection, report: Report
) -> None:
    everything: list[Parked] = []
    with report.concluded(), Held(queues.parked) as held:
        report.progress("Reading the parked queue")
        # Of a group that SQS moved, some messages appear only after those before are deleted. A
        # replayed task that is parked again in the meantime is left for another run.
        while found := _unknown(inventory(held.sweep()), everything):
            everything += found
            raise_problems(selection.ambiguous(everything))
            chosen = selection.of(found)
            report.total += len(chosen)
            for parked in chosen:
                try:
                    act(held, parked)
                    report.note(parked, None)
                except (MessageRefused, TaskTooLarge, MalformedTask) as error:
                    report.note(parked, str(error))
        report.missing = selection.missing(everything)
        if not report.total:
            report.printer.say(f"Nothing is {report.verb}.")


def _unknown(found: list[Parked], known: list[Parked]) -> list[Parked]:
    ids = {parked.id for parked in known}
    return [parked for parked in found if parked.id not in ids]


def _delete(held: Held, parked: Parked) -> None:
    """Delete all copies, the oldest last: its id makes a repeated replay the same message."""
    for copy in reversed(parked.copies):
        held.delete(copy)
