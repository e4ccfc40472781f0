"""Quoting: makes any text safe to repeat in a comment. This module performs no I/O.

https://docs.gitlab.com/user/project/quick_actions/
https://spec.commonmark.org/0.31.2/#fenced-code-blocks
"""

from __future__ import annotations

import re

from . import markers

# White space and printable characters remain.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
BACKTICKS = re.compile("`+")


def quote(text: str) -> str:
    """Return Markdown that shows a text as it is: a block quote with a code block.

    GitLab finds no mention, reference, image or HTML in a code block. It executes a quick action in
    some code blocks, but none in a block quote, whose lines begin with ">".
    """
    text = CONTROL.sub("", markers.strip(text))
    runs = (len(run) for run in BACKTICKS.findall(text))
    fence = "`" * max(3, *(length + 1 for length in runs), 3)
    return "\n".join(f"> {line}" for line in (fence, *text.split("\n"), fence))
