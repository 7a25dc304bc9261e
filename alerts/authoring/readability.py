"""Readability of a text: sentences, words and the age at which a reader follows it."""

from __future__ import annotations

import re
from typing import NamedTuple

_SENTENCE_END = re.compile(r"[.!?؟۔]+(?=\s|$)|\n+")
_WORD = re.compile(r"\w+(?:['’\-]\w+)*")
_LEAST_WORDS = 8
"""Words below which a reading age says nothing."""


class Readability(NamedTuple):
    """`longest`: words of the longest sentence. `age`: in years, None for too few words or another language."""

    sentences: int
    words: int
    longest: int
    age: int | None


def readability(text: str, language: str = "en") -> Readability:
    """Measure a text.

    The age is the grade of the Automated Readability Index (Senter and Smith, 1967) plus five, for English alone.
    """
    lengths = [number for part in _SENTENCE_END.split(text) if (number := len(_WORD.findall(part)))]
    words = sum(lengths)
    age = None
    if language == "en" and words >= _LEAST_WORDS:
        letters = sum(len(word) for word in _WORD.findall(text))
        grade = 4.71 * letters / words + 0.5 * words / len(lengths) - 21.43
        age = max(5, round(grade + 5))
    return Readability(len(lengths), words, max(lengths, default=0), age)
