"""`gidgetlambda run` and `gidgetlambda demo`: their options.

What they do is in `with_sandbox`, which is imported by the command that is run, for the others to
start without it.
"""

from typing import Annotated

import typer

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


def run(port: _Port = 8080, host: _Host = None) -> None:
    """Start the bot and a sandbox GitLab, and stay until Ctrl-C.

    With GL_ACCESS_TOKEN and GL_URL set, the bot works against that GitLab instead, and what to
    enter in its webhook form is printed.
    """
    from . import with_sandbox

    raise typer.Exit(with_sandbox.run(port=port, host=host))


def demo(timeout: _Seconds = 30) -> None:
    """Start both, open an issue, and succeed only if the bot answers it. Uses the sandbox only."""
    from . import with_sandbox

    raise typer.Exit(with_sandbox.demo(timeout=timeout))
