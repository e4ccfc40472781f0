"""Print the account of a soak as tables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from rich.console import Console

    from tests.soak.soak import Account

SHOWN = 20


def print_account(console: Console, account: Account) -> None:
    """Faults and counts, and what became of everything."""
    console.print(_table("faults", account.faults))
    console.print(_table("deliveries again", account.resends))
    console.print(
        _table("answers", {str(status): count for status, count in account.answers.items()})
    )
    console.print(_table("tries of tasks", account.tries))
    for line in _lines(account):
        console.print(line)


def _table(title: str, counts: Counter[str] | dict[str, int]) -> Table:
    table = Table("", "count", title=title, title_justify="left")
    table.columns[1].justify = "right"
    for name, count in sorted(counts.items()):
        table.add_row(name, f"{count:,}")
    table.add_section()
    table.add_row("together", f"{sum(counts.values()):,}")
    return table


def _lines(account: Account) -> Iterator[str]:
    skipped, took = (timedelta(seconds=round(value)) for value in (account.skipped, account.took))
    yield f"{skipped} of delays skipped, in {took}"
    yield f"deliveries {account.deliveries:,}, accepted in the end {account.accepted:,}"
    yield f"comments {account.comments:,}, parked with their reason {account.parked:,}"
    for name, found in (("lost", account.lost), ("duplicated", account.duplicated)):
        yield f"{name} {len(found):,}"
        yield from (f"    {one}" for one in found[:SHOWN])
