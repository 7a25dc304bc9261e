"""Atom feed: readable by a parser, whatever the notices say."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from alerts.web.public import atom

NOW = datetime(2026, 7, 12, 9, 30, tzinfo=UTC)
NAMES = {"a": "http://www.w3.org/2005/Atom"}


@given(st.text(st.characters(codec=None, exclude_categories=())))
@example("Flood\ufffe")
@example("Flood\uffff\x0b")
@example("\ud800Flood")
def test_feed_is_well_formed_whatever_a_text_holds(text: str) -> None:
    entry = atom.Entry(
        id=UUID(int=1),
        title=text,
        link=f"https://x.example/{text}",
        updated=NOW,
        language="en",
        html=text,
        category=text,
    )
    xml = atom.feed(text, "https://x.example", "https://x.example/feed", "en", NOW, [entry])
    root = etree.fromstring(xml)
    assert len(root.findall("a:entry", NAMES)) == 1
    if text.isalpha():
        assert root.findtext("a:entry/a:title", namespaces=NAMES) == text
