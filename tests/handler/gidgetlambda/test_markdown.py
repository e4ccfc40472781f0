"""CommonMark, as GitLab reads it, decides whether text after an open block is shown."""

import pytest
from gidgetlambda import markdown
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

COMMENT = "<!-- hidden -->"
COMMONMARK = MarkdownIt("commonmark")

# Lines that begin, continue or end a block.
FENCES = ["```", "````", "~~~", "``` python", "``` a ``` b", "   ```", "\t```", "~~~ `"]
CONTAINERS = ["- a", "-", "- ```", "1. ~~~", "2. b", "   - b", "-     ~~~", "> q", ">", "> - ```"]
HTML = ["<pre>", "</pre>", "<!-- a", "-->", "<div>", "</div>", "<foo>", "<?a", "?>", "<!A", ">"]
OTHERS = ["", "text", "  text", "    text", "     ```", "===", "---", "* * *", "# h", "| a |"]
LINES = [*FENCES, *CONTAINERS, *HTML, "<![CDATA[", "]]>", "<textarea", "<script>", *OTHERS]


def is_hidden(text: str) -> bool:
    """Return whether a comment after a text is a block of its own, outside of every other."""
    closing = markdown.closing(text)
    last = COMMONMARK.parse(f"{text}\n{closing}\n\n{COMMENT}")[-1]
    return (last.type, last.level, last.content.strip()) == ("html_block", 0, COMMENT)


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("", ""),
        ("A text", ""),
        ("```python\nprint()", "```"),
        ("~~~\n```\n", "~~~"),
        ("````\n```\ninside", "````"),
        ("``` python\n``` not the end\n", "```"),
        ("   ```\ntext", "```"),
        ("```\ncode\n```", ""),
        ("~~~\ncode\n~~~~~", ""),
        ("```\ncode\n```   ", ""),
        ("``` is three backticks ```", ""),
        ("    ```\n    an indented block", ""),
        ("a\u2028```\fb\x85~~~", ""),
        ("<pre>\n```\n</pre>", ""),
        ("<pre>\n```", "</pre>"),
        ("<pre>\n```\n</pre>\n```", "```"),
        ("<!--\n```\n-->", ""),
        ("<!--\n```", "-->"),
        ("<?php\n~~~", "?>"),
        ("<!DOCTYPE\n~~~", ">"),
        ("<![CDATA[\n~~~", "]]>"),
        ("<TextArea>\n~~~", "</textarea>"),
        ("<div>\n```\n</div>", ""),
        ("<div>\n\n```\n</div>", "```"),
        ("a paragraph\n<foo>\n```", "```"),
        ("- an item\n  ```\n  code", ""),
        ("- an item\n  ```\ntext\n  ```", "```"),
        ("- an item\ntext\n  ```", ""),
        ("- ```\n  code", ""),
        ("-\n\n  ```", "```"),
        ("1. an item\n\n   ~~~\n", ""),
        ("text\n2. no item\n   ```", "```"),
        ("> ```\n> code", ""),
        ("> quoted\n```", "```"),
        ("> - ```\n> code", ""),
        ("Title\n===\n```", "```"),
        ("Title\n-\n  ```", "```"),
        ("* * *\n  ```", "```"),
        (">" * 10_000 + "\n- " * 10_000 + "\n~~~", "~~~"),
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_closes_the_block_that_a_text_leaves_open(text: str, closing: str) -> None:
    assert markdown.closing(text) == closing
    assert is_hidden(text)


@given(st.lists(st.sampled_from(LINES), max_size=10).map("\n".join))
@example("-->\n-\n-\n  ```")
@settings(max_examples=1_000, deadline=None, derandomize=True, database=None)
def test_hides_a_comment_after_any_lines(text: str) -> None:
    assert is_hidden(text)
