"""The command `gidgetlambda hook resend`."""

import asyncio
from typing import Annotated

import typer

from ..failure import hint
from ..gitlab import connected
from ..report import AsJson, Report, flag
from ..stack import Stack, StackName
from ..times import ago
from .hooks import Hooks
from .resend import resend_missed

app = typer.Typer(
    name="hook", help="Operate the webhooks at GitLab that send to the bot.", no_args_is_help=True
)


@app.callback()
def _hook() -> None:
    """Keeps `resend` a subcommand while it is the only one."""


@app.command()
def resend(
    project: Annotated[
        str, typer.Argument(metavar="PROJECT", help="A project's (or group's) path or number.")
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
        typer.Option(parser=ago, metavar="TIME", help="Only the last 12h, 2d. Default: 7d."),
    ] = None,
    group: Annotated[bool, flag("--group", help="PROJECT is a group with hooks.")] = False,
    dry_run: Annotated[bool, flag("--dry-run", help="Only list, send nothing.")] = False,
    keep_going: Annotated[
        bool, flag("--keep-going", help="Ignore failures, at the risk that GitLab pauses the hook.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let GitLab send again the deliveries that the bot refused, failed or never got.

    Reads the hook's log with GL_URL and GL_ACCESS_TOKEN, leaves out the deliveries that arrived
    later, and sends the others, oldest first, 5 a minute as GitLab allows. It is safe to interrupt
    and repeat this.
    """
    if sum(option is not None for option in (url, hook_id, stack)) > 1:
        raise typer.BadParameter("name one of --url, --hook-id and --stack")
    report = Report("deliveries", "arrived", as_json=as_json)
    report.fields = {"hooks": [], "entries": 0, "deliveries": [], "lost": []}

    async def run() -> None:
        async with connected() as gl:
            hooks = Hooks(gl, project.strip("/"), is_group=group, progress=report.progress)
            found = await hooks.find(hook_id or [], endpoint)
            options = {"dry_run": dry_run, "keep_going": keep_going}
            await resend_missed(hooks, found, report, since=since or 0, **options)

    with report.concluded():
        endpoint = url or ""
        if not (url or hook_id):
            with hint("Or name the hook with --url or --hook-id, without AWS."):
                (endpoint,) = Stack.named(stack).outputs("WebhookUrl")
        asyncio.run(run())
