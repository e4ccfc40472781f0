"""What the commands print: plain sentences, whole lines.

Whatever comes from elsewhere (payloads, answers, file names) is printed as text: it can neither
style the output nor move the cursor.
"""

import io
import sys

from rich.console import Console
from rich.text import Text


def plain(text: object) -> str:
    """Text without control characters, which a terminal would obey."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in str(text)
    )


class Printer:
    """Prints whole lines, unwrapped: commands and addresses stay fit for copying."""

    def __init__(self, console: Console | None = None) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal that lacks a character shall see a question mark, not a traceback.
            sys.stdout.reconfigure(errors="replace")
        self._console = console or Console(highlight=False)

    def say(self, text: object = "", *, style: str = "") -> None:
        self._console.print(Text(plain(text), style=style), soft_wrap=True)

    def title(self, text: object) -> None:
        self.say()
        self.say(text, style="bold")

    def quote(self, text: object) -> None:
        """Somebody's words, set off from the commands' own."""
        for line in plain(text).splitlines():
            self._console.print(Text(f"  │ {line}", style="cyan"), soft_wrap=True)

    def problem(self, text: object) -> None:
        self.say(text, style="red")

    def result(self, text: str, problem: str | None) -> None:
        """One of several things that are done: what it is, and the problem where there was one."""
        sign, style = ("✓ ", "green") if problem is None else ("✗ ", "red")
        because = f": {problem}" if problem is not None else ""
        self.line((sign, style), (text, ""), (because, style))

    def line(self, *parts: tuple[str, str]) -> None:
        """One line of parts, each a text and its style."""
        assembled = Text()
        for text, style in parts:
            assembled.append(plain(text), style=style)
        self._console.print(assembled, soft_wrap=True)
