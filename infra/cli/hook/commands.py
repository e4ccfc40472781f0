"""`gidgetlambda hook`: the webhooks at GitLab that send to the bot.

Options, and what is said. GitLab is asked by `resend`, which is imported by the command that is
run, for the others to start without it.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import durations
from ..failure import FAILED, Failure, complain, told

if TYPE_CHECKING:
    from .log import Delivery
    from .place import Place
    from .resend import Hook, Log

app = typer.Typer(
    name="hook", help="The webhooks at GitLab that send to the bot.", no_args_is_help=True
)


@app.callback()
def _hook() -> None:
    """Keeps `resend` a command of its own while it is the only one."""


@dataclass(frozen=True)
class _Order:
    """What the command was asked for."""

    place: "Place"
    hook_ids: tuple[int, ...]
    endpoint: str | None
    since: float | None
    dry_run: bool
    keep_going: bool
    as_json: bool


@app.command()
def resend(
    project: Annotated[
        str, typer.Argument(help="The project's path or number; a group's with --group.")
    ],
    url: Annotated[
        str | None,
        typer.Option(help="The URL that GitLab sends to. Default: the stack's WebhookUrl."),
    ] = None,
    hook_id: Annotated[
        list[int] | None, typer.Option(help="The hook's number, instead of its URL; repeatable.")
    ] = None,
    stack: Annotated[
        str | None,
        typer.Option(help="The bot's stack. Default: GIDGETLAMBDA_STACK, else samconfig.toml's."),
    ] = None,
    since: Annotated[
        float | None,
        typer.Option(
            parser=durations.seconds,
            metavar="TIME",
            help="Only what is not older: 12h, 2d. Default: the 7 days that GitLab remembers.",
        ),
    ] = None,
    group: Annotated[bool, typer.Option("--group", help="The hooks of a group.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list, send nothing.")] = False,
    keep_going: Annotated[
        bool,
        typer.Option(
            "--keep-going", help="Go on though 3 in a row fail; GitLab may pause the hook."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Have GitLab send again what the bot did not take: refused, failed or never arrived.

    Reads the hook's log with GL_URL and GL_ACCESS_TOKEN, leaves out what arrived later after all,
    and sends the rest, oldest first, 5 a minute as GitLab allows. Safely repeated after an
    interruption.
    """
    from .place import Place

    if sum(option is not None for option in (url, hook_id, stack)) > 1:
        raise typer.BadParameter("name one of --url, --hook-id and --stack")
    with told():
        order = _Order(
            place=Place(project.strip("/"), is_group=group),
            hook_ids=tuple(hook_id or ()),
            endpoint=None if hook_id else url or _url_of(stack),
            since=None if since is None else time.time() - since,
            dry_run=dry_run,
            keep_going=keep_going,
            as_json=as_json,
        )
        _Report(order).carry_out()


def _url_of(stack: str | None) -> str:
    from ..stack import Stack

    try:
        return Stack.named(stack).webhook_url()
    except Failure as failure:
        raise Failure(f"{failure} Or name the hook by --url or --hook-id, without AWS.") from None


class _Report:
    """Carries out an order, and tells how it goes."""

    def __init__(self, order: _Order) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        from ..console import Printer
        from .resend import Result

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
        from ..gitlab import connected
        from .resend import PER_MINUTE, find_hooks, read_log, resend
        from .throttle import Throttle

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

    def _tell(self, delivery: "Delivery", problem: str | None) -> None:
        self._progress.update(self._bar, advance=1, description="Sending")
        sign, style = ("✓ ", "green") if problem is None else ("✗ ", "red")
        because = f": {problem}" if problem is not None else ""
        self._printer.line((sign, style), (_in_a_line(delivery), ""), (because, style))

    def _sum_up(self, log: "Log") -> None:
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


def _in_a_line(delivery: "Delivery") -> str:
    at = delivery.first.at
    when = f"{durations.minute(at)} UTC" if at is not None else "some time ago"
    times = len(delivery.attempts)
    tried = f", tried {times} times" if times > 1 else ""
    return f"{when}  {delivery.last.event}  {delivery.last.key}  ({delivery.last.status}{tried})"


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count} deliveries"
