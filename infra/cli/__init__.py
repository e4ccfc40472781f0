"""The command line of the project: `gidgetlambda`, or `python -m infra.cli`.

Only options and help are here; what a command does is in a module of its own. The commands of
`parked` and `hook` have their options there too.
"""

from typing import Annotated

import typer

from . import hook, parked

app = typer.Typer(
    name="gidgetlambda",
    help="Run and try the bot on this machine, and look after the deployed one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(parked.app)
app.add_typer(hook.app)

_Port = Annotated[
    int, typer.Option(min=1, max=65535, help="Where the bot listens; if taken, the next free one.")
]
_Host = Annotated[
    str | None,
    typer.Option(
        help="The address to listen on. Default: 127.0.0.1, or 0.0.0.0 for a GitLab of yours."
    ),
]
_Seconds = Annotated[float, typer.Option(min=1, help="How long to wait for the bot's answer.")]


@app.command()
def run(port: _Port = 8080, host: _Host = None) -> None:
    """Start the bot and a sandbox GitLab, and stay until Ctrl-C.

    With GL_ACCESS_TOKEN and GL_URL set, the bot works against that GitLab instead, and what to
    enter in its webhook form is printed.
    """
    from . import local

    raise typer.Exit(local.run(port=port, host=host))


@app.command()
def demo(timeout: _Seconds = 30) -> None:
    """Start both, open an issue, and succeed only if the bot answers it. Uses the sandbox only."""
    from . import local

    raise typer.Exit(local.demo(timeout=timeout))
