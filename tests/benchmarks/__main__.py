"""`make bench`: every table, in one run. `python -m tests.benchmarks --quick` for a try.

Slow figures are told and fail nothing; only errors do.
"""

from __future__ import annotations

import argparse
import sys

from . import packages, start, throughput, warm

TABLES = ("start", "warm", "throughput", "footprint")
STARTS, QUICK_STARTS = 20, 4


def main() -> None:
    """Measure what was asked for, and print it."""
    arguments = _parse()
    quick, wanted = arguments.quick, arguments.tables or TABLES
    contestants = packages.build() if {"start", "warm", "footprint"} & set(wanted) else []
    if "start" in wanted:
        start.measure(contestants, QUICK_STARTS if quick else STARTS)
    if "warm" in wanted:
        warm.measure(contestants, warm.QUICK if quick else warm.FULL)
    if "throughput" in wanted:
        throughput.measure(throughput.QUICK if quick else throughput.FULL)
    if "footprint" in wanted:
        start.measure_footprint(contestants)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure the bot beside others."
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}")
    arguments = parser.parse_args()
    for table in arguments.tables:
        if table not in TABLES:
            parser.error(f"there is no table {table!r}; there are {', '.join(TABLES)}")
    return arguments


if __name__ == "__main__":
    main()
    sys.exit(0)
