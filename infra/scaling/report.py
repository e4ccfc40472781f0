"""The tables of docs/scaling.md, as Markdown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infra.scaling.bill import total, usage
from infra.scaling.limits import limits
from infra.scaling.load import PEAK
from infra.scaling.prices import PRICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.scaling.load import Load

LEVELS = (0, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
EXAMPLE = 100_000
SHOWN = 100_000_000


def report(load: Load) -> str:
    """Return all tables, for a load at several numbers of deliveries a day."""
    bills = [replace(load, deliveries=deliveries) for deliveries in LEVELS]
    return "\n\n".join(
        (
            f"### The monthly bill, in US dollars\n\n{_bill_table(bills)}",
            f"### The limits\n\n{_limit_table(replace(load, deliveries=EXAMPLE))}",
            f"### The prices\n\n{_price_table()}",
        )
    )


def _bill_table(loads: Sequence[Load]) -> str:
    used = [usage(load) for load in loads]
    rows = [
        [price.name, *(dollars(price.cost(one[price], free_tier=False)) for one in used)]
        for price in PRICES
    ]
    for name, free_tier in (("**total**", False), ("**total with the free tier**", True)):
        rows.append([name, *(f"**{dollars(total(load, free_tier=free_tier))}**" for load in loads)])
    return _table(["deliveries a day", *(f"{load.deliveries:,}" for load in loads)], rows)


def _limit_table(load: Load) -> str:
    head = [
        "limit",
        "allowed",
        f"used at {load.deliveries:,} deliveries a day",
        "reached in the busiest hour, at deliveries a day",
        "exceeded all day, at deliveries a day",
    ]
    rows = []
    for limit in limits(load):
        reached = load.deliveries / limit.share
        rows.append(
            [
                f"[{limit.name}]({limit.source})",
                f"{limit.allowed:,} {limit.unit}",
                f"{limit.used:,.1f}" if limit.used >= 0.1 else "< 0.1",
                _rounded(reached),
                _rounded(reached * PEAK),
            ]
        )
    return _table(head, rows)


def _price_table() -> str:
    rows = (
        [
            price.name,
            f"{price.dollars:g}",
            f"{price.units:,} {price.unit}",
            f"{price.free:,}",
            f"[{price.published}]({price.source})",
        ]
        for price in PRICES
    )
    return _table(["item", "US dollars", "for", "free each month", "price list of"], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def dollars(amount: float) -> str:
    return f"{amount + 1e-9:,.2f}"  # halves are rounded up


def _rounded(count: float) -> str:
    """Round to two digits, since the assumptions are no more precise."""
    return f"{float(f'{count:.1e}'):,.0f}" if count < SHOWN else f"over {SHOWN:,}"
