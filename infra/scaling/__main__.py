"""Command line of the tables: `python -m infra.scaling`."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from infra.scaling.load import Load
from infra.scaling.report import report

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
BEGIN, END = "<!-- printed by `make scaling` -->", "<!-- end of the printed part -->"


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(prog="python -m infra.scaling", description=__doc__)
    for assumption in fields(Load):
        if assumption.name != "deliveries":
            default = assumption.default
            parser.add_argument(f"--{assumption.name}", type=type(default), default=default)
    parser.add_argument("--write", action="store_true", help="update docs/scaling.md")
    options = vars(parser.parse_args())
    write = options.pop("write")
    tables = report(Load(0, **options))
    if write:
        PAGE.write_text(embed(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")
    else:
        print(tables)


def embed(page: str, tables: str) -> str:
    """Return the page with these tables between its two comments."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


if __name__ == "__main__":
    main()
