"""Counters beside the words: the rule of the guide for letters, the count of what is sent for texts."""

from __future__ import annotations

import pytest

from alerts.web.console.word_counts import letters, text_message, word_counts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 letters, 65 left of 65."),
        ("ż" * 65, "65 letters, 0 left of 65."),
        ("ż" * 67, "67 letters, 2 more than 65."),
        ("🔥 fire", "6 letters, 59 left of 65."),
    ],
)
def test_letters_are_those_that_a_reader_sees(text: str, words: str) -> None:
    assert letters(text, 65) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("a" * 142, "Whole message: 142 of 160 letters, 1 text each."),
        ("a" * 161, "Whole message: 161 of 306 letters, 2 texts each."),
        ("€" * 80, "Whole message: 160 of 160 letters, 1 text each."),
        ("د" * 71, "Whole message: 71 of 134 letters, 2 texts each, in an alphabet of which fewer letters fit."),
    ],
)
def test_texts_are_counted_by_segments(text: str, words: str) -> None:
    assert text_message(text) == words


def test_text_is_counted_once_the_draft_has_a_number() -> None:
    words = {"en": {"title": "Gas", "instruction": "", "body": "", "sms": ""}}
    assert word_counts(words, None)["sms-en"] == "Counted when the draft is saved."
    assert word_counts(words, {})["sms-en"] == "", "no text goes out"
    assert word_counts(words, {"en": "Gas http://a.example/1"}) == {
        "title-en": "3 letters, 62 left of 65.",
        "instruction-en": "0 letters, 280 left of 280.",
        "sms-en": "Whole message: 22 of 160 letters, 1 text each.",
    }
