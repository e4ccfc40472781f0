"""Soak: deliveries through random faults; exits 0 only if none is lost or handled twice."""

from __future__ import annotations

import argparse
import random
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.soak.soak import soak

if TYPE_CHECKING:
    from tests.soak.result import SoakResult

SHOWN = 20


def main() -> int:
    """Run the soak, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("deliveries", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    console = Console(soft_wrap=True)
    console.print(f"seed {options.seed}")
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Delivering", total=options.deliveries)
        result = soak(
            options.deliveries, options.seed, lambda done: progress.update(bar, completed=done)
        )
    _print_result(console, result)
    return 0 if result.sound else 1


def _print_result(console: Console, result: SoakResult) -> None:
    for title, counts in result.counts.items():
        table = Table("", "count", title=title, title_justify="left", show_footer=True)
        table.columns[0].footer = "total"
        table.columns[1].footer = f"{counts.total():,}"
        table.columns[1].justify = "right"
        for name, count in sorted(counts.items()):
            table.add_row(name, f"{count:,}")
        console.print(table)
    console.print(f"deliveries {result.deliveries:,}, accepted {result.accepted:,}")
    console.print(f"comments {result.comments:,}, parked with their reason {result.parked:,}")
    for name, found in (("lost", result.lost), ("duplicated", result.duplicated)):
        console.print(f"{name} {len(found):,}")
        for one in found[:SHOWN]:
            console.print(f"    {one}")


if __name__ == "__main__":
    sys.exit(main())
