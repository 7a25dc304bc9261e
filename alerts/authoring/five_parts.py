"""Five parts of a warning: who, what, where, what to do, when (Mileti and Sorensen, 1990)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alerts.authoring.diagnostic import Diagnostic, Level
from alerts.authoring.draft import DraftWords, NoticeDraft
from alerts.authoring.word_lists import WordLists, contains
from alerts.kernel.blanks import BLANK

CLOCK = re.compile(r"(?<!\d)([01]?\d|2[0-3])[:.]([0-5]\d)(?!\d)")
POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b[A-Z]{1,2}\d{1,2}[A-Z]?\b")
_ASKS = {
    "what": "No word for what happened was found. Say it, such as “gas leak”.",
    "where": "No street, place or postcode was found. Name one.",
    "do": "No advice was found. Say what to do, such as “Stay indoors”.",
    "when": "No time was found. Say until when, such as “until 20:00”.",
}


def five_parts(
    draft: NoticeDraft, tag: str, words: DraftWords, lists: WordLists | None, sender: str
) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each part in one language. What an alert lacks, its author must say is there."""
    yield Diagnostic("who", "good", sender, tag)
    if not words.instruction and draft.kind == "alert":
        yield Diagnostic("do", "stops", "Say what people should do: “What to do” is empty.", tag, "instruction")
    for part, found in _found(draft, words, lists).items():
        if part == "do" and not words.instruction and draft.kind == "alert":
            continue
        field = {"do": "instruction", "when": "instruction"}.get(part, "title")
        if found:
            yield Diagnostic(part, "good", found, tag)
        else:
            yield Diagnostic(part, _level(draft, part), _ASKS[part], tag, field)


def _found(draft: NoticeDraft, words: DraftWords, lists: WordLists | None) -> dict[str, str]:
    """Words found of each part; "" for nothing. The name of a blank that is not filled says nothing yet."""
    text = BLANK.sub(" ", words.all)
    if lists is None:
        return {"what": words.title, "where": named_place(draft, text), "do": words.instruction, "when": _clock(text)}
    return {
        "what": contains(text, lists.hazards),
        "where": named_place(draft, text) or contains(text, lists.streets),
        "do": contains(f"{words.instruction}\n{words.sms}" if words.instruction else text, lists.actions),
        "when": _clock(text) or contains(text, lists.times),
    }


def _level(draft: NoticeDraft, part: str) -> Level:
    must = draft.kind == "alert" and (part != "when" or draft.danger)
    return "asks" if must else "warns"


def _clock(text: str) -> str:
    found = CLOCK.search(text)
    return found[0] if found else ""


def named_place(draft: NoticeDraft, text: str) -> str:
    """Return a registered place inside the area, or a postcode, that a text names; "" for none."""
    lowered = text.casefold()
    for name in draft.inside:
        if re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", lowered):
            return name
    found = POSTCODE.search(text)
    return found[0] if found else ""
