"""The command `gidgetlambda hook resend`.

It keeps no state: GitLab logs each resend under the delivery's own key, so a run continues where
the last one was interrupted.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated

import typer

from ..console import Failure
from ..gitlab import connected
from ..report import AsJson, Report
from ..stack import DeployedStack, StackName
from ..times import ago
from .hooks import ProjectHooks, Unsendable
from .log import LogEntry, failed_with, missed

_FAILURES_IN_A_ROW = 3  # GitLab pauses a hook after one more

app = typer.Typer(
    name="hook",
    help="Operate the webhooks at GitLab that send to the bot.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _hook() -> None:
    """Keep `resend` a subcommand while it is the only one."""


def _statuses(text: str) -> re.Pattern[str]:
    try:
        return failed_with(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def resend(
    project: Annotated[
        str, typer.Argument(metavar="PROJECT", help="The path or number of a project or group.")
    ],
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The hook's URL. Default: the stack's WebhookUrl."),
    ] = None,
    hook_id: Annotated[
        list[int] | None,
        typer.Option(metavar="NUMBER", help="The hook, instead of its URL; can be repeated."),
    ] = None,
    stack: StackName = None,
    since: Annotated[
        float | None,
        typer.Option(
            parser=ago,
            metavar="TIME",
            help="Only deliveries of the last 12h or 2d, for example. Default: all (7 days).",
        ),
    ] = None,
    failed: Annotated[
        re.Pattern[str] | None,
        typer.Option(
            "--failed-with",
            parser=_statuses,
            metavar="STATUSES",
            help="Only deliveries that failed so: 5xx,429,error, for example, where error is a "
            "missing answer. Stop at the first resend that fails.",
        ),
    ] = None,
    group: Annotated[bool, typer.Option("--group", help="PROJECT is a group with hooks.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the deliveries, send nothing.")
    ] = False,
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="Continue after failures, at the risk of a paused hook."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Have GitLab send the deliveries again that the bot refused, failed or never got.

    The command reads the hook's log with GL_URL and GL_ACCESS_TOKEN, skips
    the deliveries that arrived later, and has GitLab send the others again,
    oldest first, 5 a minute as GitLab allows. It is safe to interrupt and
    repeat this.
    """
    if sum(option is not None for option in (url, hook_id, stack)) > 1:
        raise typer.BadParameter("name one of --url, --hook-id and --stack")
    report = Report("deliveries", "arrived", as_json=as_json)
    report.fields = {"hooks": [], "entries": 0, "deliveries": [], "lost": []}

    async def run() -> None:
        async with connected() as gl:
            hooks = ProjectHooks(gl, project.strip("/"), is_group=group, progress=report.progress)
            hook_ids = await hooks.find(hook_id or [], endpoint)
            entries = [entry for one in hook_ids for entry in await hooks.log(one, since or 0)]
            deliveries = _report_log(report, hook_ids, entries, failed, dry_run=dry_run)
            if not dry_run:
                report.total = len(deliveries)
                most = 1 if failed else _FAILURES_IN_A_ROW
                await _resend(hooks, deliveries, report, None if keep_going else most)

    with report.concluded():
        endpoint = url or ""
        if not (url or hook_id):
            alternative = "Or name the hook with --url or --hook-id, without AWS."
            (endpoint,) = DeployedStack.named(stack).outputs("WebhookUrl", alternative=alternative)
        asyncio.run(run())


def _report_log(
    report: Report,
    hook_ids: list[int],
    entries: list[LogEntry],
    failed: re.Pattern[str] | None,
    *,
    dry_run: bool,
) -> list[LogEntry]:
    """Report the deliveries that did not arrive, and return those that can be sent again."""
    found = [one for one in missed(entries) if failed is None or failed.fullmatch(one.status)]
    lost = [delivery for delivery in found if not delivery.has_payload]
    deliveries = [delivery for delivery in found if delivery.has_payload]
    report.fields = {
        "hooks": hook_ids,
        "entries": len(entries),
        "deliveries": [delivery.summary() for delivery in deliveries],
        "lost": [delivery.summary() for delivery in lost],
    }
    for delivery in lost:
        problem = "GitLab's log has no payload to send again, since it was too large"
        report.printer.line(("✗ ", "red"), (delivery.describe(), ""), (f": {problem}", "red"))
    name = f"{'hook' if len(hook_ids) == 1 else 'hooks'} {', '.join(map(str, hook_ids))}"
    if not deliveries:
        report.printer.say(f"Nothing to send again in the {len(entries)} log entries of {name}.")
    elif dry_run:
        for delivery in deliveries:
            report.printer.say(f"· {delivery.describe()}")
        report.printer.say(f"Deliveries of {name} to send again: {len(deliveries)}.")
    return deliveries


async def _resend(
    hooks: ProjectHooks, deliveries: Sequence[LogEntry], report: Report, most: int | None
) -> None:
    """Resend deliveries; stop after a number of failures in a row, if there is one."""
    unsendable: dict[tuple[int, str], str] = {}
    failures = 0
    for number, delivery in enumerate(deliveries, start=1):
        source = delivery.hook_id, delivery.url
        problem = unsendable.get(source)
        if problem is None:
            try:
                problem = await hooks.resend(delivery)
                failures = failures + 1 if problem else 0
            except Unsendable as error:
                problem = unsendable[source] = str(error)
        report.note(delivery.describe(), delivery.summary(), problem)
        if most is not None and failures >= most and number < len(deliveries):
            in_a_row = "the first failure" if failures == 1 else f"{failures} failures in a row"
            raise Failure(
                f"Stopped after {in_a_row}: GitLab pauses a hook after 4. Fix "
                "the endpoint (its log says more) and run this again, or add --keep-going."
            )
