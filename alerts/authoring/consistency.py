"""Checks across a draft: its end, its languages, its area and what is live already."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from alerts.authoring.diagnostic import Diagnostic
from alerts.authoring.draft import DraftWords, NoticeDraft
from alerts.authoring.five_parts import CLOCK, named_place
from alerts.authoring.word_lists import WordLists, word_lists

ENDS = "ends-time"
"""Field of a notice's end: mostly it is the one that nobody has set, not the words."""
_NUMBER = re.compile(r"\d+(?:[.:]\d+)?")


def end_as_said(draft: NoticeDraft, tag: str, words: DraftWords, lists: WordLists | None) -> Iterator[Diagnostic]:
    """Yield a diagnostic for a time after “until” that is not the notice's end."""
    if draft.ends is None or lists is None or not lists.until:
        return
    end = draft.ends.astimezone(ZoneInfo(draft.timezone))
    until = "|".join(re.escape(word) for word in lists.until)
    before = re.compile(rf"(?<!\w)(?:{until})\s+{CLOCK.pattern}", re.IGNORECASE)
    after = re.compile(rf"{CLOCK.pattern}\s+(?:{until})(?!\w)") if tag == "ur" else None
    for field in ("title", "instruction", "sms"):
        found = before.search(getattr(words, field)) or (after.search(getattr(words, field)) if after else None)
        if found and (int(found[1]), int(found[2])) != (end.hour, end.minute):
            said = f"The words say {found[1]}:{found[2]}, but the notice ends at {end:%H:%M}: "
            said += f"set its end, or say {end:%H:%M}."
            yield Diagnostic("end", "stops", said, tag, ENDS)
            return


def area_as_said(draft: NoticeDraft, tag: str, words: DraftWords) -> Iterator[Diagnostic]:
    """Yield a diagnostic for words that name registered places, none of which the area touches."""
    text = words.all.casefold()
    named = [name for name in draft.outside if re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", text)]
    if named and not named_place(draft, words.all):
        said = f"{named[0]} lies outside the area, and no place inside it is named: check both."
        yield Diagnostic("place", "stops", said, tag, "title")


def languages_agree(draft: NoticeDraft) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each language whose numbers are not those of the first."""
    tags = list(draft.content)
    if len(tags) < 2:
        return
    first = set(_numbers(draft.content[tags[0]]))
    for tag in tags[1:]:
        other = set(_numbers(draft.content[tag]))
        if missing := sorted(first - other):
            said = f"{', '.join(missing)} stands in the first language but not here."
            yield Diagnostic("numbers", "warns", said, tag, "instruction")
        elif extra := sorted(other - first):
            yield Diagnostic(
                "numbers", "warns", f"{', '.join(extra)} stands here but not in the first language.", tag, "instruction"
            )


def live_agree(draft: NoticeDraft) -> Iterator[Diagnostic]:
    """Yield a diagnostic for opposite advice, or another end, in a notice that is live in the same area."""
    for tag, words in draft.content.items():
        lists = word_lists(tag)
        for other in draft.live:
            theirs = other.words.get(tag)
            if lists is None or theirs is None:
                continue
            mine, live = words.all.casefold(), theirs.all.casefold()
            for one, opposite in lists.opposites:
                here = (one in mine and opposite in live) or (opposite in mine and one in live)
                if here:
                    said = f"“{other.title}” is live here and says the opposite (“{one}” against “{opposite}”)."
                    yield Diagnostic("opposite", "stops", f"{said} Update that one first.", tag, "instruction")
                    break
            else:
                if draft.ends and other.ends and draft.ends != other.ends:
                    yield Diagnostic("live", "warns", f"“{other.title}” is live here, with another end.", tag, "")


def _numbers(words: DraftWords) -> list[str]:
    text = "\n".join((words.title, words.instruction, words.body))
    western = text.translate(_DIGITS)
    return [number.replace(".", ":") for number in _NUMBER.findall(western)]


_DIGITS = {
    **{ord("٠") + n: str(n) for n in range(10)},
    **{ord("۰") + n: str(n) for n in range(10)},
}
