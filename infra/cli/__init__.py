"""The command line of the project: `gidgetlambda`, or `python -m infra.cli`.

The commands are in a package for each story: `local` runs and tries the bot, `parked` looks after
its tasks, `hook` after GitLab's webhooks. What several of them need is beside this file.
"""

import typer

from .hook import commands as hook
from .local import commands as local
from .parked import commands as parked

app = typer.Typer(
    name="gidgetlambda",
    help="Run and try the bot on this machine, and look after the deployed one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(local.run)
app.command()(local.demo)
app.add_typer(parked.app)
app.add_typer(hook.app)
