"""How parked tasks are printed: in a list, in all detail, and with what became of them.

What comes from GitLab or from a handler's error is printed as text and styles nothing.
"""

import json
import time
from typing import Any

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console

from .. import durations
from ..console import Printer, plain
from .inventory import SHORT, Parked, Reading
from .moving import Result

_HEADER = ("ID", "PARKED", "HANDLER", "EVENT", "ABOUT", "TRIES", "BECAUSE")
_GAP = "  "
_LEAST_REASON = 20  # columns; where less is left, lines are wrapped instead
_NO_TASK = "(no task)"


def print_list(shown: list[Parked], *, of: int, hidden: int = 0) -> None:
    """One line for each task, or why there is none.

    of: how many tasks are parked.
    hidden: about how many others somebody holds at the moment.
    """
    if shown:
        _print_table(shown)
    elif of:
        typer.echo(f"None of the {tasks(of)} that are parked is meant.")
    elif hidden:
        typer.echo(
            f"Nothing to be seen, with about {tasks(hidden)} held by another command, or by one "
            "that was killed. Try again in 2 minutes."
        )
    else:
        typer.echo("Nothing is parked.")
    if any(parked.task is not None and parked.moved_by_sqs for parked in shown):
        typer.echo(
            "Behind those that SQS itself moved here, others of the same group can wait unseen "
            "until these are replayed or dropped."
        )


def _print_table(parked: list[Parked]) -> None:
    """A terminal's width cuts the reasons, and nothing else."""
    console = Console(highlight=False)
    printer, now = Printer(console), time.time()
    rows = [_HEADER, *(tuple(_line(cell) for cell in _cells(one, now)) for one in parked)]
    widths = [max(map(cell_len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    left = console.width - sum(widths) - len(_GAP) * len(widths)
    for row in rows:
        *cells, because = row
        if console.is_terminal and cell_len(because) > left >= _LEAST_REASON:
            because = f"{set_cell_size(because, left - 1)}…"
        padded = map(set_cell_size, cells, widths)
        printer.line((_GAP.join((*padded, because)), "bold" if row is _HEADER else ""))


def print_details(parked: Parked) -> None:
    """A task: what it is about, each time it was parked, and the payload."""
    printer = Printer()
    task = parked.task
    printer.say(f"Parked task {parked.id}", style="bold")
    if task is None:
        printer.say(parked.because, style="yellow")
    else:
        event = task.event
        for name, value in (
            ("Handler", task.handler),
            ("Event", event.event),
            ("About", parked.about),
            ("Delivery", event.delivery_id),
            ("Received", f"{durations.minute(task.received)} UTC"),
        ):
            printer.say(f"  {name:<10}{value}")
    for reading in parked.readings:
        _print_reading(printer, reading)
    printer.title("Payload:" if task is not None else "Body:")
    body = parked.readings[0].copy.body if task is None else json.dumps(task.event.data, indent=2)
    printer.say(body)


def print_result(parked: Parked, problem: str | None) -> None:
    """What became of a task that was to be moved."""
    event = parked.task.event.event if parked.task is not None else ""
    parts = (parked.id[:SHORT], parked.handler or _NO_TASK, event, parked.about)
    Printer().result("  ".join(_line(part) for part in parts if part), problem)


def in_short(verb: str, result: Result) -> str:
    """What became of all of them, in a sentence that begins with what was done ("Replayed")."""
    if not result.done and not result.failed:
        return f"{verb} nothing."
    rest = f"; {len(result.failed)} could not be" if result.failed else ""
    return f"{verb} {tasks(len(result.done))}{rest}."


def for_programs(verb: str, result: Result, stopped: BaseException | None) -> dict[str, Any]:
    """The same for programs, with why it was stopped before its end."""
    return {
        verb: [parked.summary() for parked in result.done],
        "failed": [{**parked.summary(), "problem": problem} for parked, problem in result.failed],
        "missing": result.missing,
        "stopped": (str(stopped) or "interrupted") if stopped is not None else None,
    }


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))


def tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def _cells(parked: Parked, now: float) -> tuple[str, ...]:
    times = len(parked.readings)
    return (
        parked.id[:SHORT],
        f"{durations.span(now - parked.at)} ago",
        parked.handler or _NO_TASK,
        parked.task.event.event if parked.task is not None else "",
        parked.about,
        "?" if parked.attempts is None else str(parked.attempts),
        parked.because + (f" (parked {times} times)" if times > 1 else ""),
    )


def _print_reading(printer: Printer, reading: Reading) -> None:
    parking = reading.parking
    tried = f" after {parking.attempts} tries" if parking is not None else ""
    printer.title(f"Parked at {durations.minute(reading.at)} UTC{tried}:")
    printer.say(reading.because, style="yellow")
    if parking is not None and parking.traceback:
        printer.say()
        for line in parking.traceback.rstrip().splitlines():
            printer.line((f"  {line}", "dim"))


def _line(text: str) -> str:
    return plain(" ".join(text.split()))
