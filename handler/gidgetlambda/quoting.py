"""Quoting: makes any text safe to repeat in a comment. This module performs no I/O.

https://docs.gitlab.com/user/project/quick_actions/
https://spec.commonmark.org/0.31.2/#fenced-code-blocks
"""

from __future__ import annotations

import re

from . import markers

# White space and printable characters remain.
CONTROL: dict[int, None] = dict.fromkeys(
    (*range(9), *range(0xB, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
)


def quote(text: str) -> str:
    """Return Markdown that shows a text as it is: a block quote with a code block.

    GitLab finds no mention, reference, image or HTML in a code block. It executes a quick action in
    some code blocks, but none in a block quote, whose lines begin with ">".
    """
    text = markers.strip(text).translate(CONTROL)
    runs = (len(run) for run in re.findall("`+", text))
    fence = "`" * max(3, *(length + 1 for length in runs), 3)
    return "\n".join(f"> {line}" for line in (fence, *text.split("\n"), fence))
