"""Markdown: the block that a text leaves open.

Text that is appended to an open code block would be shown as code. Only blocks outside of lists and
quotes matter: a line without indentation ends the others. This module performs no I/O.

https://spec.commonmark.org/0.31.2/#blocks-and-inlines
"""

from __future__ import annotations

import re

NESTING = 20  # containers within containers; deeper ones are taken for text

# The fence of a code block. After backticks, another backtick makes it inline code.
FENCE = re.compile(r" {0,3}(?:(`{3,})([^`]*)|(~{3,})(.*))\Z")
HEADING = re.compile(r" {0,3}#{1,6}(?:\s|\Z)")
UNDERLINE = re.compile(r" {0,3}(?:=+|-+)\s*\Z")  # makes a heading of a paragraph
QUOTE = re.compile(r" {0,3}> ?")
ITEM = re.compile(r"( {0,3}(?:[-+*]|(\d{1,9})[.)]))( +|\Z)")

# The beginnings of HTML blocks, and the text that ends each.
RAW_HTML = re.compile(r" {0,3}<(pre|script|style|textarea)(?:\s|>|\Z)", re.IGNORECASE)
RAW_HTML_END = re.compile(r"</(?:pre|script|style|textarea)>", re.IGNORECASE)
OTHER_HTML = (("<!--", "-->"), ("<?", "?>"), ("<![CDATA[", "]]>"))
DECLARATION = re.compile(r" {0,3}<![A-Za-z]")
# A blank line ends the blocks that begin with the other tags.
HTML = re.compile(
    r"""[ ]{0,3}</?(?:
    address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details
    |dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header
    |hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param
    |search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul
    )(?:\s|/?>|\Z)""",
    re.IGNORECASE | re.VERBOSE,
)
# Any other tag, alone on its line. It does not end a paragraph.
TAG = re.compile(r" {0,3}</?[a-z][a-z0-9-]*(?:\s[^<>]*)?/?>\s*\Z", re.IGNORECASE)


def closing(text: str) -> str:
    """Return the line that closes the block that a text leaves open, empty if none is needed."""
    blocks = _Blocks()
    for line in text.split("\n"):
        blocks.add(line.expandtabs(4))
    return blocks.closing


class _Blocks:
    """The open blocks of a text, or of one of its quotes and list items.

    Args:
        indent: The indentation of a list item's content, `None` for a quote or the text.
        depth: The number of containers around it.

    Attributes:
        closing: The text that closes the open code or HTML block, if it needs one.
    """

    def __init__(self, indent: int | None = None, depth: int = 0) -> None:
        self.closing = ""
        self._indent = indent
        self._depth = depth
        self._kind = ""  # of the open block: "fence", "html", "paragraph"
        self._empty = True
        self._inner: _Blocks | None = None

    def add(self, line: str) -> None:
        """Add a line, without the prefix of its container."""
        if self._inner is not None:
            content = self._inner.content(line)
            if content is not None:
                self._inner.add(content)
                return
            if self._inner.in_paragraph and not _begins_block(line):
                return
            self._inner = None
        self._empty = self._empty and not line.strip()
        if self._kind == "fence":
            self._add_to_fence(line)
        elif self._kind == "html":
            self._add_to_html(line)
        else:
            self._begin(line)

    def content(self, line: str) -> str | None:
        """Return the part of a line that belongs to this container, `None` if it ends it."""
        if self._indent is None:
            match = QUOTE.match(line)
            return line[match.end() :] if match else None
        if not line.strip():
            return None if self._empty else ""
        return line[self._indent :] if _indentation(line) >= self._indent else None

    @property
    def in_paragraph(self) -> bool:
        """Whether the innermost open block is a paragraph, which any text continues."""
        return self._inner.in_paragraph if self._inner is not None else self._kind == "paragraph"

    def _begin(self, line: str) -> None:
        paragraph, self._kind = self._kind == "paragraph", ""
        if not line.strip():
            return
        if _indentation(line) >= 4:  # an indented code block, or a line of the paragraph
            self._kind = "paragraph" if paragraph else ""
        elif fence := FENCE.match(line):
            self._kind, self.closing = "fence", fence[1] or fence[3]
        elif (end := _html_end(line, paragraph)) is not None:
            self._kind, self.closing = "html", end
            self._add_to_html(line)
        elif _is_heading_or_break(line) or (paragraph and UNDERLINE.match(line)):
            return
        elif not self._begin_container(line, paragraph):
            self._kind = "paragraph"

    def _begin_container(self, line: str, paragraph: bool) -> bool:
        if self._depth == NESTING:
            return False
        if quote := QUOTE.match(line):
            self._inner = _Blocks(None, self._depth + 1)
            self._inner.add(line[quote.end() :])
            return True
        item = ITEM.match(line)
        if item is None:
            return False
        content = line[item.end() :]
        if paragraph and (not content or item[2] not in (None, "1")):
            return False
        # Five spaces are one space and an indented code block.
        spaces = len(item[3]) if content and len(item[3]) <= 4 else 1
        indent = len(item[1]) + spaces
        self._inner = _Blocks(indent, self._depth + 1)
        self._inner.add(line[indent:])
        return True

    def _add_to_fence(self, line: str) -> None:
        match = FENCE.match(line)
        if match is None:
            return
        fence, rest = match[1] or match[3], match[2] or match[4] or ""
        if fence.startswith(self.closing) and not rest.strip():
            self._kind = self.closing = ""

    def _add_to_html(self, line: str) -> None:
        if not self.closing:
            ended = not line.strip()
        elif self.closing.startswith("</"):
            ended = RAW_HTML_END.search(line) is not None
        else:
            ended = self.closing in line
        if ended:
            self._kind = self.closing = ""


def _begins_block(line: str) -> bool:
    """Return whether a line ends the paragraph of a container that it does not belong to."""
    if not line.strip():
        return True
    if _indentation(line) >= 4:
        return False
    if _is_heading_or_break(line) or _html_end(line, True) is not None:
        return True
    return any(pattern.match(line) for pattern in (FENCE, QUOTE, ITEM))


def _html_end(line: str, paragraph: bool) -> str | None:
    """Return the text that ends the HTML block that a line begins, `None` if it begins none.

    The text is empty if a blank line ends the block.
    """
    if raw := RAW_HTML.match(line):
        return f"</{raw[1].lower()}>"
    for begin, end in OTHER_HTML:
        if line.lstrip(" ").startswith(begin):
            return end
    if DECLARATION.match(line):
        return ">"
    return "" if HTML.match(line) or (not paragraph and TAG.match(line)) else None


def _is_heading_or_break(line: str) -> bool:
    bare = "".join(line.split())
    is_break = len(bare) >= 3 and bare[0] in "-_*" and not bare.strip(bare[0])
    return is_break or HEADING.match(line) is not None


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
