"""`hook resend`: what was ordered is carried out, and told to whoever watches or to programs.

GitLab is asked by `resend`; here is what is said.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from .. import durations
from ..console import Printer
from ..failure import FAILED, Failure, complain
from ..gitlab import connected
from .log import Delivery
from .place import Place
from .resend import PER_MINUTE, Hook, Log, Result, find_hooks, read_log, resend
from .throttle import Throttle


@dataclass(frozen=True)
class Order:
    """What the command was asked for."""

    place: Place
    hook_ids: tuple[int, ...]
    endpoint: str | None
    since: float | None
    dry_run: bool
    keep_going: bool
    as_json: bool


class Report:
    """Carries out an order, and tells how it goes."""

    def __init__(self, order: Order) -> None:
        console = Console(highlight=False, quiet=order.as_json)
        self._order = order
        self._printer = Printer(console)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            disable=not console.is_terminal or order.as_json,
            transient=True,
        )
        self._bar = self._progress.add_task("Reading the log", total=None)
        self._hooks: list[Hook] = []
        self._log: Log | None = None
        self._result = Result(tell=self._tell)

    def carry_out(self) -> None:
        stopped: Failure | KeyboardInterrupt | None = None
        try:
            with self._progress:
                asyncio.run(self._ask_gitlab())
        except (Failure, KeyboardInterrupt) as error:
            stopped = error
        if self._order.as_json:
            typer.echo(json.dumps(self._for_programs(stopped), indent=2))
        elif self._log is not None:
            self._sum_up(self._log)
        if stopped is not None:
            raise stopped
        if self._result.stopped:
            complain(self._result.stopped)
        if self._result.failed:
            raise typer.Exit(FAILED)

    async def _ask_gitlab(self) -> None:
        order = self._order
        throttle = Throttle(PER_MINUTE, waiting=self._tell_waiting)
        async with connected() as gl:
            self._hooks = await find_hooks(
                gl, order.place, ids=order.hook_ids, endpoint=order.endpoint
            )
            self._log = await read_log(
                gl, order.place, self._hooks, throttle, since=order.since, told=self._tell_read
            )
            self._progress.reset(self._bar, total=len(self._log.deliveries))
            self._progress.update(self._bar, description="Sending")
            if not order.dry_run:
                await resend(
                    gl,
                    order.place,
                    self._log.deliveries,
                    throttle,
                    self._result,
                    keep_going=order.keep_going,
                )

    def _tell_read(self, count: int) -> None:
        self._progress.update(self._bar, description=f"Reading the log: {count} entries")

    def _tell_waiting(self, seconds: float) -> None:
        self._progress.update(
            self._bar, description=f"Waiting {seconds:.0f} s, as GitLab takes 5 a minute"
        )

    def _tell(self, delivery: Delivery, problem: str | None) -> None:
        self._progress.update(self._bar, advance=1, description="Sending")
        self._printer.result(_in_a_line(delivery), problem)

    def _sum_up(self, log: Log) -> None:
        say, result = self._printer.say, self._result
        if self._order.dry_run:
            for delivery in log.deliveries:
                self._printer.line(("· ", ""), (_in_a_line(delivery), ""))
        for delivery in log.lost:
            self._printer.line(
                ("✗ ", "red"),
                (_in_a_line(delivery), ""),
                (": too large for GitLab's log, which kept no payload to send again", "red"),
            )
        hooks = ", ".join(str(hook.id) for hook in self._hooks)
        hooks = f"{'hook' if len(self._hooks) == 1 else 'hooks'} {hooks}"
        if not log.deliveries:
            say(f"Nothing to send again: {log.entries} log entries of {hooks} were read.")
        elif self._order.dry_run:
            say(f"{_deliveries(len(log.deliveries))} of {hooks} would be sent again.")
        else:
            left = len(log.deliveries) - len(result.taken) - len(result.failed)
            parts = [f"{len(result.taken)} of {_deliveries(len(log.deliveries))} arrived"]
            parts += [f"{len(result.failed)} failed"] if result.failed else []
            parts += [f"{left} not tried"] if left else []
            say(f"{', '.join(parts)}.")

    def _for_programs(self, stopped: BaseException | None) -> dict[str, Any]:
        result, log = self._result, self._log
        because = result.stopped if stopped is None else str(stopped) or "interrupted"
        return {
            "hooks": [hook.id for hook in self._hooks],
            "entries": log.entries if log else 0,
            "deliveries": [one.summary() for one in log.deliveries] if log else [],
            "lost": [one.summary() for one in log.lost] if log else [],
            "arrived": [one.last.key for one in result.taken],
            "failed": [
                {"delivery": one.last.key, "problem": problem} for one, problem in result.failed
            ],
            "stopped": because,
        }


def _in_a_line(delivery: Delivery) -> str:
    at = delivery.first.at
    when = f"{durations.minute(at)} UTC" if at is not None else "some time ago"
    times = len(delivery.attempts)
    tried = f", tried {times} times" if times > 1 else ""
    return f"{when}  {delivery.last.event}  {delivery.last.key}  ({delivery.last.status}{tried})"


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count} deliveries"
