"""Markdown of people: what threads share of the parser."""

from __future__ import annotations

import pytest
from markdown_it.ruler import Ruler

from alerts.channels import markdown


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
