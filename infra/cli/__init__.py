"""The command line of the project: `gidgetlambda`, or `python -m infra.cli`.

`local` runs the bot on this machine, `parked` manages the parked tasks, and `hook` manages
GitLab's webhooks. The modules beside this file serve all of them.

Exit codes: 0 is success, 1 means that something could not be done, 2 that the command line is
wrong, and 130 that Ctrl-C stopped the command.
"""

import importlib
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from .console import Printer
from .failure import Failure
from .local import commands as local

_ON_DEMAND = ("parked", "hook")  # so that the others start without boto3 and httpx


class CommandLine(TyperGroup):
    """The commands, which end with a message on standard error if they fail or are stopped."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *_ON_DEMAND]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _ON_DEMAND:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f".{cmd_name}.commands", __name__)
        return typer.main.get_command(module.app)

    def invoke(self, ctx: Any) -> Any:
        printer = Printer(Console(stderr=True, highlight=False))
        try:
            return super().invoke(ctx)
        except Failure as failure:
            printer.problem(failure)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            printer.problem("Stopped.")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=CommandLine,
    name="gidgetlambda",
    help="Run the bot on this machine, and operate the deployed one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(local.run)
app.command()(local.demo)
