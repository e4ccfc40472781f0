"""The commands of `gidgetlambda parked`.

A replay sends a task before it deletes the task's parked copies. After a crash in between, the next
replay sends the very same message again: SQS drops it within five minutes, and later the handler's
markers prevent a second effect.
"""

from collections.abc import Callable
from typing import Annotated

import typer
from gidgetlambda.errors import MalformedTask, TaskTooLarge

from ..aws import MessageRefused
from ..report import AsJson, Report, print_json
from ..stack import StackName
from ..times import ago
from .printing import print_details, print_list
from .queues import BotQueues, HeldMessages
from .tasks import ParkedTask, TaskSelection, group_copies

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID", help="Ids from list, or their beginnings.")
]
All = Annotated[bool, typer.Option("--all", help="All parked tasks.")]
Handler = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Tasks of a handler: its name, its function, or a pattern with *."
    ),
]
OlderThan = Annotated[
    float | None,
    typer.Option(
        parser=ago, metavar="TIME", help="Tasks parked at least 30m, 2h or 3d ago, for example."
    ),
]
QueueUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="The task queue, instead of the stack's.")
]
ParkedQueueUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The parked queue. Default: the task queue's dead-letter queue."
    ),
]

app = typer.Typer(
    name="parked",
    help="List, show, replay or drop the parked tasks.",
    no_args_is_help=True,
    add_completion=False,
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
    selection = TaskSelection((), handler, older_than)
    queues = BotQueues.find(stack, queue_url, parked_queue_url)
    everything = _look(queues)
    shown = selection.of(everything)
    if as_json:
        print_json([task.summary() for task in shown])
    else:
        hidden = queues.parked.attributes["ApproximateNumberOfMessagesNotVisible"]
        print_list(shown, of=len(everything), hidden=int(hidden))
    if everything:
        selection.check(everything)


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="An id from list, or its beginning.")],
    stack: StackName = None,
    queue_url: QueueUrl = None,
    parked_queue_url: ParkedQueueUrl = None,
    as_json: AsJson = False,
) -> None:
    """Print a parked task: its fields, its errors, and the event's payload."""
    selection = TaskSelection((id_.lower(),))
    everything = _look(BotQueues.find(stack, queue_url, parked_queue_url))
    selection.check(everything)
    (task,) = selection.of(everything)
    if as_json:
        print_json(task.details())
    else:
        print_details(task)


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
    """Put parked tasks back on the task queue, oldest first; safe to interrupt and repeat."""
    selection = _selection(ids or [], all_, handler, older_than)
    queues = BotQueues.find(stack, queue_url, parked_queue_url)

    def send_and_delete(held: HeldMessages, task: ParkedTask) -> None:
        message = task.replayed()
        held.keep(task.copies[0])
        queues.send(message)
        try:
            _delete(held, task)
        except MessageRefused as error:
            raise MessageRefused(f"it is sent and still parked: replay it again. {error}") from None

    _apply(send_and_delete, queues, selection, Report("tasks", "replayed", as_json=as_json))


@app.command()
def drop(
    ids: Ids = None,
    all_: All = False,
    handler: Handler = None,
    older_than: OlderThan = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    stack: StackName = None,
    queue_url: QueueUrl = None,
    parked_queue_url: ParkedQueueUrl = None,
    as_json: AsJson = False,
) -> None:
    """Delete parked tasks for good."""
    selection = _selection(ids or [], all_, handler, older_than)
    if as_json and not yes:
        raise typer.BadParameter("--json cannot ask for confirmation: add --yes")
    queues = BotQueues.find(stack, queue_url, parked_queue_url)
    if not yes:
        everything = _look(queues)
        selection.check(everything)
        chosen = selection.of(everything)
        print_list(chosen, of=len(everything))
        if not chosen:
            return
        typer.confirm(f"Delete these tasks ({len(chosen)}) for good?", abort=True, err=True)
        # A task that is parked after this question is not deleted.
        selection = TaskSelection(ids=tuple(task.id for task in chosen))
    _apply(_delete, queues, selection, Report("tasks", "dropped", as_json=as_json))


def _selection(
    ids: list[str], all_: bool, handler: str | None, older_than: float | None
) -> TaskSelection:
    selection = TaskSelection(tuple(one.lower() for one in ids), handler, older_than)
    if ids and all_:
        raise typer.BadParameter("ids and --all contradict each other")
    if not all_ and selection == TaskSelection():
        raise typer.BadParameter("select tasks by ids, --handler, --older-than or --all")
    return selection


def _look(queues: BotQueues) -> list[ParkedTask]:
    """Return all parked tasks, and make them visible to others again."""
    with HeldMessages(queues.parked) as held:
        return group_copies(held.sweep())


def _apply(
    act: Callable[[HeldMessages, ParkedTask], None],
    queues: BotQueues,
    selection: TaskSelection,
    report: Report,
) -> None:
    """Replay or delete each selected task, and report the results."""
    known: dict[str, ParkedTask] = {}
    with report.concluded(), HeldMessages(queues.parked) as held:
        report.progress("Reading the parked queue")
        # Of a group that SQS moved, some messages appear only when those before them are deleted. A
        # replayed task that is parked again in the meantime is left for another run.
        while new := {one.id: one for one in group_copies(held.sweep()) if one.id not in known}:
            known |= new
            chosen = [task for task in selection.of(known.values()) if task.id in new]
            report.total += len(chosen)
            for task in chosen:
                try:
                    act(held, task)
                    report.note(task.describe(), task.summary(), None)
                except (MessageRefused, TaskTooLarge, MalformedTask) as error:
                    report.note(task.describe(), task.summary(), str(error))
        if not report.total:
            report.printer.say(f"Nothing is {report.verb}.")
        selection.check(known.values())


def _delete(held: HeldMessages, task: ParkedTask) -> None:
    """Delete all copies, the oldest last: its id makes a repeated replay the same message."""
    for copy in reversed(task.copies):
        held.delete(copy)
