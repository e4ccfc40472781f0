"""Parked tasks on a terminal: as a list, and in detail."""

import json

from ..console import Printer
from .tasks import Parked

_HEADER = ("ID", "HANDLER", "EVENT", "ABOUT", "PARKED", "TRIES", "BECAUSE")


def print_list(shown: list[Parked], *, of: int, hidden: int = 0) -> None:
    """Print one line for each task, or the reason why there is none.

    Args:
        of: the number of parked tasks.
        hidden: the approximate number of tasks that somebody else holds.
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
            f"No parked task is visible. Another command, or a killed one, holds about {hidden}: "
            "try again in 2 minutes."
        )
    else:
        printer.say("Nothing is parked.")


def _row(parked: Parked) -> tuple[str, ...]:
    summary, copies = parked.summary(), len(parked.copies)
    because = summary["because"] + (f" (parked {copies} times)" if copies > 1 else "")
    attempts = str(summary["attempts"] or "?")
    cells = (*parked.labels(), summary["parked_at"], attempts, because)
    return tuple(" ".join(cell.split()) for cell in cells)


def print_details(parked: Parked) -> None:
    """Print the summary of a task, each time it was parked, and the payload."""
    printer, details = Printer(), parked.details()
    for name in parked.summary():
        printer.say(f"{name:<12} {details[name]}")
    for parking in details["parkings"]:
        tries = f" after {parking['attempts']} tries" if parking["attempts"] else ""
        printer.title(f"Parked at {parking['at']}{tries}:")
        printer.say(parking["because"], style="yellow")
        if parking["traceback"]:
            printer.quote(parking["traceback"])
    printer.title("Payload:" if parked.task else "Body:")
    printer.say(json.dumps(details["payload"], indent=2) if parked.task else details["body"])
