"""`gidgetlambda parked`: look at the parked tasks, and send them on their way again.

Options, and what is said. The tasks are moved by `moving` and printed by `printing`; all of that is
imported by the command that is run, for the others to start without it.
"""

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import durations
from ..failure import FAILED, Failure, complain, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from .inventory import Parked, Selection
    from .moving import Result
    from .queues import Queues

app = typer.Typer(
    name="parked",
    help="The tasks that could not be done: list, show, replay or drop them.",
    no_args_is_help=True,
)


_Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID...", help="Ids as `list` shows them; their beginnings serve."),
]
_Id = Annotated[
    str, typer.Argument(metavar="ID", help="An id as `list` shows it, or its beginning.")
]
_All = Annotated[bool, typer.Option("--all", help="Every parked task.")]
_Handler = Annotated[
    str | None,
    typer.Option(
        help="Tasks of this handler: module:function, only the function, or a pattern with *."
    ),
]
_OlderThan = Annotated[
    float | None,
    typer.Option(
        parser=durations.seconds, metavar="TIME", help="Tasks parked for longer: 30m, 2h, 3d."
    ),
]
_StackName = Annotated[
    str | None,
    typer.Option(
        "--stack",
        help="The bot's stack. Default: GIDGETLAMBDA_STACK, else samconfig.toml's.",
    ),
]
_QueueUrl = Annotated[
    str | None, typer.Option(help="The URL of the queue, instead of the one of a stack.")
]
_ParkedQueueUrl = Annotated[
    str | None,
    typer.Option(help="The URL of the parked queue. Default: what the queue names as such."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]


@app.command("list")
def list_(
    handler: _Handler = None,
    older_than: _OlderThan = None,
    stack: _StackName = None,
    queue_url: _QueueUrl = None,
    parked_queue_url: _ParkedQueueUrl = None,
    as_json: _Json = False,
) -> None:
    """One line for each parked task, oldest first."""
    from .moving import look

    with told():
        selection = _selection([], handler, older_than)
        everything, hidden = look(_queues(stack, queue_url, parked_queue_url))
        shown = [parked for parked in everything if selection.takes(parked)]
        if as_json:
            _print_json([parked.summary() for parked in shown])
        else:
            _print_list(shown, everything, hidden)
        if everything:
            _require(selection.missing(everything))


@app.command()
def show(
    id_: _Id,
    stack: _StackName = None,
    queue_url: _QueueUrl = None,
    parked_queue_url: _ParkedQueueUrl = None,
    as_json: _Json = False,
) -> None:
    """What a parked task is about, why it failed, and the event's payload."""
    from .moving import look

    with told():
        selection = _selection([id_], None, None)
        everything, _ = look(_queues(stack, queue_url, parked_queue_url))
        _require([*selection.unclear(everything), *selection.missing(everything)])
        for parked in filter(selection.takes, everything):
            _print_details(parked, as_json)


@app.command()
def replay(
    ids: _Ids = None,
    all_: _All = False,
    handler: _Handler = None,
    older_than: _OlderThan = None,
    stack: _StackName = None,
    queue_url: _QueueUrl = None,
    parked_queue_url: _ParkedQueueUrl = None,
    as_json: _Json = False,
) -> None:
    """Put parked tasks back on the queue, oldest first. Safely repeated after an interruption."""
    from . import moving

    _require_choice(ids, all_, handler, older_than)
    with told():
        queues = _queues(stack, queue_url, parked_queue_url)
        selection = _selection(ids, handler, older_than)
        _carry_out("Replayed", as_json, lambda result: moving.replay(queues, selection, result))


@app.command()
def drop(
    ids: _Ids = None,
    all_: _All = False,
    handler: _Handler = None,
    older_than: _OlderThan = None,
    yes: _Yes = False,
    stack: _StackName = None,
    queue_url: _QueueUrl = None,
    parked_queue_url: _ParkedQueueUrl = None,
    as_json: _Json = False,
) -> None:
    """Delete parked tasks for good."""
    from . import moving

    _require_choice(ids, all_, handler, older_than)
    if as_json and not yes:
        raise typer.BadParameter("with --json nothing can be asked: say --yes as well")
    with told():
        queues = _queues(stack, queue_url, parked_queue_url)
        selection = _selection(ids, handler, older_than)
        if not yes:
            selection = _confirmed(queues, selection)
        _carry_out("Dropped", as_json, lambda result: moving.drop(queues, selection, result))


def _queues(stack: str | None, queue_url: str | None, parked_queue_url: str | None) -> "Queues":
    from .queues import Queues

    if stack and (queue_url or parked_queue_url):
        raise typer.BadParameter("name the stack or the queues, not both")
    return Queues.found(stack, queue_url, parked_queue_url)


def _selection(ids: list[str] | None, handler: str | None, older_than: float | None) -> "Selection":
    from .inventory import Selection

    before = None if older_than is None else time.time() - older_than
    return Selection(tuple(one.lower() for one in ids or ()), handler, before)


def _require_choice(
    ids: list[str] | None, all_: bool, handler: str | None, older_than: float | None
) -> None:
    if ids and all_:
        raise typer.BadParameter("ids and --all contradict each other")
    if not (ids or all_ or handler is not None or older_than is not None):
        raise typer.BadParameter("say which: ids, --handler, --older-than or --all")


def _confirmed(queues: "Queues", selection: "Selection") -> "Selection":
    """The selection as it was shown and agreed to: what is parked later is not in it."""
    from .inventory import Selection
    from .moving import look

    everything, _ = look(queues)
    _require(selection.unclear(everything))
    chosen = [parked for parked in everything if selection.takes(parked)]
    if not chosen:
        return selection
    _print_list(chosen, everything, 0)
    typer.confirm(f"Drop {_tasks(len(chosen))} for good?", abort=True, err=True)
    return Selection(ids=(*selection.ids, *(parked.id for parked in chosen)))


def _carry_out(verb: str, as_json: bool, act: "Callable[[Result], None]") -> None:
    """Run what moves tasks, tell what became of each, and exit accordingly."""
    from .moving import Result

    result = Result(tell=lambda parked, problem: None if as_json else _tell(parked, problem))
    stopped: Failure | KeyboardInterrupt | None = None
    try:
        act(result)
    except (Failure, KeyboardInterrupt) as error:
        stopped = error
    if as_json:
        _print_json(_result_for_programs(verb.lower(), result, stopped))
    else:
        typer.echo(_in_short(verb, result))
    if stopped is not None:
        raise stopped
    _require(result.missing)
    if result.failed:
        raise typer.Exit(FAILED)


def _result_for_programs(
    verb: str, result: "Result", stopped: BaseException | None
) -> dict[str, Any]:
    return {
        verb: [parked.summary() for parked in result.done],
        "failed": [{**parked.summary(), "problem": problem} for parked, problem in result.failed],
        "missing": result.missing,
        "stopped": (str(stopped) or "interrupted") if stopped is not None else None,
    }


def _in_short(verb: str, result: "Result") -> str:
    if not result.done and not result.failed:
        return f"{verb} nothing."
    rest = f"; {len(result.failed)} could not be" if result.failed else ""
    return f"{verb} {_tasks(len(result.done))}{rest}."


def _tell(parked: "Parked", problem: str | None) -> None:
    from ..console import Printer
    from .printing import in_a_line

    sign, style = ("✓ ", "green") if problem is None else ("✗ ", "red")
    because = f": {problem}" if problem is not None else ""
    Printer().line((sign, style), (in_a_line(parked), ""), (because, style))


def _print_list(shown: "list[Parked]", everything: "list[Parked]", hidden: int) -> None:
    from .printing import print_list

    if shown:
        print_list(shown)
    elif everything:
        typer.echo(f"None of the {_tasks(len(everything))} that are parked is meant.")
    elif hidden:
        typer.echo(
            f"Nothing to be seen, with about {_tasks(hidden)} held by another command, or by one "
            "that was killed. Try again in 2 minutes."
        )
    else:
        typer.echo("Nothing is parked.")
    if any(parked.task is not None and parked.moved_by_sqs for parked in shown):
        typer.echo(
            "Behind those that SQS itself moved here, others of the same group can wait unseen "
            "until these are replayed or dropped."
        )


def _print_details(parked: "Parked", as_json: bool) -> None:
    from .printing import print_details

    if as_json:
        _print_json(parked.details())
    else:
        print_details(parked)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))


def _require(problems: list[str]) -> None:
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(FAILED)


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"
