"""`make bench`: every table, in one run. `python -m tests.benchmarks --quick` for a try.

Slow figures are told and fail nothing; only errors do.
"""

from __future__ import annotations

import argparse
import sys

from . import packages, queued, receive, start, throughput, warm, work

TABLES = ("start", "warm", "throughput", "footprint", "queued", "receive", "work")
STARTS, QUICK_STARTS = 20, 4


def main() -> None:
    """Measure what was asked for, and print it."""
    arguments = _parse()
    quick, wanted = arguments.quick, arguments.tables or TABLES
    contestants = packages.build() if set(wanted) != {"throughput"} else []
    if "start" in wanted:
        start.measure(contestants, QUICK_STARTS if quick else STARTS)
    if "warm" in wanted:
        warm.measure(contestants, warm.QUICK if quick else warm.FULL)
    if "throughput" in wanted:
        throughput.measure(throughput.QUICK if quick else throughput.FULL)
    if "footprint" in wanted:
        start.measure_footprint(contestants)
    if "queued" in wanted:
        queued.measure(contestants, QUICK_STARTS if quick else STARTS)
    if "receive" in wanted:
        receive.measure(packages.ours(contestants), receive.QUICK if quick else receive.FULL)
    if "work" in wanted:
        work.measure(packages.ours(contestants), work.QUICK if quick else work.FULL)


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
