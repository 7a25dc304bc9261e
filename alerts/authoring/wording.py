"""Checks of the words of one language: length, sentences, capitals, links, letters, practice words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from alerts.authoring.diagnostic import Diagnostic
from alerts.authoring.draft import DraftWords, NoticeDraft
from alerts.authoring.five_parts import named_place
from alerts.authoring.readability import readability
from alerts.authoring.word_lists import WordLists, contains, contains_word
from alerts.kernel.blanks import blanks_in

TITLE_SHOWN, TITLE_LONG, TITLE_MOST = 40, 65, 200
TEXTS_MANY = 4
ADVICE_LONG = 280
SENTENCE_LONG = 20
AGE_HIGH = 11
_LINK = re.compile(
    r"\bhttps?://[^\s<>)\]]+|\bwww\.[^\s<>)\]]+|\b(?:bit\.ly|tinyurl\.com|t\.co|is\.gd|ow\.ly)/\S+", re.IGNORECASE
)
_FIELDS = ("title", "instruction", "body", "sms")


def wording(draft: NoticeDraft, tag: str, words: DraftWords, lists: WordLists | None) -> Iterator[Diagnostic]:
    """Yield what the words of a language leave to be mended."""
    yield from _title(draft, tag, words, lists)
    yield from _text(draft, tag)
    yield from _sentences(tag, words)
    yield from _capitals(tag, words)
    yield from _links(draft, tag, words, lists)
    yield from _blanks(tag, words)
    if lists is not None:
        yield from _practice(draft, tag, words, lists)
        yield from _vague(tag, words, lists)


def blanks(words: DraftWords) -> list[tuple[str, str]]:
    """Return blanks that nobody has filled, as (field, name): `[road]`. A link's `[words](address)` is none."""
    return [(field, name) for field in _FIELDS for name in blanks_in(getattr(words, field))]


def _title(draft: NoticeDraft, tag: str, words: DraftWords, lists: WordLists | None) -> Iterator[Diagnostic]:
    title = words.title
    if not title:
        yield Diagnostic("title", "stops", "Write a title: what happened, and where.", tag, "title")
        return
    if len(title) > TITLE_MOST:
        yield Diagnostic(
            "title", "stops", f"The title has {len(title)} letters: make it {TITLE_MOST} or fewer.", tag, "title"
        )
    elif len(title) > TITLE_LONG:
        yield Diagnostic(
            "title", "warns", f"The title has {len(title)} letters: {TITLE_LONG} are read at a glance.", tag, "title"
        )
    first = title[:TITLE_SHOWN]
    if lists is not None and not (
        contains(first, lists.hazards) or contains(first, lists.streets) or named_place(draft, first)
    ):
        said = f"A locked phone shows “{first}”: neither what happened nor where is in it."
        yield Diagnostic("title-start", "warns", said, tag, "title")


def _text(draft: NoticeDraft, tag: str) -> Iterator[Diagnostic]:
    measured = draft.texts.get(tag)
    if measured is None:
        return
    if measured.segments > TEXTS_MANY:
        words = f"The text message takes {measured.segments} texts: make it {TEXTS_MANY} or fewer."
        yield Diagnostic("texts", "stops", words, tag, "sms")
    elif measured.segments > 1:
        yield Diagnostic(
            "texts", "warns", f"The text message takes {measured.segments} texts; one is read at once.", tag, "sms"
        )
    if measured.encoding == "UCS-2" and tag not in ("ur", "ar"):
        words = "A letter of the text message does not fit the plain alphabet of texts: only 70 fit into one text."
        yield Diagnostic("letters", "warns", words, tag, "sms")


def _sentences(tag: str, words: DraftWords) -> Iterator[Diagnostic]:
    if len(words.instruction) > ADVICE_LONG:
        said = f"“What to do” has {len(words.instruction)} letters: keep it to {ADVICE_LONG}."
        yield Diagnostic("advice", "warns", said, tag, "instruction")
    for field in ("instruction", "body"):
        measured = readability(getattr(words, field), tag)
        if measured.longest > SENTENCE_LONG:
            said = f"A sentence has {measured.longest} words: split it, {SENTENCE_LONG} is much already."
            yield Diagnostic("sentence", "warns", said, tag, field)
        if measured.age is not None and measured.age > AGE_HIGH:
            said = f"Reading age {measured.age}: use shorter words and sentences, so that a child of nine follows."
            yield Diagnostic("reading-age", "warns", said, tag, field)


def _capitals(tag: str, words: DraftWords) -> Iterator[Diagnostic]:
    for field in _FIELDS:
        for sentence in re.split(r"[.!?\n]+", getattr(words, field)):
            letters = [word for word in re.findall(r"[^\W\d_]+", sentence) if len(word) > 1]
            if len(letters) > 3 and all(word.isupper() for word in letters):
                said = "A whole sentence is in capitals: keep them for at most three words."
                yield Diagnostic("capitals", "warns", said, tag, field)
                break


def _links(draft: NoticeDraft, tag: str, words: DraftWords, lists: WordLists | None) -> Iterator[Diagnostic]:
    for field in _FIELDS:
        text = getattr(words, field)
        for link in _LINK.findall(text):
            host = urlsplit(link if "://" in link else f"//{link}").hostname or ""
            if host.removeprefix("www.") not in draft.hosts and draft.kind == "alert":
                said = f"{host} is not ours: an alert links to our own page alone, which every message does by itself."
                yield Diagnostic("links", "stops", said, tag, field)
        if lists is not None and (bare := contains(text, lists.bare_links)):
            yield Diagnostic("links", "warns", f"“{bare}” says nothing: name what is behind the link.", tag, field)


def _blanks(tag: str, words: DraftWords) -> Iterator[Diagnostic]:
    for field, name in blanks(words):
        yield Diagnostic("blank", "stops", f"Fill [{name}].", tag, field)


def _practice(draft: NoticeDraft, tag: str, words: DraftWords, lists: WordLists) -> Iterator[Diagnostic]:
    if draft.drill:
        return
    for field in _FIELDS:
        text = getattr(words, field)
        if found := contains(text, lists.not_practice):
            said = f"Take “{found}” away: a hasty reader sees a drill in it. A real notice bears no such words."
            yield Diagnostic("practice", "stops", said, tag, field)
        elif found := contains_word(text, lists.practice):
            yield Diagnostic("practice", "warns", f"“{found}” in a real notice may be taken for a drill.", tag, field)


def _vague(tag: str, words: DraftWords, lists: WordLists) -> Iterator[Diagnostic]:
    for field in ("title", "instruction", "body", "sms"):
        text = getattr(words, field)
        if found := contains_word(text, lists.vague):
            said = f"“{found}” is read hours later too: give the clock and the day."
            yield Diagnostic("time", "warns", said, tag, field)
        if found := contains_word(text, lists.vague_places):
            yield Diagnostic("place", "warns", f"“{found}” is not known to every reader: name it.", tag, field)
