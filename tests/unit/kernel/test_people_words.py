"""Numbers of people in English."""

from __future__ import annotations

import pytest

from alerts.kernel.people_words import people_words


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 people"), (1, "1 person"), (2, "2 people"), (2310, "2,310 people"), ("1", "1 person"), ("?", "? people")],
)
def test_one_is_a_person_and_more_are_people(number: int | str, words: str) -> None:
    assert people_words(number) == words
