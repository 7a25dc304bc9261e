"""Texts from outside: forbidden characters and cuts."""

from __future__ import annotations

import regex
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from alerts.kernel.texts import cut, without_forbidden

ALL = st.text(st.characters(codec=None, exclude_categories=()))
"""Any code points: surrogates, control characters and U+FFFF too."""
GLYPHS = ["避", "難", "เ", "ก็", "न्दि", "👩\u200d👩\u200d👧", "🇯🇵", "e\u0301", "a"]


@given(ALL)
def test_xml_holds_what_is_left(text: str) -> None:
    left = without_forbidden(text)
    assert without_forbidden(left) == left
    node = etree.fromstring(f"<a>{left.replace('&', '&amp;').replace('<', '&lt;')}</a>".encode())
    assert (node.text or "") == left.replace("\r\n", "\n").replace("\r", "\n")


@given(st.text(st.sampled_from("a é避🇯\t\n\ufffd\u202e\u00ad"), max_size=20))
def test_permitted_characters_stay(text: str) -> None:
    assert without_forbidden(text) == text


@given(st.lists(st.sampled_from([*GLYPHS, "word "]), max_size=60).map("".join), st.integers(1, 60))
def test_cut_fits_and_falls_between_characters(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short) <= limit
    if len(text) <= limit:
        assert short == text
    elif short:
        kept = short.removesuffix("…")
        assert short != kept and text.startswith(kept)
        ends = {m.end() for m in regex.finditer(r"\X", text)}
        longest = max(len(m.group()) for m in regex.finditer(r"\X", text))
        assert len(kept) in ends or limit <= longest


@given(st.lists(st.sampled_from(GLYPHS), min_size=200).map("".join), st.integers(60, 150))
def test_cut_without_blanks_keeps_most_of_the_room(text: str, limit: int) -> None:
    assert len(cut(text, limit)) > limit - 12
    assert len(cut(f"Flood: {text}", limit)) > limit - 12, "one blank at the beginning is not near"
