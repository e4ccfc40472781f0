"""`python -m tests.soak [DELIVERIES]`: exits 0 only if nothing was lost and nothing done twice."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.progress import Progress

from tests.soak.report import print_account
from tests.soak.soak import soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("deliveries", type=int, nargs="?", default=10_000)
    deliveries: int = parser.parse_args().deliveries
    console = Console(soft_wrap=True)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Delivering", total=deliveries)
        account = soak(deliveries, lambda done: progress.update(bar, completed=done))
    print_account(console, account)
    return 0 if account.sound else 1


if __name__ == "__main__":
    sys.exit(main())
