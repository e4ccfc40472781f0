"""The command line of the project: `gidgetlambda`, or `python -m infra.cli`.

`local` runs the bot on this machine, `deploy` deploys it, `parked` manages the parked tasks, and
`hook` manages the webhooks at GitLab. The modules beside this file are shared by all commands.

Exit codes: 0 is success, 1 is a failure, 2 is a wrong command line, and 130 means that Ctrl-C
stopped the command.
"""

import importlib
from collections.abc import Iterable
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from .console import Failure, Printer

_PACKAGES = {
    **dict.fromkeys(("run", "demo", "sandbox"), "local"),
    **{name: name for name in ("deploy", "parked", "hook")},
}


class CommandLine(TyperGroup):
    """The commands. Each one is imported when it is used, so that all of them start fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_PACKAGES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _PACKAGES:
            return None
        module = importlib.import_module(f".{_PACKAGES[cmd_name]}.commands", __name__)
        command: Any = typer.main.get_command(module.app)
        # A module with several commands is a group: it has one name or one for each.
        command = getattr(command, "commands", {}).get(cmd_name, command)
        _hide_types_of_flags(command, ctx)
        return command

    def get_params(self, ctx: Any) -> list[Any]:
        params = super().get_params(ctx)
        _hide_types(params)
        return list(params)

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


def _hide_types_of_flags(command: Any, ctx: Any) -> None:
    """Leave out the type `<bool>`, which the help would show for a flag."""
    _hide_types(command.get_params(ctx))
    for each in getattr(command, "commands", {}).values():
        _hide_types_of_flags(each, ctx)


def _hide_types(params: Iterable[Any]) -> None:
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""


app = typer.Typer(
    cls=CommandLine,
    name="gidgetlambda",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _gidgetlambda() -> None:
    """Run the bot on this machine, deploy it, and operate the deployed bot."""
