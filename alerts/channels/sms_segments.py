"""Segment count of a text message: 3GPP TS 23.038 (GSM 7-bit, UCS-2) and 23.040 (concatenation)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")
_PLAIN = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "–": "-", "—": "-", "…": "...",
     "\u00a0": " ", "\u202f": " ", "\u2009": " ", "•": "-", "\u2011": "-", "\u00ad": None, "\u200b": None}
)  # fmt: skip

_LOOK_ALIKES = str.maketrans(
    "ąćęłńóśźżĄĆĘŁŃÓŚŹŻŵŷŴŶâêîôûÂÊÎÔÛáíúýÁÍÚÝëïẅÿËÏẄŸẁẃỳẀẂỲčďěňřšťůžČĎĚŇŘŠŤŮŽőűŐŰçăâîșțĂȘȚ",
    "acelnoszzACELNOSZZwyWYaeiouAEIOUaiuyAIUYeiwyEIWYwwyWWYcdenrstuzCDENRSTUZouOUcaaistAST",
)
"""Letters of Polish, Welsh and their neighbours beside those of GSM-7 that a reader takes for them, as their own
services write them."""


@dataclass(frozen=True, slots=True)
class Segments:
    """`used` units of `room` in the last count of `segments` segments; a unit is a septet or a UTF-16 code unit."""

    encoding: Literal["GSM-7", "UCS-2"]
    used: int
    room: int
    segments: int


def plain_punctuation(text: str) -> str:
    """Replace typographic quotes, dashes and spaces, which would more than halve a segment's room."""
    return text.translate(_PLAIN)


def with_look_alikes(text: str) -> str:
    """Replace letters by their look-alikes of GSM-7 if that saves a segment; otherwise return the text as it is.

    A text in another script, or with one character that has no look-alike, stays as its author wrote it.
    """
    plain = text.translate(_LOOK_ALIKES)
    return plain if count(plain).segments < count(text).segments else text


def count(text: str) -> Segments:
    """Count the segments of `text`. An escape pair of GSM-7 is never split over two segments."""
    if all(c in _BASIC or c in _EXTENDED for c in text):
        units = [2 if c in _EXTENDED else 1 for c in text]
        return _fill("GSM-7", units, single=160, joined=153)
    return _fill("UCS-2", [2 if ord(c) > 0xFFFF else 1 for c in text], single=70, joined=67)


def _fill(encoding: Literal["GSM-7", "UCS-2"], units: list[int], *, single: int, joined: int) -> Segments:
    used = sum(units)
    if used <= single:
        return Segments(encoding, used, single, 1)
    segments, filled = 1, 0
    for unit in units:
        if filled + unit > joined:
            segments, filled = segments + 1, 0
        filled += unit
    return Segments(encoding, used, segments * joined, segments)
