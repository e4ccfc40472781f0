import re

import pytest
from gidgetlambda import GitLabAPI, markers
from gidgetlambda.quoting import CONTROL
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from infra.sandbox.quick_actions import extract

MARKER = f"<!-- gidgetlambda {'0' * 32} -->"
PIECES = st.sampled_from(
    ["/close", "/CLOSE", "\n", "\r", "\r\n", "```", "~~~", "`", "````", ">>>", "> ", "    ", "\t",
     "@alice", "@all", "#1", "<!--", "-->", "<pre>", "</pre>", "<details>", MARKER, "- ", "\u2028",
     "\x85", "\f", "\0", "![a](https://evil.example)", "text", "", " "]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=50)


@given(TEXTS)
@example("x\n/close\n")
@example("````\n/close\n````")
@example("~~~\n/close\n~~~")
@example("a\r/close")
@example(MARKER)
def test_shows_any_text_in_a_code_block_within_a_block_quote(text: str) -> None:
    quoted = GitLabAPI.quote(text)
    tokens = MarkdownIt().parse(f"{quoted}\n\nafter")
    kinds = [token.type for token in tokens]
    assert kinds[:3] == ["blockquote_open", "fence", "blockquote_close"]
    assert kinds[3:] == ["paragraph_open", "inline", "paragraph_close"]
    code = tokens[1]
    assert code.content == markers.strip(text.translate(CONTROL)) + "\n"
    assert extract(quoted) == (quoted, [])
    assert markers.find(quoted) is None


@pytest.mark.parametrize("text", ["@alice", "see #1 and !2", "![x](https://evil.example/x.png)"])
def test_a_quote_shows_the_text_as_it_is(text: str) -> None:
    html = MarkdownIt().render(GitLabAPI.quote(text))
    assert re.fullmatch(r"<blockquote>\n<pre><code>.*\n</code></pre>\n</blockquote>\n", html)
    assert text in html
