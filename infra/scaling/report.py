"""The tables of docs/scaling.md, as Markdown."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.scaling import limits
from infra.scaling.bill import usage
from infra.scaling.prices import PRICES
from infra.scaling.queueing import MINUTES_A_DAY, Waits, fits, simulate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.scaling.load import Load

LEVELS = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
MINUTE, HOUR = 60, 3600


def report(load: Load, concurrency: int = limits.MAXIMUM_CONCURRENCY) -> str:
    """All tables, for a load of which the deliveries a day are put in."""
    loads = [replace(load, deliveries=deliveries) for deliveries in LEVELS]
    refused = [
        simulate(one, limits.GITLAB_COM, concurrency) if fits(one, limits.GITLAB_COM) else None
        for one in loads
    ]
    raised = [simulate(one, limits.RAISED, concurrency) for one in loads]
    # What GitLab never takes in is billed as if its limits were raised.
    tries = [(one or other).tries for one, other in zip(refused, raised, strict=True)]
    return "\n\n".join(
        (
            "### In the busiest second or minute\n\n" + _peaks(loads, concurrency),
            "### From the delivery until the task is done\n\n" + _waits(loads, refused, raised),
            "### A month's bill, in US dollars\n\n" + _bills(loads, tries),
            "### The prices\n\n" + _prices(),
        )
    )


def _peaks(loads: Sequence[Load], concurrency: int) -> str:
    head = [
        "deliveries a day",
        f"deliveries/s (the API takes {limits.API_RATE:,})",
        f"receiving at once (Lambda: {limits.LAMBDA_CONCURRENCY:,})",
        f"queue requests/s (FIFO: {limits.FIFO_REQUESTS:,})",
        f"working at once (of {concurrency})",
        f"notes/min (of {limits.GITLAB_COM.notes})",
        f"calls/min (of {limits.GITLAB_COM.calls:,})",
        "full",
    ]
    return _table(head, (_peak(load, concurrency) for load in loads))


def _peak(load: Load, concurrency: int) -> list[str]:
    deliveries, tasks = load.at_peak(load.deliveries), load.at_peak(load.tasks_a_day)
    receiving = deliveries * load.receive + tasks * load.queue
    working = tasks * load.work
    notes, calls = tasks * load.notes * MINUTE, tasks * load.calls * MINUTE
    issues = tasks * load.issues * MINUTE
    shares = {
        "the API's throttle": deliveries / limits.API_RATE,
        "Lambda": (receiving + working) / limits.LAMBDA_CONCURRENCY,
        "the queue": tasks / limits.FIFO_REQUESTS,
        "`MaximumConcurrency`": working / concurrency,
        "GitLab's notes": notes / limits.GITLAB_COM.notes,
        "GitLab's issues": issues / limits.GITLAB_COM.issues,
        "GitLab's calls": calls / limits.GITLAB_COM.calls,
        "gitlab.com's webhooks": deliveries * MINUTE / limits.GITLAB_COM_WEBHOOKS,
    }
    first = max(shares, key=shares.__getitem__)
    over = [name for name, share in shares.items() if share > 1]
    return [
        f"{load.deliveries:,}",
        _number(deliveries),
        _number(receiving),
        _number(tasks),
        _number(working),
        _number(notes),
        _number(calls),
        f"**{', '.join(over)}**" if over else f"nothing; {first} to {_percent(shares[first])}",
    ]


def _waits(loads: Sequence[Load], refused: Sequence[Waits | None], raised: Sequence[Waits]) -> str:
    head = [
        "deliveries a day",
        "tasks a day",
        "gitlab.com: half within",
        "99% within",
        "waiting at once",
        "tries a task",
        "parked",
        "limits raised: half within",
        "99% within",
    ]
    return _table(
        head,
        (
            [
                f"{load.deliveries:,}",
                f"{load.tasks_a_day:,}",
                *_gitlab_com(load, one),
                _duration(other.median),
                _duration(other.p99),
            ]
            for load, one, other in zip(loads, refused, raised, strict=True)
        ),
    )


def _gitlab_com(load: Load, waits: Waits | None) -> list[str]:
    if waits is not None:
        return [
            _duration(waits.median),
            _duration(waits.p99),
            f"{waits.backlog:,}",
            f"{waits.tries:.1f}",
            f"{waits.parked:,}",
        ]
    taken = limits.GITLAB_COM.tasks(load)
    users = math.ceil(load.at_peak(load.tasks_a_day) * MINUTE / taken)
    return [
        f"**never**: {taken * MINUTES_A_DAY:,.0f} a day are taken",
        f"{users} bot users could",
        "-",
        "-",
        "-",
    ]


def _bills(loads: Sequence[Load], tries: Sequence[float]) -> str:
    used = [usage(load, one) for load, one in zip(loads, tries, strict=True)]
    rows = [
        [price.name, *(_dollars(price.cost(one[price], free_tier=False)) for one in used)]
        for price in PRICES
    ]
    for name, free_tier in (("**sum**", False), ("**sum, less the free tier**", True)):
        sums = (
            sum(price.cost(amount, free_tier=free_tier) for price, amount in one.items())
            for one in used
        )
        rows.append([name, *(f"**{_dollars(one)}**" for one in sums)])
    return _table(["deliveries a day", *(f"{load.deliveries:,}" for load in loads)], rows)


def _prices() -> str:
    return _table(
        ["", "US dollars", "for", "then", "free each month", "published"],
        (
            [
                price.name,
                _price(price.dollars),
                f"{price.units:,} {price.unit}",
                f"{_price(price.dollars_after)} after {price.after:,}" if price.after else "-",
                f"{price.free:,}" if price.free else "-",
                f"[{price.published}]({price.source})",
            ]
            for price in PRICES
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.1 else "< 0.1"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "under 1%"


def _duration(seconds: float) -> str:
    for unit, name in ((HOUR, "h"), (MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"


def _price(dollars: float) -> str:
    return f"{dollars:.2f}" if round(dollars, 2) == dollars else f"{dollars:g}"


def _dollars(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 1000 else f"{amount:,.0f}"
