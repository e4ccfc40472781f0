"""`make bench`: every table, in one run.

A slow figure fails nothing; only an error does. `--quick` takes fewer samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache, partial

from . import footprint, packages, queued, start, throughput, transports, warm

Build = Callable[[], packages.Packages]  # builds them once
TABLES: dict[str, Callable[[Build, bool], None]] = {
    "start": lambda build, quick: start.measure(build(), rounds=4 if quick else 40),
    "warm": lambda build, quick: warm.measure(build(), warm.QUICK if quick else warm.FULL),
    "throughput": lambda _, quick: throughput.measure(
        throughput.QUICK if quick else throughput.FULL
    ),
    "footprint": lambda build, _: footprint.measure(build()),
    "queued": lambda build, quick: queued.measure(build(), queued.QUICK if quick else queued.FULL),
    "transports": lambda _, quick: transports.measure(
        transports.QUICK if quick else transports.FULL
    ),
}


def main() -> None:
    """Measure and print the chosen tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples, rougher figures")
    parser.add_argument(
        "--against", metavar="COMMIT", help="compare start and queued with an earlier commit"
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}")
    options = parser.parse_args()
    if unknown := set(options.tables) - TABLES.keys():
        parser.error(f"unknown tables {sorted(unknown)}: choose from {', '.join(TABLES)}")
    build = cache(partial(packages.build, options.against))
    for name, measure in TABLES.items():
        if not options.tables or name in options.tables:
            measure(build, options.quick)


if __name__ == "__main__":
    main()
