"""`make bench`: every table, in one run.

A slow figure fails nothing; only an error does. `--quick` takes fewer samples.
"""

from __future__ import annotations

import argparse
from functools import cache
from typing import TYPE_CHECKING

from . import footprint, packages, queued, start, throughput, warm

if TYPE_CHECKING:
    from collections.abc import Callable

build = cache(packages.build)
TABLES: dict[str, Callable[[bool], None]] = {
    "start": lambda quick: start.measure(build(), rounds=4 if quick else 20),
    "warm": lambda quick: warm.measure(build(), warm.QUICK if quick else warm.FULL),
    "throughput": lambda quick: throughput.measure(throughput.QUICK if quick else throughput.FULL),
    "footprint": lambda quick: footprint.measure(build()),
    "queued": lambda quick: queued.measure(build(), queued.QUICK if quick else queued.FULL),
}


def main() -> None:
    """Measure and print the chosen tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples, rougher figures")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}")
    options = parser.parse_args()
    if unknown := set(options.tables) - TABLES.keys():
        parser.error(f"unknown tables {sorted(unknown)}: choose from {', '.join(TABLES)}")
    for name, measure in TABLES.items():
        if not options.tables or name in options.tables:
            measure(options.quick)


if __name__ == "__main__":
    main()
