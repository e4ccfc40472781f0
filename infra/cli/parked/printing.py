"""Parked tasks on a terminal: a list of them, and one in detail."""

import json

from ..console import Printer
from .tasks import ParkedTask

_HEADER = ("ID", "HANDLER", "EVENT", "ABOUT", "PARKED", "TRIES", "BECAUSE")


def print_list(shown: list[ParkedTask], *, of: int, hidden: int = 0) -> None:
    """Print one line for each task, or the reason why there is none.

    Args:
        shown: The tasks to print.
        of: The number of parked tasks.
        hidden: The approximate number of tasks that another command holds.
    """
    printer = Printer()
    if shown:
        rows = [_HEADER, *map(_row, shown)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = map(str.ljust, row, widths)
            printer.say("  ".join(cells).rstrip(), style="bold" if row is _HEADER else "")
    elif of:
        printer.say(f"None of the parked tasks matches ({of} are parked).")
    elif hidden:
        printer.say(
            f"No parked task is visible. Another command, or a killed one, holds about {hidden} "
            "tasks: try again in 2 minutes."
        )
    else:
        printer.say("Nothing is parked.")


def _row(task: ParkedTask) -> tuple[str, ...]:
    summary, copies = task.summary(), len(task.copies)
    because = summary["because"] + (f" (parked {copies} times)" if copies > 1 else "")
    attempts = str(summary["attempts"] or "?")
    cells = (*task.labels(), summary["parked_at"], attempts, because)
    return tuple(" ".join(cell.split()) for cell in cells)


def print_details(task: ParkedTask) -> None:
    """Print the summary of a task, each time it was parked, and the payload."""
    printer, details = Printer(), task.details()
    for name, value in task.summary().items():
        printer.say(f"{name:<12} {value}")
    for parking in details["parkings"]:
        tries = f" after {parking['attempts']} tries" if parking["attempts"] else ""
        printer.title(f"Parked at {parking['at']}{tries}:")
        printer.say(parking["because"], style="yellow")
        if parking["traceback"]:
            printer.quote(parking["traceback"])
    printer.title("Payload:" if task.task else "Body:")
    printer.say(json.dumps(details["payload"], indent=2) if task.task else details["body"])
