"""Guide: what a draft still lacks, and what its readers may misread (docs/guide.md has the sources)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.authoring.consistency import area_as_said, end_as_said, languages_agree, live_agree
from alerts.authoring.diagnostic import Diagnostic
from alerts.authoring.draft import NoticeDraft
from alerts.authoring.five_parts import five_parts
from alerts.authoring.outline import outline
from alerts.authoring.word_lists import word_lists
from alerts.authoring.wording import wording


def diagnostics(draft: NoticeDraft, sender: str) -> list[Diagnostic]:
    """Check a draft in each of its languages. Pure; `sender` is who says it, added by every message's layout."""
    return list(_diagnostics(draft, sender))


def blocking(found: Sequence[Diagnostic], there: frozenset[str]) -> list[Diagnostic]:
    """Return what stops the draft, apart from what its author says is there (`Diagnostic.key`)."""
    return [one for one in found if one.level == "stops" or (one.level == "asks" and one.key not in there)]


def overruled(found: Sequence[Diagnostic], there: frozenset[str]) -> list[str]:
    """Return the keys of what the author let stand: warnings, and what no list found but the author did."""
    return sorted({one.key for one in found if one.level == "warns" or (one.level == "asks" and one.key in there)})


def _diagnostics(draft: NoticeDraft, sender: str) -> Iterator[Diagnostic]:
    if not draft.content:
        yield Diagnostic("title", "stops", "Write a title: what happened, and where.", "", "title")
    for tag, words in draft.content.items():
        lists = word_lists(tag)
        yield from five_parts(draft, tag, words, lists, sender)
        yield from wording(draft, tag, words, lists)
        yield from end_as_said(draft, tag, words, lists)
        yield from area_as_said(draft, tag, words)
    yield from languages_agree(draft)
    yield from live_agree(draft)
    yield from outline(draft)
