"""Number of people in English: `1 person`, `2,310 people`."""

from __future__ import annotations


def people_words(number: int | str) -> str:
    """Write a number of people; one that was formatted for a reader already is taken as it is."""
    written = number if isinstance(number, str) else f"{number:,}"
    return f"{written} {'person' if written == '1' else 'people'}"
