"""Output on a terminal: whole lines of plain text.

Text from elsewhere (payloads, error messages, file names) can neither style the output nor move
the cursor.
"""

import io
import sys

from rich.console import Console
from rich.text import Text


def plain(text: object) -> str:
    """The text with its control characters escaped, since a terminal would obey them."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in str(text)
    )


class Printer:
    """Prints lines without wrapping them, so that commands and URLs can be copied."""

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

    def quote(self, text: object) -> None:
        """Print somebody else's words, indented behind a bar."""
        for line in plain(text).splitlines():
            self.line((f"  │ {line}", "cyan"))

    def problem(self, text: object) -> None:
        self.say(text, style="red")

    def line(self, *parts: tuple[str, str]) -> None:
        """Print one line that consists of parts, each a text and its style."""
        styled = ((plain(text), style) for text, style in parts)
        self._console.print(Text.assemble(*styled), soft_wrap=True)
