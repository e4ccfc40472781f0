"""How parked tasks are printed: in a list, and one with all that is known of it.

What comes from GitLab or from a handler's error is printed as text and styles nothing.
"""

import json
import time

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from .. import durations
from ..console import Printer, plain
from .inventory import SHORT, Parked, Reading

_HEADER = ("ID", "PARKED", "HANDLER", "EVENT", "ABOUT", "TRIES", "BECAUSE")
_GAP = "  "
_LEAST_REASON = 20  # columns; where less is left, lines are wrapped instead
_NO_TASK = "(no task)"


def print_list(parked: list[Parked]) -> None:
    """One line for each task; a terminal's width cuts the reasons, and nothing else."""
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


def in_a_line(parked: Parked) -> str:
    """A task in one line, as far as it is known."""
    event = parked.task.event.event if parked.task is not None else ""
    parts = (parked.id[:SHORT], parked.handler or _NO_TASK, event, parked.about)
    return "  ".join(_line(part) for part in parts if part)


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
