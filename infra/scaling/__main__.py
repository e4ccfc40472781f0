"""Command line of the simulation: `python -m infra.scaling`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from infra.scaling.limits import MAXIMUM_CONCURRENCY
from infra.scaling.load import Load
from infra.scaling.report import report

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
BEGIN, END = "<!-- printed by `make scaling` -->", "<!-- end of what is printed -->"


def main() -> int:
    """Print the tables, or put them into the page."""
    parser = argparse.ArgumentParser(prog="python -m infra.scaling", description="The tables.")
    for one in fields(Load):
        if one.name != "deliveries":
            kind = type(one.default)
            parser.add_argument(f"--{one.name}", type=kind, default=one.default)
    parser.add_argument("--concurrency", type=int, default=MAXIMUM_CONCURRENCY)
    parser.add_argument("--write", action="store_true", help="into docs/scaling.md")
    given = vars(parser.parse_args())
    concurrency, write = given.pop("concurrency"), given.pop("write")
    tables = report(Load(0, **given), concurrency)
    if write:
        PAGE.write_text(embed(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")
    else:
        print(tables)
    return 0


def embed(page: str, tables: str) -> str:
    """A page with other tables between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())
