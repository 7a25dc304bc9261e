"""Markdown of people: what threads share of the parser."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it.ruler import Ruler

from alerts.channels import markdown
from alerts.kernel.plain_text import as_markdown

PROSE = st.text(st.sampled_from("ab 19\n\n\t.)+-*_#>~=`\\[](){}!<&;:/|\"'$^é世")) | st.text()


def test_a_published_parser_has_nothing_left_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    markdown._parser.cache_clear()
    markdown._parser()

    def compile_late(ruler: Ruler[object]) -> None:
        raise AssertionError("rules are compiled while other threads use the parser")

    monkeypatch.setattr(Ruler, "__compile__", compile_late)
    prose = "# Gas\n\nKeep **windows** shut:\n\n1. one\n2. [two](https://town.example)\n\n> quoted `code`\n"
    assert "<strong>windows</strong>" in markdown.html(prose)
    assert "Keep windows shut:" in markdown.text(prose)


def test_first_line_without_blanks_is_not_empty() -> None:
    prose = "ただちに高い場所へ避難してください。" * 40
    for limit in (160, 280, 600):
        assert limit - 10 < len(markdown.first_line(prose, limit)) <= limit


def lines_of(text: str) -> str:
    """The text without blanks around lines, and with one empty line at most: what paragraphs can show."""
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n").replace("\0", "\ufffd")


@given(PROSE)
@example("24. Dezember\n31. Dezember")
@example("1) a\n2) b\n+ 1.2 m\n- x\n* y\n+")
@example("5*10*20 _a_ __b__ `c` \\* [a](b) <http://x.org> &amp; &#35;")
@example("a\n===\nb\n---\n# c\n> d\n~~~\ne\n***\n_ _ _\n- - -")
@example("[a]: http://x.org\n\n[a]\n\n    code\n\tcode\\")
def test_plain_text_is_rendered_to_the_letter(text: str) -> None:
    written = as_markdown(text)
    assert markdown.plain(written) == lines_of(text)
    paragraphs = re.sub(r"</p>\s*<p>", "\n\n", markdown.html(written)).removeprefix("<p>").removesuffix("</p>")
    shown = html.unescape(re.sub(r"<br>\n?", "\n", paragraphs))
    assert shown.split() == lines_of(text).split()
    assert " ".join(markdown.text(written).split()) == " ".join(lines_of(text).split())


LISTED = "**Closed** on [these days](https://town.example):\n\n24. Dezember\n31. Dezember\n\n- one\n- two"


def test_lists_keep_the_numbers_that_were_written() -> None:
    assert markdown.plain(LISTED) == (
        "Closed on these days (https://town.example):\n\n24. Dezember\n31. Dezember\n\n- one\n- two"
    )
    assert '<li value="24">Dezember</li>\n<li value="31">Dezember</li>' in markdown.html(LISTED)
    assert markdown.first_line(LISTED).endswith("24. Dezember 31. Dezember - one - two")


def test_items_of_one_number_are_counted() -> None:
    assert "value" not in markdown.html("1. a\n1. b\n1. c")
    assert markdown.plain("1. a\n1. b\n1. c") == "1. a\n2. b\n3. c"
    assert markdown.plain("7. a\n   1. x\n   2. y\n8. b") == "7. a\n  1. x\n  2. y\n8. b"


def test_more_brackets_than_links_need_are_literal() -> None:
    """Each opens a search for its end: the parser must not see them."""
    assert "[" * 50 in markdown.plain("[" * 20_000)
    assert markdown._bounded("[" * 401).count("\\[") == 401
    few = "[a](https://example.org) " * 50
    assert markdown._bounded(few) == few and markdown.html(few).count("<a ") == 50


def test_text_is_rendered_once() -> None:
    markdown._html.cache_clear()
    for _ in range(3):
        markdown.html("Stay *inside*.")
    assert markdown._html.cache_info().misses == 1
