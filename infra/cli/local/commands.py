"""The options of `gidgetlambda run` and `gidgetlambda demo`.

The commands import their implementation when they run, so that the other commands start fast.
"""

from typing import Annotated

import typer

_Port = Annotated[
    int, typer.Option(min=1, max=65535, help="The bot's port; if it is taken, the next free one.")
]
_Host = Annotated[
    str | None,
    typer.Option(
        help="The address to listen on. Default: 127.0.0.1, or 0.0.0.0 with your own GitLab."
    ),
]
_Seconds = Annotated[float, typer.Option(min=1, help="How long to wait for the bot's answer.")]


def run(port: _Port = 8080, host: _Host = None) -> None:
    """Start the bot and a sandbox GitLab, and keep them running until Ctrl-C.

    If GL_ACCESS_TOKEN and GL_URL are set, the bot works with that GitLab instead, and the command
    prints the values for its webhook form.
    """
    from . import with_sandbox

    with_sandbox.run(port=port, host=host)


def demo(timeout: _Seconds = 30) -> None:
    """Start the bot and a sandbox GitLab, open an issue, and succeed if the bot answers it."""
    from . import with_sandbox

    raise typer.Exit(0 if with_sandbox.demo(timeout=timeout) else 1)
