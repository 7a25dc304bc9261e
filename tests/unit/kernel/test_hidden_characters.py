"""Invisible characters: found where they hide something, left where a language needs them."""

from __future__ import annotations

import pytest

from alerts.commands import validation
from alerts.kernel.errors import Invalid
from alerts.kernel.texts import hidden_characters, without_hidden


@pytest.mark.parametrize("char", ["\u202e", "\u2066", "\u200b", "\x92", "\u2060", "\ufeff", "\u2028"])
def test_title_with_a_hidden_character_is_refused(char: str) -> None:
    with pytest.raises(Invalid, match=f"U\\+{ord(char):04X}"):
        validation.text(f"Leave{char} home", "title", 200, line=True)
    assert validation.text(f"Leave{char} home", "body", 200) == "Leave home"


@pytest.mark.parametrize("text", ["می‌خواهم", "👩‍🚒", "abc\u200e 123", "سلام\u200f", "é ñ ł"])
def test_writing_of_languages_is_left(text: str) -> None:
    assert hidden_characters(text) == [] and without_hidden(text) == text
    assert validation.text(text, "title", 200, line=True) == text
