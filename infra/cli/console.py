"""Output on a terminal, and the exception that ends a command with a message.

The output consists of whole lines of plain text. Text from elsewhere (payloads, error messages,
file names) can neither style it nor move the cursor.
"""

import io
import sys

from rich.console import Console
from rich.text import Text


class Failure(Exception):  # noqa: N818 - a situation that the user resolves, not a bug
    """A command cannot continue. The message names the cause and the remedy."""


class Printer:
    """Prints lines without wrapping them, so that commands and URLs can be copied.

    Args:
        console: The terminal. Default: standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Characters that the terminal's encoding lacks become question marks.
            sys.stdout.reconfigure(errors="replace")
        self._console = console or Console(highlight=False)

    def say(self, text: object = "", *, style: str = "") -> None:
        self.line((str(text), style))

    def title(self, text: object) -> None:
        self.say()
        self.say(text, style="bold")

    def quote(self, text: str) -> None:
        """Print somebody else's words, indented behind a bar."""
        for line in text.splitlines():
            self.line((f"  │ {line}", "cyan"))

    def problem(self, text: object) -> None:
        self.say(text, style="red")

    def line(self, *parts: tuple[str, str]) -> None:
        """Print one line that consists of parts, each a text and its style."""
        styled = ((_escape_controls(text), style) for text, style in parts)
        self._console.print(Text.assemble(*styled), soft_wrap=True)


def _escape_controls(text: str) -> str:
    """Escape control characters, which a terminal would obey."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )
