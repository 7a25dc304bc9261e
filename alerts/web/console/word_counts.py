"""Counters beside the words of a draft: letters left, and how many texts the text message takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.authoring.wording import ADVICE_LONG, TITLE_LONG
from alerts.channels.sms_segments import count

LIMITS = {"title": TITLE_LONG, "instruction": ADVICE_LONG}
"""Letters of a field up to which the guide says nothing."""
LEFT, OVER = "{letters} letters, {rest} left of {most}.", "{letters} letters, {rest} more than {most}."
"""Sentences of a counter, by the script of the page too."""


def word_counts(words: Mapping[str, Mapping[str, str]], texts: Mapping[str, str] | None) -> dict[str, str]:
    """Return what stands at each field, by its name: `title-en`.

    `texts`: whole text messages by language, as they would leave; None before the draft has the number that they name.
    """
    said: dict[str, str] = {}
    for tag, fields in words.items():
        said |= {f"{name}-{tag}": letters(fields[name], most) for name, most in LIMITS.items()}
        said[f"sms-{tag}"] = "Counted when the draft is saved." if texts is None else text_message(texts.get(tag, ""))
    return said


def letters(text: str, most: int) -> str:
    """Say how many letters a field has, and how many are left."""
    number = len(text)
    return (LEFT if number <= most else OVER).format(letters=number, rest=abs(most - number), most=most)


def text_message(text: str) -> str:
    """Say how much room of how many texts a whole text message takes, link and way out included."""
    if not text:
        return ""
    measured = count(text)
    each = "1 text" if measured.segments == 1 else f"{measured.segments} texts"
    alphabet = "" if measured.encoding == "GSM-7" else ", in an alphabet of which fewer letters fit"
    return f"Whole message: {measured.used} of {measured.room} letters, {each} each{alphabet}."
