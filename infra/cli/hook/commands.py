"""`gidgetlambda hook`: the webhooks at GitLab that send to the bot.

Only options are here. What was ordered is carried out by `report`, which is imported by the command
that is run, for the others to start without it.
"""

import time
from typing import Annotated

import typer

from .. import durations
from ..failure import Failure, told
from ..options import AsJson, StackName

app = typer.Typer(
    name="hook", help="The webhooks at GitLab that send to the bot.", no_args_is_help=True
)


@app.callback()
def _hook() -> None:
    """Keeps `resend` a command of its own while it is the only one."""


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
    stack: StackName = None,
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
    as_json: AsJson = False,
) -> None:
    """Have GitLab send again what the bot did not take: refused, failed or never arrived.

    Reads the hook's log with GL_URL and GL_ACCESS_TOKEN, leaves out what arrived later after all,
    and sends the rest, oldest first, 5 a minute as GitLab allows. Safely repeated after an
    interruption.
    """
    from .place import Place
    from .report import Order, Report

    if sum(option is not None for option in (url, hook_id, stack)) > 1:
        raise typer.BadParameter("name one of --url, --hook-id and --stack")
    with told():
        order = Order(
            place=Place(project.strip("/"), is_group=group),
            hook_ids=tuple(hook_id or ()),
            endpoint=None if hook_id else url or _url_of(stack),
            since=None if since is None else time.time() - since,
            dry_run=dry_run,
            keep_going=keep_going,
            as_json=as_json,
        )
        Report(order).carry_out()


def _url_of(stack: str | None) -> str:
    from ..stack import Stack

    try:
        return Stack.named(stack).webhook_url()
    except Failure as failure:
        raise Failure(f"{failure} Or name the hook by --url or --hook-id, without AWS.") from None
