"""`gidgetlambda parked`: look at the parked tasks, and send them on their way again.

The tasks are moved by `moving` and printed by `printing`; all of that is imported by the command
that is run, for the others to start without it.
"""

from typing import TYPE_CHECKING

import typer

from ..failure import FAILED, Failure, complain, told
from ..options import AsJson, grouped
from .options import Choice, Handler, Id, OlderThan, Where, Yes

if TYPE_CHECKING:
    from collections.abc import Callable

    from .moving import Result
    from .queues import Queues
    from .selection import Selection

app = typer.Typer(
    name="parked",
    help="The tasks that could not be done: list, show, replay or drop them.",
    no_args_is_help=True,
)


@app.command("list")
@grouped
def list_(
    *,
    handler: Handler = None,
    older_than: OlderThan = None,
    where: Where,
    as_json: AsJson = False,
) -> None:
    """One line for each parked task, oldest first."""
    from .moving import look
    from .printing import print_json, print_list

    with told():
        selection = Choice(handler=handler, older_than=older_than).selection()
        everything, hidden = look(where.queues())
        shown = [parked for parked in everything if selection.takes(parked)]
        if as_json:
            print_json([parked.summary() for parked in shown])
        else:
            print_list(shown, of=len(everything), hidden=hidden)
        if everything:
            _require(selection.missing(everything))


@app.command()
@grouped
def show(*, id_: Id, where: Where, as_json: AsJson = False) -> None:
    """What a parked task is about, why it failed, and the event's payload."""
    from .moving import look
    from .printing import print_details, print_json

    with told():
        selection = Choice(ids=[id_]).selection()
        everything, _ = look(where.queues())
        _require([*selection.unclear(everything), *selection.missing(everything)])
        for parked in filter(selection.takes, everything):
            if as_json:
                print_json(parked.details())
            else:
                print_details(parked)


@app.command()
@grouped
def replay(*, choice: Choice, where: Where, as_json: AsJson = False) -> None:
    """Put parked tasks back on the queue, oldest first. Safely repeated after an interruption."""
    from . import moving

    choice.require()
    with told():
        queues, selection = where.queues(), choice.selection()
        _carry_out("Replayed", as_json, lambda result: moving.replay(queues, selection, result))


@app.command()
@grouped
def drop(*, choice: Choice, yes: Yes = False, where: Where, as_json: AsJson = False) -> None:
    """Delete parked tasks for good."""
    from . import moving

    choice.require()
    if as_json and not yes:
        raise typer.BadParameter("with --json nothing can be asked: say --yes as well")
    with told():
        queues, selection = where.queues(), choice.selection()
        if not yes:
            selection = _confirmed(queues, selection)
        _carry_out("Dropped", as_json, lambda result: moving.drop(queues, selection, result))


def _confirmed(queues: "Queues", selection: "Selection") -> "Selection":
    """The selection as it was shown and agreed to: what is parked later is not in it."""
    from .moving import look
    from .printing import print_list, tasks
    from .selection import Selection

    everything, _ = look(queues)
    _require(selection.unclear(everything))
    chosen = [parked for parked in everything if selection.takes(parked)]
    if not chosen:
        return selection
    print_list(chosen, of=len(everything))
    typer.confirm(f"Drop {tasks(len(chosen))} for good?", abort=True, err=True)
    return Selection(ids=(*selection.ids, *(parked.id for parked in chosen)))


def _carry_out(verb: str, as_json: bool, act: "Callable[[Result], None]") -> None:
    """Run what moves tasks, tell what became of each, and exit accordingly."""
    from .moving import Result
    from .printing import for_programs, in_short, print_json, print_result

    result = Result(tell=lambda parked, problem: None if as_json else print_result(parked, problem))
    stopped: Failure | KeyboardInterrupt | None = None
    try:
        act(result)
    except (Failure, KeyboardInterrupt) as error:
        stopped = error
    if as_json:
        print_json(for_programs(verb.lower(), result, stopped))
    else:
        typer.echo(in_short(verb, result))
    if stopped is not None:
        raise stopped
    _require(result.missing)
    if result.failed:
        raise typer.Exit(FAILED)


def _require(problems: list[str]) -> None:
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(FAILED)
