"""Opening hours in words: the rules that have words, the others as written, none of them long."""

from __future__ import annotations

import pytest

from alerts.channels.i18n import translator
from alerts.channels.opening_hours import _RULE, hours_in_words

EN = translator("en", "en")


@pytest.mark.parametrize(
    ("osm", "words"),
    [
        ("24/7", "day and night"),
        ("Mo-Sa 08:00-20:00", "Mon to Sat, 08:00 to 20:00"),
        ("  Mo , We :  08:00-12:00 ,  13:00-20:00;  Su off ", "Mon, Wed, 08:00 to 12:00, 13:00 to 20:00; Sun, closed"),
        ("PH off", "public holidays, closed"),
        ("08:00-20:00", "every day, 08:00 to 20:00"),
        ('24/7 "by appointment"', '24/7 "by appointment"'),
    ],
)
def test_rules_in_words(osm: str, words: str) -> None:
    assert hours_in_words(osm, EN) == words


def test_hours_that_are_too_long_are_cut() -> None:
    """Hours of before may be in the log: each recipient's message repeats them."""
    assert len(hours_in_words('24/7 "' + "a;b " * 100_000 + '"', EN)) <= 500


def test_rules_have_no_ambiguous_blanks() -> None:
    """Blanks are folded before the rules are matched: an optional one beside another made matching quadratic."""
    assert hours_in_words('24/7 "a;Mo' + " " * 24_000 + 'z"', EN) == '24/7 "a;Mo'
    assert "\\s" not in _RULE.pattern and _RULE.pattern.count(" ") == 1
